"""Descriptor queue in front of an engine."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import QUEUE_DEPTH


class DescriptorQueue(wiring.Component):
    """First in, first out, QUEUE_DEPTH deep; what enters in one cycle can leave in the next.

    A full queue takes nothing, even in a cycle in which one leaves. ``clear`` empties it. Descriptors lie in LUT RAM.
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
        m.submodules.store = self.store = memory.Memory(shape=self.layout, depth=QUEUE_DEPTH, init=[])
        write = self.store.write_port()
        read = self.store.read_port(domain="comb")
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
            write.en.eq(entering),
            write.addr.eq(writer),
            write.data.eq(self.input.payload),
            read.addr.eq(reader),
            self.output.payload.eq(read.data),
        ]
        m.d.sync += level.eq(level + entering - leaving)
        with m.If(entering):
            m.d.sync += writer.eq(writer + 1)
        with m.If(leaving):
            m.d.sync += reader.eq(reader + 1)
        with m.If(self.clear):
            m.d.sync += [level.eq(0), reader.eq(0), writer.eq(0)]
        return m

    @staticmethod
    def has_room(level: Value) -> Value:
        """Whether a descriptor can enter."""
        return level != QUEUE_DEPTH
