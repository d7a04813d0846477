"""Memories lose, repeat and reorder nothing: for all time and any word, by induction.

Of a memory, one word, chosen freely: what was written there last is what a read gives READ_LATENCY cycles later, at
either reader, in its bank, part or slot; a write elsewhere changes nothing of it. Where one reads a word that is being
written, ``collision`` says so, and of what is read then nothing is claimed. An access past the end raises ``fault`` in
its cycle and writes nothing. Few words of few bits; the depth of ``Ram`` is no power of two.

*gather*: the two parts of a word make it, in their order, and each two parts one word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

from amaranth.hdl import Assert, Assume, Cat, Const, Module, Signal, Value
from amaranth.lib import wiring

from golden.spec.step import STEP_FIELDS, STEP_SLOT_BITS
from rtl.bench.bugs_memory import LoneRam, SmearingRam, TurnedStepRam
from rtl.memory.checked_ram import CheckedRam, VerifiedRam, kept_bits
from rtl.memory.line_ram import LineRam
from rtl.memory.part_ram import PARTS, PartRam
from rtl.memory.ports import READ_LATENCY
from rtl.memory.ram import Ram
from rtl.memory.step_ram import StepRam
from rtl.memory.twin_ram import TwinRam
from rtl.memory.word_check import with_check
from rtl.units.gather import Gather
from tests.formal.prove import Monitor, Property, fixed, inside, previous
from tests.formal.stream_units import name
from tests.formal.streams import free_inputs

BITS = 4


class CrossedLineRam(LineRam):
    """Tells collisions of the other bank."""

    def used(self, number: int) -> Value:
        return self.read.words[1 - number]


class ProbedRam(Ram):
    """With ports that show words, a part each."""

    def __init__(self, depth: int, bits: int) -> None:
        super().__init__(depth, bits)
        self.probes = [(Signal(range(depth), name=f"probe_address_{part}"), Signal(bits, name=f"probe_{part}"))
                       for part in range(PARTS)]

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        for address, word in self.probes:
            port = m.submodules.store.read_port(domain="comb")
            m.d.comb += [port.addr.eq(address), word.eq(port.data)]
        return m


class ProbedVerifiedRam(VerifiedRam):
    """Keeps its words in a memory that it is given."""

    def __init__(self, store: ProbedRam, depth: int, bits: int, checked: bool) -> None:
        super().__init__(depth, bits, checked)
        self.store = store

    def elaborate(self, platform: object) -> Module:
        with patch("rtl.memory.checked_ram.Ram", lambda depth, bits: self.store):
            return super().elaborate(platform)


class ProbedCheckedRam(CheckedRam):
    """With ports that show words as they are kept, check bits included."""

    def __init__(self, depth: int, bits: int, checked: bool) -> None:
        super().__init__(depth, bits, checked)
        store = ProbedRam(depth, kept_bits(bits, checked))
        self.probes = store.probes
        self.store_unit = partial(ProbedVerifiedRam, store)


PROBED = {"Ram": ProbedRam, "CheckedRam": ProbedCheckedRam}


@dataclass(frozen=True)
class Memory:
    """A memory and how its words are read."""

    make: Callable[[type], wiring.Component]
    depth: int
    readers: dict[str, tuple[str, ...]]     # reader -> the block RAMs that it reads
    line: int = 1       # words in what is read at once
    parts: int = 1      # reads of a word
    patched: str = ""   # name of the class that is to be probed, with its module
    fields: tuple[tuple[int, int], ...] = ()    # (place, bits) of what is kept of a word; all where there are none

    def keep(self, word: Value) -> Value:
        """What is read of a word that was written: the rest is zero."""
        return Cat(Cat(word[place:place + bits], Const(0, STEP_SLOT_BITS - bits))
                   for place, bits in self.fields) if self.fields else word

    def pack(self, word: Value) -> Value:
        """What lies in the block RAM."""
        packed = Cat(word[place:place + bits] for place, bits in self.fields) if self.fields else word
        return with_check(packed) if self.patched.endswith("CheckedRam") else packed


class MemoryMonitor(Monitor):
    def __init__(self, case: Memory, kind: type) -> None:
        self.case, self.unit = case, case.make(kind)

    def claim(self, m: Module) -> None:
        unit, case = self.unit, self.case
        with patch(case.patched, PROBED[case.patched.rpartition(".")[-1]]):
            m.submodules.unit = self.body = unit.elaborate(None)
        unit._MustUse__used = True
        free_inputs(m, unit)
        self.chosen = fixed(m, "chosen", range(case.depth))
        self.known = Signal()                           # it was written since the start
        self.kept = Signal(len(unit.write.data))
        self.wrote = Signal()
        m.d.comb += [Assume(self.chosen < case.depth),
                     self.wrote.eq(unit.write.enable & (unit.write.address == self.chosen))]
        with m.If(self.wrote):
            m.d.sync += [self.known.eq(1), self.kept.eq(case.keep(unit.write.data))]
        faults = [unit.write.enable & (unit.write.address >= case.depth)]
        if case.parts > 1:
            m.d.comb += Assume(~(unit.write.enable & previous(m, unit.write.enable)))
            faults.append(previous(m, faults[0]))       # the upper part of the word before is written
        meets = []
        for each, rams in case.readers.items():
            reader = getattr(unit, each)
            meets += [self.read(m, reader, rams, part) for part in range(case.parts)]
            used = reader.words.any() if case.line > 1 else 1
            faults.append(reader.enable & used & (reader.address >= case.depth // case.line * case.parts))
        m.d.comb += [Assert(~Cat(meets).any() | unit.collision, "who meets a writer is told"),
                     Assert(unit.fault == Cat(faults).any(), "past the end")]

    def read(self, m: Module, reader: object, rams: tuple[str, ...], part: int) -> Value:
        """One reader's reads of the chosen word, or of one of its parts; returns whether it meets the writer."""
        case, bits = self.case, len(self.kept) // self.case.parts
        place = self.chosen // case.line * case.parts + part
        there = self.chosen % case.line
        known, kept, wrote = self.known, self.kept, self.wrote
        if part:    # written a cycle later
            known, kept, wrote = previous(m, known), previous(m, kept), previous(m, wrote)
        expected = kept.word_select(part, bits)
        reads = reader.enable & (reader.address == place)
        if case.line > 1:
            reads &= reader.words.bit_select(there, 1)
        good = previous(m, reads & ~wrote & known, READ_LATENCY)
        word = reader.data.word_select(there, bits)
        m.d.comb += Assert(~good | (word == previous(m, expected, READ_LATENCY)), "what was written last")
        for number, ram in enumerate(rams):
            address, stored = getattr(self.body.submodules, ram).probes[part]
            mine = there == number if case.line > 1 else 1
            m.d.comb += [address.eq(place), Assert(~(known & mine) | (stored == case.pack(expected)), "stored")]
        return reads & wrote


