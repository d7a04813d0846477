"""What the benches of engines share: descriptors, random semaphores, and the timing contract checked every cycle."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from golden.spec.descriptors import ENGINES, FIELDS, RELOCATABLE, Engine, Opcode
from golden.spec.hardware import HardwareConfig, load_hardware
from sim.clock import Clock
from sim.coverage.marks import mark_engine, mark_waits
from sim.units import config_file

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"
MASKS = 1 << ENGINES
MOST_CREDITS = 63
ALL_ENGINES = 0.15
"""Share of the waits that are for every engine."""


def bench_config() -> HardwareConfig:
    """The configuration that the unit was generated for."""
    return load_hardware(config_file(os.environ[CONFIG_VARIABLE]))


def issue(opcode: Opcode, values: dict[str, int]) -> int:
    """A descriptor as the sequencer issues it: no opcode, no register fields."""
    word = 0
    position = 0
    for entry in FIELDS[opcode]:
        if any(entry.name == f"{name}_register" for name in RELOCATABLE[opcode]):
            continue
        value = values.get(entry.name, 0)
        if not 0 <= value < 1 << entry.bits:
            raise ValueError(f"{entry.name} is {value}; expected {entry.bits} bits")
        word |= value << position
        position += entry.bits
    return word


def random_masks(generator: random.Random) -> dict[str, int]:
    """Random handshake fields, the signals disjoint; now and then of all engines, or of none."""
    def few() -> int:
        some = generator.randrange(MASKS) & generator.randrange(MASKS)
        return MASKS - 1 if generator.random() < ALL_ENGINES else some

    each = generator.choice([0, MASKS - 1, generator.randrange(MASKS), generator.randrange(MASKS)])
    last = generator.choice([MASKS - 1, generator.randrange(MASKS)]) & ~each
    return {"wait_first": few(), "wait_each": few(), "signal_each": each, "signal_last": last}


@dataclass
class Model:
    """The timing contract of an engine, one ``step`` a cycle.

    Args:
        iteration_cycles: cycles of an iteration of a descriptor.
        tail: cycles from an iteration's last cycle to its give.
        overlap: whether a descriptor may be accepted while another is in the tail.
    """

    iteration_cycles: Callable[[dict[str, int]], int]
    tail: Callable[[dict[str, int]], int]
    overlap: bool
    current: dict[str, int] | None = None
    waiting: bool = False
    left: int = 0
    remaining: int = 0
    pending: deque = field(default_factory=deque)
    starts: list = field(default_factory=list)

    def step(self, cycle: int, offered: dict[str, int] | None, available: int) -> dict[str, int]:
        """What the ports show in this cycle; ``starts`` grows by (descriptor, iteration, first cycle)."""
        outputs = {"take": 0, "give": 0, "busy": 0, "ready": 0, "idle": int(self.current is None and not self.pending)}
        clear = self.overlap or not self.pending
        if self.pending and self.pending[0][0] == cycle:
            outputs["give"] = self.pending.popleft()[1]
        if self.current is None:
            if offered is not None and clear:
                wanted = offered["wait_first"] | offered["wait_each"]
                if not wanted & ~available:
                    outputs.update(take=wanted, ready=1)
                    self.current = offered
                    self.remaining = offered.get("count", 1)
                    self._start(cycle + 1)
        elif self.waiting:
            if not self.current["wait_each"] & ~available:
                outputs["take"] = self.current["wait_each"]
                self._start(cycle + 1)
        else:
            outputs["busy"] = 1
            self.left -= 1
            if not self.left:
                self._end(cycle, available, outputs)
        return outputs

    def _start(self, cycle: int) -> None:
        self.waiting = False
        self.left = self.iteration_cycles(self.current)
        self.remaining -= 1
        self.starts.append((self.current, self.current.get("count", 1) - 1 - self.remaining, cycle))

    def _end(self, cycle: int, available: int, outputs: dict[str, int]) -> None:
        signal = self.current["signal_each"] | (0 if self.remaining else self.current["signal_last"])
        self.pending.append((cycle + self.tail(self.current), signal))
        if not self.remaining:
            self.current = None
        elif not self.current["wait_each"] & ~available:
            outputs["take"] = self.current["wait_each"]
            self._start(cycle + 1)
        else:
            self.waiting = True


class EngineDriver:
    """Sends descriptors and semaphores and checks take, give, busy, ready and idle in every cycle.

    Args:
        credit: probability that a semaphore rises in a cycle.
        bubble: probability of a cycle without a descriptor, each anew.
        pause: cycles without a descriptor after one was accepted.
    """

    def __init__(self, dut: Any, clock: Clock, opcode: Opcode, model: Model, generator: random.Random, *,
                 credit: float, bubble: float = 0.2, pause: int = 0) -> None:
        self.config = bench_config()
        self.dut = dut
        self.clock = clock
        self.opcode = opcode
        self.model = model
        self.generator = generator
        self.credit = credit
        self.bubble = bubble
        self.pause = pause
        dut.descriptor__valid.value = 0
        dut.available.value = 0

    async def run(self, descriptors: list[dict[str, int]], *, timeout: int,
                  on_offer: Callable[[dict[str, int]], None] = lambda values: None,
                  on_cycle: Callable[[int], None] = lambda cycle: None) -> None:
        """Run all descriptors to the last give and some cycles more.

        Raises:
            AssertionError: a port differs from the model, or ``timeout`` cycles were not enough.
        """
        dut = self.dut
        queue = deque(descriptors)
        if queue and self.credit < 1:       # when no semaphore is above 0, so that every engine is waited for
            queue[0]["wait_first"] = MASKS - 1
        credits = [0] * ENGINES
        offered = None
        available = 0
        pause = 0
        quiet = 0
        for _ in range(timeout):
            await self.clock.next_edge()
            cycle = self.clock.cycle
            expected = self.model.step(cycle, offered, available)
            got = {"take": int(dut.take.value), "give": int(dut.give.value), "busy": int(dut.busy.value),
                   "ready": int(dut.descriptor__ready.value), "idle": int(dut.idle.value)}
            assert got == expected, f"cycle {cycle}: expected {expected}, got {got}"
            assert not int(dut.fault.value), f"cycle {cycle}: a read past the end of a memory"
            on_cycle(cycle)
            if offered is not None:
                self.mark(offered, available, bool(got["ready"]))
            if expected["ready"]:
                offered = None
                pause = self.pause
            if offered is None and queue and not pause and self.generator.random() >= self.bubble:
                offered = queue.popleft()
                on_offer(offered)
                dut.descriptor__payload.value = issue(self.opcode, offered)
            pause = max(0, pause - 1)
            dut.descriptor__valid.value = int(offered is not None)
            for i in range(ENGINES):
                credits[i] -= expected["take"] >> i & 1
                credits[i] += self.generator.random() < self.credit and credits[i] < MOST_CREDITS
            available = sum((count > 0) << i for i, count in enumerate(credits))
            dut.available.value = available
            done = not queue and offered is None and expected["idle"]
            quiet = quiet + 1 if done else 0
            if quiet > 8:
                return
        raise AssertionError(f"not done within {timeout} cycles")

    def mark(self, offered: dict[str, int], available: int, taken: bool) -> None:
        """The bins of a descriptor that the engine took, or holds back for want of semaphores."""
        if taken:
            mark_engine(self.config, self.opcode, offered)
        else:
            mark_waits(Engine(self.opcode), (offered["wait_first"] | offered["wait_each"]) & ~available)


async def load(dut: Any, clock: Clock, port: str, words: list[int], period: int = 1) -> None:
    """Write a memory from address 0 on, one word every ``period`` cycles."""
    for address, word in enumerate(words):
        getattr(dut, f"{port}__enable").value = 1
        getattr(dut, f"{port}__address").value = address
        getattr(dut, f"{port}__data").value = word
        await clock.next_edge()
        if period > 1:
            getattr(dut, f"{port}__enable").value = 0
            await clock.wait_cycles(period - 1)
    getattr(dut, f"{port}__enable").value = 0


def pack(values: Any, bits: int) -> int:
    """Channels to a word, channel 0 lowest."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << (bits * i) for i, value in enumerate(values))
