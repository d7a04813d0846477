"""Loop nests of the norm engine, and of what engines share: each yields exactly the product of its bounds.

By induction, for all time and any bounds within few bits. ``running`` and ``valid`` may pause in any cycle.

*iterations*: as many iterations as the descriptor says, each begun with its semaphores, which are taken once.
*norm_reader*: lanes x words reads a group, at successive addresses, with ``first`` and ``last`` of each token.
*norm_replay*: each word of a token once, or each of its parts.
*norm_writer*: count x lanes x words words, two planes of each where wide; a signal a group, the last one with the last.
*norm_table*: each token reads the same words; the table moves on after as many groups as it says, and only then.

Assumed: a bound is not zero and stands still within the nest, and the next one begins after the end.
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value

from golden.spec.descriptors import ENGINES, REGISTER_BITS
from rtl.memory.part_ram import PARTS
from rtl.units.iterations import Iterations
from rtl.units.norm_control import NormReader, NormReplay, NormTable, NormWriter
from tests.formal.prove import SMALL, Monitor, Property, driven, inside, previous
from tests.formal.streams import free_inputs

LANES = 4
CONFIG = dataclasses.replace(SMALL, lanes=LANES)
BOUND_BITS = 3
COUNT_BITS = 4


def bound(m: Module, value: Value, within: Value) -> None:
    """A bound of a nest: small, not zero, and still within it."""
    m.d.comb += [Assume((value != 0) & (value < 1 << BOUND_BITS)),
                 Assume(~within | (value == previous(m, value)))]


class IterationsMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(COUNT_BITS)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        left = Signal(COUNT_BITS + 1)       # iterations, that under way counted
        each = Signal(ENGINES)
        ends = unit.running & unit.last_cycle
        m.d.comb += Assume(unit.count != 0)
        with m.If(unit.accept):
            m.d.sync += [left.eq(unit.count), each.eq(unit.wait_each)]
        with m.Elif(ends):
            m.d.sync += left.eq(left - 1)
        begins = unit.accept | (ends & (left > 1) & ~(each & ~unit.available).any()) | (
            unit.waiting & ~(each & ~unit.available).any())
        wanted = Mux(unit.accept, unit.wait_first | unit.wait_each, each)
        m.d.comb += [
            Assert(~unit.accept | (left == 0), "all iterations of the descriptor before"),
            Assert((unit.running | unit.waiting) == (left != 0), "as many as it says"),
            Assert(~unit.running | (unit.last_iteration == (left == 1)), "the last one"),
            Assert(~(unit.running & unit.waiting)),
            Assert(unit.take == Mux(begins, wanted, 0), "each begins with its semaphores, once"),
            Assert((unit.take & ~unit.available) == 0, "which are there"),
            Assert(~previous(m, begins) | unit.running, "in the next cycle"),
            Assert((left == 0) | ((own["remaining"] == left - 1) & (own["each"] == each))),
        ]


class GreedyIterations(Iterations):
    """One iteration too many."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(self.accept):
            m.d.sync += driven(m, "remaining").eq(self.count)
        return m


class ReaderMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        reads = Signal(range(LANES << BOUND_BITS))      # of this group, before this cycle
        address = Signal(REGISTER_BITS)
        within = Signal()
        m.d.comb += within.eq((reads != 0) | own["second"])
        bound(m, unit.words, within)
        m.d.comb += [Assume(~within | (unit.slow == previous(m, unit.slow))), Assume(~(unit.load & within)),
                     Assume(~(unit.load & unit.running))]
        with m.If(unit.enable):
            m.d.sync += reads.eq(reads + 1)
        with m.If(unit.last_cycle):
            m.d.sync += reads.eq(0)
        with m.If(unit.load):
            m.d.sync += address.eq(unit.base)
        with m.Elif(unit.running & (own["second"] == unit.slow)):
            m.d.sync += address.eq(address + 1)
        m.d.comb += [
            Assert(~unit.last_cycle | (reads + unit.enable == unit.words * LANES), "lanes x words reads a group"),
            Assert(unit.last_cycle | (reads + unit.enable <= unit.words * LANES), "and no more"),
            Assert(unit.enable == (unit.running & ~own["second"]), "one a cycle, or every two"),
            Assert(~unit.enable | (unit.address == address), "at successive addresses"),
            Assert(~unit.enable | (unit.first == (own["word"] == 0)), "first"),
            Assert(own["word"] < unit.words),
            Assert(reads == own["token"] * unit.words + own["word"] + own["second"]),
            Assert(unit.slow | ~own["second"]),
            Assert(own["address"] == address),
        ]


