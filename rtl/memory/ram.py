"""Block RAM: one write port, one registered read port."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from rtl.memory.ports import ReadPort, WritePort

UNGUARDED = {"no_rw_check": 1}
"""Yosys' word for a memory whose reader never meets its writer: no logic for that case beside the block RAM."""


class Ram(wiring.Component):
    """``depth`` words of ``bits`` bits in block RAM.

    Read latency READ_LATENCY (2) cycles, one read and one write a cycle. Reading the word that is being written gives
    an undefined value in block RAM, whatever a simulation shows: the schedule never does, and ``collision`` is high in
    a cycle in which it happens. An access at or past ``depth`` raises ``fault`` in the same cycle and writes nothing.
    """

    def __init__(self, depth: int, bits: int) -> None:
        self.depth = depth
        self.bits = bits
        super().__init__({
            "read": In(ReadPort(depth, bits)),
            "write": In(WritePort(depth, bits)),
            "fault": wiring.Out(1),
            "collision": wiring.Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = memory.Memory(shape=self.bits, depth=self.depth, init=[], attrs=UNGUARDED)
        read = store.read_port()
        write = store.write_port()
        output = Signal(self.bits, reset_less=True)
        write_fault = Signal()
        read_fault = Signal()
        m.d.comb += [
            write_fault.eq(self.write.enable & (self.write.address >= self.depth)),
            read_fault.eq(self.read.enable & (self.read.address >= self.depth)),
            self.fault.eq(write_fault | read_fault),
            self.collision.eq(self.read.enable & self.write.enable & (self.read.address == self.write.address)),
            read.addr.eq(self.read.address),
            read.en.eq(1),
            write.addr.eq(self.write.address),
            write.data.eq(self.write.data),
            write.en.eq(self.write.enable & ~write_fault),
            self.read.data.eq(output),
        ]
        m.d.sync += output.eq(read.data)
        return m
