"""Words from their parts."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Gather(wiring.Component):
    """Two parts of ``bits`` bits, the lower first and the upper in the next cycle, to a word.

    ``part`` counts in a cycle with ``valid``, the lower one, and in the cycle after it. LATENCY 1 cycle after the
    upper part ``word_valid`` is high; ``word`` holds until the next word. Initiation interval 2.
    """

    LATENCY = 1

    def __init__(self, bits: int) -> None:
        super().__init__({
            "valid": In(1),
            "part": In(bits),
            "word": Out(2 * bits),
            "word_valid": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lower = Signal.like(self.part, reset_less=True)
        upper = Signal()      # the upper part is there
        m.d.sync += [upper.eq(self.valid), self.word_valid.eq(upper)]
        with m.If(self.valid):
            m.d.sync += lower.eq(self.part)
        with m.If(upper):
            m.d.sync += self.word.eq(self.joined(lower, self.part))
        return m

    def joined(self, lower: Value, upper: Value) -> Value:
        """The word."""
        return Cat(lower, upper)