class ShortReader(NormReader):
    """Ends a group with the last but one token."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(driven(m, "token") == self.lanes - 2):
            m.d.comb += self.last_cycle.eq(self.running & self.last)
        return m


class ReplayMonitor(Monitor):
    parts = 1

    def __init__(self, unit: type) -> None:
        self.unit = unit(self.parts)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        left = Signal(BOUND_BITS + 1)           # cycles still to come
        bound(m, unit.words, left != 0)
        m.d.comb += [Assume(~unit.start | (left <= 1)), Assume((left == 0) | (unit.slow == previous(m, unit.slow)))]
        if self.parts == PARTS:
            m.d.comb += Assume(unit.slow)
        with m.If(unit.start):
            m.d.sync += left.eq(unit.words << unit.slow)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        second = left[0] & unit.slow
        m.d.comb += [
            Assert(own["active"] == (left != 0), "words, or twice as many cycles"),
            Assert(unit.enable == ((left != 0) & ((self.parts == PARTS) | ~second)), "each word, or part, once"),
            Assert((left == 0) | (unit.word == unit.words - Mux(unit.slow, (left + 1) >> 1, left)), "in order"),
            Assert(unit.upper == ((left != 0) & second), "the lower part first"),
            Assert(left <= unit.words << unit.slow),
            Assert((left == 0) | (own["second"] == second)),
        ]


class PartsReplayMonitor(ReplayMonitor):
    parts = PARTS


class ForgetfulReplay(NormReplay):
    """Leaves out a token's last word."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        active, second, word = (driven(m, name) for name in ("active", "second", "word"))
        with m.If(active & (word + 2 == self.words) & (second == self.slow) & ~self.start):
            m.d.sync += active.eq(0)
        return m


class WriterMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        left = Signal(2 * BOUND_BITS + 2)       # words of the descriptor that have not come
        start = Signal(REGISTER_BITS)           # address of the token
        second = previous(m, unit.valid & unit.wide)
        planes = Mux(unit.wide, 2, 1)
        self.surroundings(m, left, second)
        token_end = Mux(unit.wide, second, unit.valid) & (own["word"] == unit.words - 1)
        with m.If(unit.load):
            m.d.sync += [left.eq(unit.count * LANES * unit.words), start.eq(unit.base)]
        with m.Elif(unit.valid):
            m.d.sync += left.eq(left - 1)
        with m.If(token_end):
            m.d.sync += start.eq(start + unit.words * planes)
        ends = token_end & (own["token"] == LANES - 1)
        last = Mux(left - (unit.valid & ~unit.wide) == 0, unit.signal_last, 0)
        going = Signal.like(left)               # those that are not written
        m.d.comb += going.eq(left + second)
        rest = (own["remaining"][:BOUND_BITS] * LANES + (LANES - 1 - own["token"])) * unit.words
        m.d.comb += [
            Assert((going == 0) | (going == rest + unit.words - own["word"]), "count x lanes x words"),
            Assert((going == 0) | ((own["word"] < unit.words) & (own["remaining"] < 1 << BOUND_BITS))),
            Assert((going != 0) | ((own["word"] == 0) & (own["token"] == 0)), "the end of the nest"),
            Assert(unit.enable == previous(m, unit.valid | second), "each word once, or both its planes"),
            Assert(~unit.enable | (unit.address == previous(m, (start + own["word"] + Mux(second, unit.words, 0))
                                                            [:REGISTER_BITS])), "one after the other"),
            Assert(unit.give == previous(m, Mux(ends, unit.signal_each | last, 0)), "a signal a group"),
            Assert(unit.active == ((going != 0) | own["finished"]), "active to the end"),
            Assert(~own["finished"] | (going == 0)),
            Assert(own["second"] == second),
            Assert((going == 0) | (own["pointer"] == (start + own["word"])[:REGISTER_BITS])),
        ]

    def surroundings(self, m: Module, left: Signal, second: Value) -> None:
        """What the engine around it does."""
        unit = self.unit
        held = Cat(unit.wide, unit.signal_each, unit.signal_last)
        bound(m, unit.words, unit.active)
        m.d.comb += [
            Assume(~unit.active | (held == previous(m, held))),
            Assume(~unit.valid | ((left != 0) & ~second)),
            Assume(~unit.load | ~unit.active),
            Assume((unit.count != 0) & (unit.count < 1 << BOUND_BITS)),
        ]


