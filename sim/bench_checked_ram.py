"""Memories whose words carry check bits: every word, and every verdict, in every cycle."""

from __future__ import annotations

import random
from collections import deque
from typing import Any, NamedTuple

import cocotb

from golden.spec.check import BURST_BITS, intact, stored
from sim import seed as seeds
from sim.bench_engine import bench_config, load
from sim.clock import Clock

CYCLES = 4000
READ_LATENCY = 2
CHECK_LATENCY = 1


class Read(NamedTuple):
    """What a read must show: the word after READ_LATENCY cycles, the verdict CHECK_LATENCY cycles later."""

    word: int | None = None
    damaged: bool = False


def flips(generator: random.Random, bits: int) -> int:
    """One bit, two, neighbours of which some flip, or any."""
    kind = generator.randrange(4)
    if kind < 2:
        return sum(1 << place for place in generator.sample(range(bits), kind + 1))
    if kind == 2:
        return generator.randrange(1, 1 << BURST_BITS) << generator.randrange(bits - BURST_BITS + 1)
    return generator.getrandbits(bits)


class Bench:
    """A memory, its content as it is kept, and what is to come of it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.depth, self.bits = bench_config().memory_shapes["tile"]
        self.clock = Clock(dut)
        self.random = seeds.generator("checked")
        self.kept = [stored(self.random.getrandbits(self.bits), self.bits) for _ in range(self.depth)]
        self.words: deque[Read] = deque([Read()] * READ_LATENCY)
        self.verdicts: deque[Read] = deque([Read()] * (READ_LATENCY + CHECK_LATENCY))
        self.compared = self.found = 0

    async def start(self, writes: list[int]) -> None:
        """Start the clock and write the whole memory."""
        self.dut.read__enable.value = self.dut.write__enable.value = 0
        await self.clock.start()
        await load(self.dut, self.clock, "write", writes)
        self.dut.write__enable.value = 0

    async def cycle(self, address: int, enable: bool) -> None:
        """One cycle with a read, and what earlier ones show in it."""
        self.dut.read__enable.value = int(enable)
        self.dut.read__address.value = address
        await self.clock.next_edge()
        kept = self.kept[address]
        read = Read(kept & (1 << self.bits) - 1, not intact(kept, self.bits)) if enable else Read()
        self.words.append(read)
        self.verdicts.append(read)
        want = self.words.popleft().word
        if want is not None:
            got = int(self.dut.read__data.value)
            assert got == want, f"checked memory: cycle {self.clock.cycle}: expected {want:#x}, got {got:#x}"
            self.compared += 1
        verdict = self.verdicts.popleft().damaged
        got = int(self.dut.damaged.value)
        assert got == verdict, f"checked memory: cycle {self.clock.cycle}: expected damaged {int(verdict)}, got {got}"
        self.found += verdict


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def finds_damage(dut: Any) -> None:
    """Words with flipped bits are found, each in its cycle; intact ones are not, nor any that is not asked for."""
    bench = Bench(dut)
    width = len(dut.write__data)
    if width > bench.bits:       # words come with their check bits, so the bench can flip any of their bits
        for address in bench.random.sample(range(bench.depth), bench.depth // 3):
            bench.kept[address] ^= flips(bench.random, width)
        for bit in range(width):        # every parity's bits, one at a time
            bench.kept[bit] = 1 << bit
    await bench.start([kept & (1 << width) - 1 for kept in bench.kept])
    for address in range(width):
        await bench.cycle(address, True)
    for _ in range(CYCLES):
        await bench.cycle(bench.random.randrange(bench.depth), bench.random.random() < 0.8)
    assert bench.compared > CYCLES // 2
    assert bool(bench.found) == (width > bench.bits)
    dut._log.info(f"checked memory: {bench.compared} words equal, {bench.found} found damaged")
