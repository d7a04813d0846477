"""The detector loses no sample, and decides every entry of a request exactly once.

*burst_queue* (depth 4, payload of 2 bits, by induction): items leave in order, with their values; one is lost only with
``overrun``, which is high exactly in a push that finds the queue full.

*sample_counters* (width 8, bounded): of one entry and channel, both free, a copy gives the number of non-zeros among
the samples that were popped since its copy before, as long as they are few; other entries' samples and copies change
nothing, however closely all follow each other.

*copy_turns* (by induction): a copy that is due waits for one sample at most, and begins when none is under way.

*decider* (by induction): any request takes max(1, count) * decide_cycles cycles and is popped in the last. Its n-th
entry is copied once, before the counting, and shows at ``entry`` throughout; ``write`` is only in an entry's last
cycle. Assumed: a copy is taken no later than ``sample_cycles`` after it is due, as *copy_turns* proves, and a request
stands still until it is popped.
"""

from __future__ import annotations

import dataclasses
from itertools import accumulate

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal
from amaranth.lib import data

from golden.spec.hardware import SPLIT_ENTRY_BITS
from golden.spec.split import (
    COUNT_BITS,
    RANGE_BITS,
    SAMPLE_DEPTH,
    decide_cycles,
    phase_cycles,
    sample_cycles,
)
from rtl.array.decider import Decider, Phase
from rtl.array.sample_counters import SampleCounters
from rtl.bench.bugs_detector import CrowdedQueue, HastyDecider, StickyCounters
from rtl.memory.burst_queue import BurstQueue
from tests.formal.prove import SMALL, Monitor, Property, fixed, free, inside, previous

CONFIG = dataclasses.replace(SMALL, line_words=1, split_lines=4)
DEPTH = 4
NUMBER_BITS = 4
FIRST_DUE = (SAMPLE_DEPTH - 1) * sample_cycles(CONFIG)
"""Cycle of a decision from which every sample that was held at its beginning is counted or being counted."""


class QueueMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(DEPTH, data.StructLayout({"tag": 2}))

    def claim(self, m: Module) -> None:
        unit = self.unit
        m.submodules.unit = body = unit.elaborate(None)
        unit._MustUse__used = True
        own = {signal.name: signal for signal in body._driving}
        free(m, unit.push, unit.item, unit.pop)
        chosen = fixed(m, "chosen", NUMBER_BITS)
        entered, left = Signal(NUMBER_BITS), Signal(NUMBER_BITS)
        held, distance = Signal(NUMBER_BITS), Signal(NUMBER_BITS)
        value = Signal(2)
        m.d.comb += [held.eq(entered - left), distance.eq(chosen - left)]
        with m.If(unit.push & ~unit.overrun):
            m.d.sync += entered.eq(entered + 1)
            with m.If(entered == chosen):
                m.d.sync += value.eq(unit.item.tag)
        with m.If(unit.pop):
            m.d.sync += left.eq(left + 1)
            with m.If(left == chosen):
                m.d.comb += Assert(unit.front.tag == value, "in order, none lost")
        probe = body.submodules.store.read_port(domain="comb")
        m.d.comb += [
            Assume(~unit.pop | unit.valid),
            Assert(unit.valid == (held != 0), "offers what it holds"),
            Assert(unit.several == (held > 1), "several"),
            Assert(unit.overrun == (unit.push & (held == DEPTH)), "tells what it loses"),
            Assert(held <= DEPTH, "no more than there is room for"),
            # what makes it inductive: where things are
            Assert((own["level"] == held) & (own["reader"] == left[:2])),
            probe.addr.eq(chosen),
            Assert((distance >= held) | (probe.data.tag == value)),
        ]


class CountersMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        free(m, unit.valid, unit.several, unit.front, unit.copy_due, unit.copy_entry)
        entry = fixed(m, "chosen_entry", range(CONFIG.split_lines))
        channel = fixed(m, "chosen_channel", range(CONFIG.width))
        count = Signal(COUNT_BITS)
        samples = Signal(COUNT_BITS)
        copied_entry = Signal(SPLIT_ENTRY_BITS)
        stands = previous(m, unit.valid & ~unit.pop)
        more = previous(m, unit.valid & unit.several)
        front = previous(m, unit.front.as_value())
        copying = Signal(range(2 * sample_cycles(CONFIG)))    # cycles since a copy was taken
        m.d.comb += [
            Assume(~stands | (unit.valid & (unit.front.as_value() == front))),
            Assume(~more | unit.valid),
            Assume(~unit.several | unit.valid),
            Assume(unit.front.entry < CONFIG.split_lines),
            Assume(unit.copy_entry < CONFIG.split_lines),
            Assert(~unit.fault, "in the table, and no read of what is being written"),
        ]
        with m.If(copying != 0):
            m.d.sync += copying.eq(copying - 1)
            m.d.comb += [Assume(unit.copy_entry == copied_entry), Assume(~unit.copy_due)]
        with m.If(unit.copy_taken):
            m.d.sync += [copying.eq(2 * sample_cycles(CONFIG) - 1), copied_entry.eq(unit.copy_entry)]
        with m.If(unit.pop & (unit.front.entry == entry)):
            m.d.sync += [count.eq(count + unit.front.nonzero.bit_select(channel, 1)), samples.eq(samples + 1)]
        self.copies(m, entry, channel, count, samples, copied_entry)

    def copies(self, m: Module, entry: Signal, channel: Signal, count: Signal, samples: Signal,
               copied_entry: Signal) -> None:
        """A copy of the chosen entry: what was popped before it began, and nothing is left."""
        unit = self.unit
        begun = previous(m, unit.copy_taken)
        counted = Signal(COUNT_BITS)
        sampled = Signal(COUNT_BITS)
        with m.If(begun & (copied_entry == entry)):
            m.d.sync += [counted.eq(count), sampled.eq(samples), count.eq(0), samples.eq(0)]
        m.d.comb += Assert(unit.copied_valid == previous(m, begun, 2), "when the copy comes")
        with m.If(unit.copied_valid & (copied_entry == entry)):
            bits = unit.copied.counts.as_value().word_select(channel, COUNT_BITS)
            m.d.comb += [Assert(bits == counted, "non-zeros"), Assert(unit.copied.samples == sampled, "samples")]


class TurnsMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        free(m, unit.valid, unit.several, unit.front, unit.copy_due, unit.copy_entry)
        waited = Signal(range(sample_cycles(CONFIG) + 1))
        m.d.sync += waited.eq(Mux(unit.copy_due & ~unit.copy_taken, waited + 1, 0))
        m.d.comb += [
            Assert(waited < sample_cycles(CONFIG), "a copy waits for one sample at most"),
            Assert(~unit.copy_taken | unit.copy_due, "only a copy that is due"),
            Assert(~(unit.copy_taken & unit.running & ~unit.last), "one at a time"),
            Assert(~unit.running | (waited <= unit.step)),
            Assert(unit.running | (waited == 0)),
            Assert(unit.step < sample_cycles(CONFIG)),
        ]


class BusyCounters(SampleCounters):
    """Lets samples go before a copy."""

    def sequence(self, m: Module) -> None:
        super().sequence(m)
        with m.If(self.valid):
            m.d.comb += self.copy_taken.eq(0)


class DeciderMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.valid, unit.front, unit.copy_taken, unit.copied_valid, unit.copied)
        stands = previous(m, unit.valid & ~unit.pop)
        front = previous(m, unit.front.as_value())
        elapsed = Signal(range(decide_cycles(CONFIG)))   # cycles of the entry's decision
        number = Signal(RANGE_BITS)                      # of the entry in its request
        copies = Signal(2)                               # taken for this entry
        due = Signal(range(sample_cycles(CONFIG)))       # cycles for which a copy has been due
        end = elapsed == decide_cycles(CONFIG) - 1
        last = number + 1 >= unit.front.count
        m.d.comb += [
            Assume(~stands | (unit.valid & (unit.front.as_value() == front))),
            Assume(~unit.copy_taken | unit.copy_due),
            Assume(unit.copy_taken | ~unit.copy_due | (due != sample_cycles(CONFIG) - 1)),
            Assert(unit.pop == (end & last), "popped once, in the last cycle of its last entry"),
            Assert(~unit.copy_due | (elapsed >= FIRST_DUE), "no copy before earlier samples are counted"),
            Assert(~unit.write | end, "written in an entry's last cycle"),
            Assert(unit.entry == (unit.front.entry + number)[:SPLIT_ENTRY_BITS], "entries in turn"),
            Assert((own["phase"] == Phase.COPY) | (copies == 1), "one copy, before it is used"),
        ]
        m.d.sync += [due.eq(Mux(unit.copy_due & ~unit.copy_taken, due + 1, 0)),
                     copies.eq(Mux(end, 0, copies + unit.copy_taken))]
        with m.If(unit.valid):
            m.d.sync += elapsed.eq(Mux(end, 0, elapsed + 1))
            with m.If(end):
                m.d.sync += number.eq(Mux(last, 0, number + 1))
        self.strengthen(m, own, elapsed, number, copies, due, stands)

    def strengthen(self, m: Module, own: dict, elapsed: Signal, number: Signal, copies: Signal, due: Signal,
                   stands: Signal) -> None:
        """What makes it inductive: where it is."""
        lengths = phase_cycles(CONFIG)
        begins = [0, *accumulate(lengths)]
        for phase in Phase:
            with m.If(own["phase"] == phase):
                m.d.comb += [Assert(own["cycle"] < lengths[phase]), Assert(elapsed == begins[phase] + own["cycle"])]
        with m.If(copies == 0):
            m.d.comb += [Assert(elapsed < FIRST_DUE + sample_cycles(CONFIG)),
                         Assert(due == Mux(elapsed < FIRST_DUE, 0, elapsed - FIRST_DUE))]
        m.d.comb += [
            Assert(own["phase"] <= max(Phase)),
            Assert(own["done"] == number),
            Assert(own["copied"] == copies),
            Assert((due == 0) | (copies == 0)),
            Assert((number == 0) | (number < self.unit.front.count)),
            Assert(stands | (Cat(elapsed, number) == 0)),
        ]


PROPERTIES = [
    Property("burst_queue", QueueMonitor, BurstQueue, (CrowdedQueue,), depth=6, induction=True, quick=True),
    Property("sample_counters", CountersMonitor, SampleCounters, (StickyCounters,), depth=16, induction=False),
    Property("copy_turns", TurnsMonitor, SampleCounters, (BusyCounters,), depth=4, induction=True),
    Property("decider", DeciderMonitor, Decider, (HastyDecider,), depth=2, induction=True),
]