class EndlessWriter(NormWriter):
    """One group too many."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(self.load):
            m.d.sync += driven(m, "remaining").eq(self.count)
        return m


class TableMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        begun = Signal()                        # a descriptor was loaded
        table = Signal(REGISTER_BITS)
        left = Signal(2 * BOUND_BITS + 2)       # words of groups that read this table
        groups = Mux(unit.groups == 0, 1, unit.groups)
        full = (groups * LANES * unit.words)[:len(left)]
        held = Cat(unit.groups, unit.step)
        m.d.sync += begun.eq(begun | unit.load)
        bound(m, unit.words, begun & ~previous(m, unit.load))
        m.d.comb += [Assume(~(begun & ~previous(m, unit.load)) | (held == previous(m, held))),
                     Assume(unit.groups < 1 << BOUND_BITS), Assume(~unit.valid | begun),
                     Assume(~(unit.valid & unit.load))]
        self.follow(m, own, begun, table, left, full)

    def follow(self, m: Module, own: dict, begun: Signal, table: Signal, left: Signal, full: Value) -> None:
        """Words come in order; after the last of a table the next one begins."""
        unit = self.unit
        fresh = previous(m, unit.load)
        here = Mux(fresh, full, left)           # this cycle's included
        word = Signal(BOUND_BITS)
        with m.If(unit.load):
            m.d.sync += [table.eq(unit.base), word.eq(0)]
        with m.Elif(begun):
            m.d.sync += left.eq(Mux(unit.valid, Mux(here == 1, full, here - 1), here))
            with m.If(unit.valid):
                m.d.sync += word.eq(Mux(word == unit.words - 1, 0, word + 1))
                with m.If((here == 1) & (unit.groups != 0)):
                    m.d.sync += table.eq(table + unit.step)
        groups = Mux(unit.groups == 0, 1, unit.groups)
        group = Mux(unit.groups == 0, 0, own["group"][:BOUND_BITS])
        rest = ((groups - 1 - group) * LANES + (LANES - 1 - own["token"])) * unit.words + unit.words - word
        m.d.comb += [
            Assume(~unit.valid | (unit.word == word)),
            Assert(~(begun & unit.valid) | (unit.address == table + unit.word), "table + word"),
            Assert(~begun | (here == rest), "groups x lanes x words of each"),
            Assert(~begun | ((word < unit.words) & (own["base"] == table))),
            Assert(~begun | (unit.groups == 0) | (own["group"] < unit.groups)),
        ]


class EarlyTable(NormTable):
    """Moves on a token too early."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(self.valid & (driven(m, "token") == self.lanes - 2) & (driven(m, "group") + 1 == self.groups)
                  & (self.word == self.words - 1) & ~self.load):
            m.d.sync += driven(m, "base").eq(driven(m, "base") + self.step)
        return m


PROPERTIES = [
    Property("iterations", IterationsMonitor, Iterations, (GreedyIterations,), depth=5, induction=True, quick=True),
    Property("norm_reader", ReaderMonitor, NormReader, (ShortReader,), depth=8, induction=True),
    Property("norm_replay", ReplayMonitor, NormReplay, (ForgetfulReplay,), depth=6, induction=True),
    Property("norm_replay_parts", PartsReplayMonitor, NormReplay, (ForgetfulReplay,), depth=6, induction=True),
    Property("norm_writer", WriterMonitor, NormWriter, (EndlessWriter,), depth=10, induction=True, quick=True),
    Property("norm_table", TableMonitor, NormTable, (EarlyTable,), depth=8, induction=True),
]
