"""DescriptorQueue is a queue: for all time, for a payload of 2 bits, by induction.

One element is chosen, the k-th that enters for any k below 64 (numbers wrap, so it is every element). It leaves as the
k-th, with its value. The queue never takes what it has no room for, and what it offers stands still until it is taken.
The number of elements inside is never above QUEUE_DEPTH, and ``empty`` says whether it is zero.
``clear`` is not raised in the proof.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import data

from golden.spec.descriptors import QUEUE_DEPTH
from rtl.bench.bugs_array import DroppingQueue
from rtl.control.queue import DescriptorQueue
from tests.formal.prove import Monitor, Property, fixed, free, inside, previous

COUNT_BITS = 6


class QueueMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(data.StructLayout({"tag": 2}))

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.input.valid, unit.input.payload, unit.output.ready)
        chosen = fixed(m, "chosen", COUNT_BITS)
        entered = Signal(COUNT_BITS)
        left = Signal(COUNT_BITS)
        value = Signal(unit.input.payload.shape())
        held = Signal(COUNT_BITS)
        distance = Signal(COUNT_BITS)  # of the chosen element from the head
        inside_now = Signal()
        m.d.comb += [held.eq(entered - left), distance.eq(chosen - left), inside_now.eq(distance < held)]
        with m.If(unit.input.valid & unit.input.ready):
            m.d.sync += entered.eq(entered + 1)
            with m.If(entered == chosen):
                m.d.sync += value.eq(unit.input.payload)
        with m.If(unit.output.valid & unit.output.ready):
            m.d.sync += left.eq(left + 1)
            with m.If(left == chosen):
                m.d.comb += Assert(unit.output.payload.as_value() == value.as_value(), "in order, none lost")
        m.d.comb += [
            Assert(held <= QUEUE_DEPTH, "no more than there is room for"),
            Assert(unit.output.valid == (held != 0), "offers what it holds"),
            Assert(unit.input.ready == (held != QUEUE_DEPTH), "takes what it has room for"),
            Assert(unit.empty == (held == 0), "empty"),
        ]
        waiting = previous(m, unit.output.valid & ~unit.output.ready)
        offered = previous(m, unit.output.payload.as_value())
        with m.If(waiting):
            m.d.comb += Assert(unit.output.valid & (unit.output.payload.as_value() == offered), "stands still")
        # what makes it inductive: where things are
        m.d.comb += [Assert(own["level"] == held), Assert(own["reader"] == left[:2]),
                     Assert(own["writer"] == entered[:2])]
        probe = unit.store.read_port(domain="comb")
        m.d.comb += probe.addr.eq(chosen)
        with m.If(inside_now):
            m.d.comb += Assert(probe.data.as_value() == value.as_value())


PROPERTIES = [Property("queue", QueueMonitor, DescriptorQueue, (DroppingQueue,), depth=8, induction=True, quick=True)]
