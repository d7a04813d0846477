"""Memory that is written a word at a time and read a part of one at a time: the fewer bits, the fewer block RAMs."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.checked_ram import CheckedRam
from rtl.memory.ports import ReadPort, WritePort

PARTS = 2


class PartReadPort(ReadPort):
    """``ReadPort`` of the parts of ``depth`` words of ``bits`` bits: part i of word w is at PARTS * w + i."""

    def __init__(self, depth: int, bits: int) -> None:
        if bits % PARTS:
            raise ValueError(f"words of {bits} bits; expected a multiple of {PARTS}")
        super().__init__(PARTS * depth, bits // PARTS)


class PartRam(wiring.Component):
    """``depth`` words of ``bits`` bits in block RAM, each in PARTS parts, the lowest bits first.

    Read latency READ_LATENCY (2) cycles, one part a cycle. A write puts its lower part there at once and the upper in
    the next cycle, so that two writes are PARTS cycles apart at least. ``fault``, ``collision`` and ``damaged`` as of
    ``CheckedRam``, for each part.
    """

    def __init__(self, depth: int, bits: int, checked: bool = True) -> None:
        self.depth = depth
        self.bits = bits
        self.checked = checked
        super().__init__({
            "read": In(PartReadPort(depth, bits)),
            "write": In(WritePort(depth, bits)),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = CheckedRam(PARTS * self.depth, self.bits // PARTS, self.checked)
        upper = Signal()       # the upper part is to be written
        address = Signal.like(self.write.address, reset_less=True)
        rest = Signal(self.bits // PARTS, reset_less=True)
        m.d.sync += upper.eq(self.write.enable)
        with m.If(self.write.enable):
            m.d.sync += [address.eq(self.write.address), rest.eq(self.write.data[self.bits // PARTS:])]
        m.d.comb += [
            store.read.enable.eq(self.read.enable),
            store.read.address.eq(self.read.address),
            self.read.data.eq(store.read.data),
            store.write.enable.eq(self.write.enable | upper),
            store.write.address.eq(Mux(upper, self.part(address), Cat(0, self.write.address))),
            store.write.data.eq(Mux(upper, rest, self.write.data)),
            self.fault.eq(store.fault),
            self.collision.eq(store.collision),
            self.damaged.eq(store.damaged),
        ]
        return m

    def part(self, address: Value) -> Value:
        """Where a word's upper part lies."""
        return Cat(1, address)