def banks(count: int) -> tuple[str, ...]:
    return tuple(f"bank_{number}" for number in range(count))


MEMORIES: dict[type, tuple[Memory, tuple[type, ...]]] = {
    TwinRam: (Memory(lambda kind: kind(3, BITS), 3, {"read_0": ("copy_0",), "read_1": ("copy_1",)},
                     patched="rtl.memory.twin_ram.Ram"), (LoneRam,)),
    LineRam: (Memory(lambda kind: kind(6, BITS, 2), 6, {"read": banks(2)}, line=2, patched="rtl.memory.line_ram.Ram"),
              (CrossedLineRam,)),
    PartRam: (Memory(lambda kind: kind(3, BITS), 3, {"read": ("store",)}, parts=PARTS,
                     patched="rtl.memory.part_ram.CheckedRam"),
              (SmearingRam,)),
    StepRam: (Memory(lambda kind: kind(3), 3, {"read": ("store",)}, patched="rtl.memory.step_ram.CheckedRam",
                     fields=tuple((STEP_SLOT_BITS * place, field.bits) for place, field in enumerate(STEP_FIELDS))),
              (TurnedStepRam,)),
}


class GatherMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(BITS)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        free_inputs(m, unit)
        m.d.comb += [
            Assume(~(unit.valid & previous(m, unit.valid))),
            Assert(unit.word_valid == previous(m, unit.valid, 2), "a word for each two parts"),
            Assert(~unit.word_valid | (unit.word == Cat(previous(m, unit.part, 2), previous(m, unit.part)))),
        ]


class SwappedGather(Gather):
    """The upper part below the lower one."""

    def joined(self, lower: Value, upper: Value) -> Value:
        return Cat(upper, lower)


PROPERTIES = [Property("gather", GatherMonitor, Gather, (SwappedGather,), depth=4, induction=True)]
PROPERTIES += [Property(f"memory_{name(kind)}", partial(MemoryMonitor, case), kind, bugs, depth=6, induction=True,
                        quick=kind is not StepRam) for kind, (case, bugs) in MEMORIES.items()]
