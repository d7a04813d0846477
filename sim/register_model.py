"""A register file for benches of buses: takes requests and answers reads, at random speed."""

from __future__ import annotations

from typing import Any

import cocotb

from golden.spec.registers import ADDRESS_BITS, ADDRESSES, DATA_BITS
from sim import seed as seeds
from sim.clock import Clock
from sim.streams import Monitor, Sink, Source

FOR_EVER = 1 << 40
"""Cycles; the bench's own time limit comes first."""


class RegisterModel:
    """What was written, in order, and a memory that reads see; PIXEL_DATA counts up with every read of it.

    ``stall``: probability of a cycle in which a request or an answer waits.
    """

    def __init__(self, dut: Any, clock: Clock, stall: float) -> None:
        self.memory: dict[int, int] = {}
        self.writes: list[tuple[int, int]] = []
        self.reads: list[int] = []
        self.write_cycles: list[int] = []
        self.read_cycles: list[int] = []
        self.pixel = 0
        self._requests = Sink(dut, "request", clock, stall=stall, generator=seeds.generator("requests"),
                              timeout=FOR_EVER)
        self._answers = Source(dut, "response", clock, idle=stall, generator=seeds.generator("answers"))
        self._monitor = Monitor(dut, "request", clock)

    def start(self, withdrawn: bool = False) -> None:
        """Work until the bench ends; unless requests may be ``withdrawn``, one that is raises."""
        cocotb.start_soon(self._work())
        if not withdrawn:
            cocotb.start_soon(self._monitor.watch())

    async def _work(self) -> None:
        while True:
            (transfer,) = await self._requests.receive(1)
            address = transfer.payload >> 1 & (1 << ADDRESS_BITS) - 1
            value = transfer.payload >> 1 + ADDRESS_BITS
            if transfer.payload & 1:
                self.memory[address] = value
                self.writes.append((address, value))
                self.write_cycles.append(transfer.cycle)
            else:
                self.reads.append(address)
                self.read_cycles.append(transfer.cycle)
                await self._answers.send([self.value(address)])

    def value(self, address: int) -> int:
        """What a read gives; advances the pixel where it is one."""
        if address != ADDRESSES["PIXEL_DATA"]:
            return self.memory.get(address, 0)
        self.pixel += 1
        return pixel_value(self.pixel - 1) & (1 << DATA_BITS) - 1


def pixel_value(index: int) -> int:
    """A pixel of the model: every int16 comes, positive or negative."""
    return (index * 40503 + 12345) % 65536 - 32768
