"""Descriptor queue in front of an engine."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import QUEUE_DEPTH


class DescriptorQueue(wiring.Component):
    """First in, first out, QUEUE_DEPTH deep; what enters in one cycle can leave in the next.

    A full queue takes nothing, even in a cycle in which one leaves. ``clear`` empties it.
    """

    def __init__(self, layout: data.StructLayout) -> None:
        self.layout = layout
        super().__init__({
            "input": In(stream.Signature(layout)),
            "output": Out(stream.Signature(layout)),
            "empty": Out(1),
            "clear": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        entries = [Signal(self.layout, name=f"entry_{index}", reset_less=True) for index in range(QUEUE_DEPTH)]
        level = Signal(range(QUEUE_DEPTH + 1))
        reader = Signal(range(QUEUE_DEPTH))
        writer = Signal(range(QUEUE_DEPTH))
        entering = Signal()
        leaving = Signal()
        m.d.comb += [
            self.input.ready.eq(self.has_room(level)),
            self.output.valid.eq(level != 0),
            self.empty.eq(level == 0),
            entering.eq(self.input.valid & self.input.ready),
            leaving.eq(self.output.valid & self.output.ready),
        ]
        m.d.sync += level.eq(level + entering - leaving)
        with m.Switch(reader):
            for index, entry in enumerate(entries):
                with m.Case(index):
                    m.d.comb += self.output.payload.eq(entry)
        with m.If(entering):
            m.d.sync += writer.eq(writer + 1)
            with m.Switch(writer):
                for index, entry in enumerate(entries):
                    with m.Case(index):
                        m.d.sync += entry.eq(self.input.payload)
        with m.If(leaving):
            m.d.sync += reader.eq(reader + 1)
        with m.If(self.clear):
            m.d.sync += [level.eq(0), reader.eq(0), writer.eq(0)]
        return m

    @staticmethod
    def has_room(level: Value) -> Value:
        """Whether a descriptor can enter."""
        return level != QUEUE_DEPTH
