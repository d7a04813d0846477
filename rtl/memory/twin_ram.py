"""Memory with one writer and two readers."""

from __future__ import annotations

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.ports import ReadPort, WritePort
from rtl.memory.ram import Ram


class TwinRam(wiring.Component):
    """``depth`` words of ``bits`` bits, twice in block RAM: both copies are written alike, each has a reader.

    Each reader meets what ``Ram`` tells of its one; ``fault`` and ``collision`` are high where they are in either copy.
    """

    def __init__(self, depth: int, bits: int) -> None:
        self.depth = depth
        self.bits = bits
        super().__init__({
            "read_0": In(ReadPort(depth, bits)),
            "read_1": In(ReadPort(depth, bits)),
            "write": In(WritePort(depth, bits)),
            "fault": Out(1),
            "collision": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        copies = [Ram(self.depth, self.bits) for _ in range(2)]
        for number, (copy, reader) in enumerate(zip(copies, (self.read_0, self.read_1), strict=True)):
            m.submodules[f"copy_{number}"] = copy
            m.d.comb += [
                copy.read.enable.eq(reader.enable),
                copy.read.address.eq(reader.address),
                reader.data.eq(copy.read.data),
                copy.write.enable.eq(self.write.enable),
                copy.write.address.eq(self.write.address),
                copy.write.data.eq(self.write.data),
            ]
        m.d.comb += [
            self.fault.eq(copies[0].fault | copies[1].fault),
            self.collision.eq(self.either([copy.collision for copy in copies])),
        ]
        return m

    def either(self, collisions: list[Value]) -> Value:
        """High where a reader meets the writer."""
        return collisions[0] | collisions[1]
