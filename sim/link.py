"""Simulated link: the driver's registers through the core's host port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from boards.host.link import Link
from golden.spec.registers import ADDRESS_BITS, ADDRESSES, ErrorCode
from sim.clock import Clock
from sim.coverage.marks import mark, mark_access
from sim.streams import Sink, Source

REST_CYCLES = 4096


class SimulatedLink(Link):
    """Requests are {write, address, data}, least significant first; ``rest`` lets the simulation run on by itself."""

    def __init__(self, dut: Any, clock: Clock, rest_cycles: int = REST_CYCLES) -> None:
        self._requests = Source(dut, "request", clock)
        self._responses = Sink(dut, "response", clock)
        self._clock = clock
        self._rest_cycles = rest_cycles

    async def write(self, address: int, value: int) -> None:
        await self._requests.send([1 | address << 1 | value << (1 + ADDRESS_BITS)])
        mark_access(address, True)

    async def write_many(self, address: int, values: Iterable[int]) -> None:
        await self._requests.send(1 | address << 1 | value << (1 + ADDRESS_BITS) for value in values)
        mark_access(address, True)

    async def read(self, address: int) -> int:
        await self._requests.send([address << 1])
        (transfer,) = await self._responses.receive(1)
        mark_access(address, False)
        if address == ADDRESSES["ERROR"] and transfer.payload:
            mark(f"{ErrorCode(transfer.payload).name} of a whole core")
        return transfer.payload

    async def rest(self) -> None:
        await self._clock.wait_cycles(self._rest_cycles)
