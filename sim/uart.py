"""Pipes to a simulated board: the UART on the bench (``sim/board.sv``), and one that damages what passes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cocotb.triggers import SimTimeoutError, ValueChange, with_timeout

from boards.host.pipe import Pipe
from sim.clock import Clock

NANOSECONDS = 1e9
BYTE_BITS = 8
SIXTEENTHS = 16


class UartPipe:
    """Bytes over the simulated serial line; ``now`` counts the seconds of the board's clock."""

    def __init__(self, dut: Any, clock: Clock, clock_hz: int, bit_cycles: int) -> None:
        self.dut = dut
        self.clock = clock
        self.clock_hz = clock_hz
        self.period_ns = clock.period_ns
        self.send_bytes = len(dut.send_data) // BYTE_BITS
        self.kept_bytes = len(dut.kept_data) // BYTE_BITS
        self.taken = 0
        for name in ("button", "disturb", "send", "send_count", "send_data"):
            getattr(dut, name).value = 0
        self.set_bit(SIXTEENTHS * bit_cycles)

    def set_bit(self, sixteenths: int) -> None:
        """From now on a bit takes so many sixteenths of a clock cycle."""
        self.dut.bit_sixteenths.value = sixteenths

    async def write(self, content: bytes) -> None:
        for start in range(0, len(content), self.send_bytes):
            part = content[start:start + self.send_bytes]
            await self.sent()
            self.dut.send_data.value = int.from_bytes(part, "little")
            self.dut.send_count.value = len(part)
            self.dut.send.value = 1
            await self.clock.wait_cycles(1)
            self.dut.send.value = 0
            await self.clock.wait_cycles(1)

    async def sent(self) -> None:
        """Wait until everything is on its way."""
        while int(self.dut.sending.value):
            await ValueChange(self.dut.sending)

    async def read(self, seconds: float) -> bytes:
        arrived = int(self.dut.kept_count.value)
        if arrived == self.taken:
            nanoseconds = max(1, round(seconds * self.clock_hz)) * self.period_ns
            try:
                await with_timeout(ValueChange(self.dut.kept_count), nanoseconds, "ns")
            except SimTimeoutError:
                return b""
            arrived = int(self.dut.kept_count.value)
        assert arrived - self.taken <= self.kept_bytes, "bytes were lost between two looks"
        kept = int(self.dut.kept_data.value).to_bytes(self.kept_bytes, "little")
        content = bytes(kept[place % self.kept_bytes] for place in range(self.taken, arrived))
        self.taken = arrived
        return content

    async def discard(self) -> None:
        self.taken = int(self.dut.kept_count.value)

    async def rest(self, seconds: float) -> None:
        await self.clock.wait_cycles(max(1, round(seconds * self.clock_hz)))

    def now(self) -> float:
        return self.clock.cycle / self.clock_hz


class FaultyPipe:
    """Another pipe, on which each run of bytes passes through ``to_board`` or ``to_host`` on its way."""

    def __init__(self, pipe: Pipe, to_board: Callable[[bytes], bytes], to_host: Callable[[bytes], bytes]) -> None:
        self.pipe = pipe
        self.to_board = to_board
        self.to_host = to_host

    async def write(self, content: bytes) -> None:
        await self.pipe.write(self.to_board(content))

    async def read(self, seconds: float) -> bytes:
        return self.to_host(await self.pipe.read(seconds))

    async def discard(self) -> None:
        await self.pipe.discard()

    async def rest(self, seconds: float) -> None:
        await self.pipe.rest(seconds)

    def now(self) -> float:
        return self.pipe.now()


def damage(generator: random.Random, share: float) -> Callable[[bytes], bytes]:
    """A fault for ``FaultyPipe``: so often a run of bytes loses its end, its beginning, or a bit, or gains rubbish."""

    def damaged(content: bytes) -> bytes:
        if not content or generator.random() >= share:
            return content
        place = generator.randrange(len(content))
        kind = generator.randrange(4)
        if kind == 0:
            return content[:place]
        if kind == 1:
            return content[place:]
        if kind == 2:
            return content[:place] + bytes([content[place] ^ 1 << generator.randrange(BYTE_BITS)]) + content[place + 1:]
        return content[:place] + generator.randbytes(generator.randrange(1, 40)) + content[place:]

    return damaged
