"""Drivers for Amaranth streams, as their Verilog names them: ``<name>__payload``, ``__valid``, ``__ready``.

A value passes at an edge where valid and ready are both high. A stream that is always valid or always ready has no
such port; the drivers then take it as high. Payloads are integers; a structure is one vector of its bits.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sim.clock import Clock

TIMEOUT_CYCLES = 10_000


class StreamTimeout(TimeoutError):  # noqa: N818 (a timeout is the error)
    """A port did not move for too long; the message names it."""


class StreamError(AssertionError):
    """A port broke the rule of streams; the message names it."""


@dataclass(frozen=True)
class Transfer:
    """One value that passed, and the cycle in which it did."""

    cycle: int
    payload: int


class _Port:
    """The three signals of one stream."""

    def __init__(self, dut: Any, name: str, signed: bool = False) -> None:
        self.name = name
        self.payload = getattr(dut, f"{name}__payload")
        self.valid = getattr(dut, f"{name}__valid", None)
        self.ready = getattr(dut, f"{name}__ready", None)
        self.signed = signed
        try:
            self.width = len(self.payload)
        except TypeError:  # one bit
            self.width = 1

    def is_valid(self) -> bool:
        return self.valid is None or bool(self.valid.value)

    def is_ready(self) -> bool:
        return self.ready is None or bool(self.ready.value)

    def read(self) -> int:
        value = int(self.payload.value)
        if self.signed and value >> (self.width - 1):
            value -= 1 << self.width
        return value

    def write(self, value: int) -> None:
        if not -(1 << self.width) <= 2 * value < 2 << self.width:
            raise ValueError(f"{self.name}: {value} does not fit in {self.width} bits")
        self.payload.value = value & ((1 << self.width) - 1)


def _probability(name: str, value: float) -> float:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
    return value


class Source:
    """Sends values into a stream, with random bubbles.

    Args:
        idle: probability of a cycle without a value, before each value and each cycle anew.
        timeout: cycles that one value may wait for the design.
    """

    def __init__(self, dut: Any, name: str, clock: Clock, *, idle: float = 0.0,
                 generator: random.Random | None = None, timeout: int = TIMEOUT_CYCLES) -> None:
        self._port = _Port(dut, name)
        self._clock = clock
        self._idle = _probability("idle", idle)
        self._generator = generator or random.Random(0)
        self._timeout = timeout
        self._set_valid(False)

    async def send(self, values: Iterable[int]) -> list[int]:
        """Send these values; returns the cycle in which each one passed.

        Raises:
            StreamTimeout: the design took none for too long.
        """
        cycles = []
        for index, value in enumerate(values):
            while self._idle and self._generator.random() < self._idle:
                await self._clock.next_edge()
            self._port.write(int(value))
            self._set_valid(True)
            await self._wait_until_taken(index)
            cycles.append(self._clock.cycle)
            self._set_valid(False)
        return cycles

    async def _wait_until_taken(self, index: int) -> None:
        for _ in range(self._timeout):
            await self._clock.next_edge()
            if self._port.is_ready():
                return
        raise StreamTimeout(f"{self._port.name}: value {index} not taken within {self._timeout} cycles "
                            f"(cycle {self._clock.cycle})")

    def _set_valid(self, high: bool) -> None:
        if self._port.valid is not None:
            self._port.valid.value = int(high)


class Sink:
    """Takes values from a stream, with random back-pressure.

    Args:
        stall: probability of a cycle in which nothing is taken.
        signed: read the payload as two's complement.
        timeout: cycles to wait for one value, the stalled ones not counted.
    """

    def __init__(self, dut: Any, name: str, clock: Clock, *, stall: float = 0.0, signed: bool = False,
                 generator: random.Random | None = None, timeout: int = TIMEOUT_CYCLES) -> None:
        self._port = _Port(dut, name, signed)
        self._clock = clock
        self._stall = _probability("stall", stall)
        self._generator = generator or random.Random(0)
        self._timeout = timeout
        self._set_ready(False)

    async def receive(self, count: int) -> list[Transfer]:
        """Take so many values.

        Raises:
            StreamTimeout: the design gave none for too long.
        """
        transfers: list[Transfer] = []
        waited = 0
        while len(transfers) < count:
            stalled = self._stall > 0 and self._generator.random() < self._stall and self._port.ready is not None
            self._set_ready(not stalled)
            await self._clock.next_edge()
            if stalled:
                continue
            if self._port.is_valid():
                transfers.append(Transfer(self._clock.cycle, self._port.read()))
                waited = 0
            else:
                waited += 1
            if waited >= self._timeout:
                raise StreamTimeout(f"{self._port.name}: value {len(transfers)} of {count} did not come within "
                                    f"{self._timeout} cycles (cycle {self._clock.cycle})")
        self._set_ready(False)
        return transfers

    def _set_ready(self, high: bool) -> None:
        if self._port.ready is not None:
            self._port.ready.value = int(high)


class Monitor:
    """Watches a stream without driving it; start ``watch`` as a task of its own.

    Records every transfer, and raises when a waiting value is withdrawn or changed. A task that woke at the same edge
    may run first, so wait one more cycle before reading the last transfer.
    """

    def __init__(self, dut: Any, name: str, clock: Clock, *, signed: bool = False) -> None:
        self._port = _Port(dut, name, signed)
        self._clock = clock
        self.transfers: list[Transfer] = []

    async def watch(self) -> None:
        """Run until the bench ends.

        Raises:
            StreamError: the rule of streams was broken.
        """
        waiting: int | None = None
        while True:
            await self._clock.next_edge()
            payload = self._port.read() if self._port.is_valid() else None
            if waiting is not None and payload != waiting:
                was = "withdrawn" if payload is None else f"changed to {payload}"
                raise StreamError(f"{self._port.name}: the waiting value {waiting} was {was} "
                                  f"before it was taken (cycle {self._clock.cycle})")
            waiting = payload
            if payload is not None and self._port.is_ready():
                self.transfers.append(Transfer(self._clock.cycle, payload))
                waiting = None
