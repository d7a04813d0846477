"""The check of stored words: for any word and any flip of none, one or two of its bits, data or check.

It is told, a cycle later, exactly where a word that was asked for has a flip. Of one, two and four times 32 bits, the
words of configurations of 8 and 16 channels.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal

from golden.spec.check import stored_bits
from rtl.bench.bugs_memory import BlindCheck, MistakenCheck
from rtl.memory.word_check import WordCheck, with_check
from tests.formal.prove import Monitor, Property, free, inside, previous

WIDTHS = (32, 64, 128)


class CheckMonitor(Monitor):
    BITS = 64

    def __init__(self, unit: type[WordCheck]) -> None:
        self.unit = unit(self.BITS)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        word = Signal(self.BITS)
        places = [Signal(range(stored_bits(self.BITS)), name=f"place_{number}") for number in range(2)]
        flipped = [Signal(name=f"flipped_{number}") for number in range(2)]
        free(m, unit.valid, word, *places, *flipped)
        flips = Signal(stored_bits(self.BITS))
        first, second = (flip << place for flip, place in zip(flipped, places, strict=True))
        m.d.comb += [
            flips.eq(first | second),
            unit.word.eq(with_check(word) ^ flips),
            Assert(unit.damaged == previous(m, unit.valid & flips.any()), "told where a bit is flipped"),
        ]


def monitor(bits: int) -> type[Monitor]:
    """The claim for words of so many bits."""
    return type(f"CheckMonitor{bits}", (CheckMonitor,), {"BITS": bits})


PROPERTIES = [Property(f"word_check_{bits}", monitor(bits), WordCheck, (BlindCheck, MistakenCheck), depth=3,
                       induction=True, quick=bits < max(WIDTHS)) for bits in WIDTHS]
