"""Memories whose words carry check bits: every word, and every verdict, in every cycle."""

from __future__ import annotations

import random
from collections import deque
from typing import Any, NamedTuple

import cocotb

from golden.spec.check import BURST_BITS, intact, stored, stored_bits
from sim import seed as seeds
from sim.bench_engine import bench_config
from sim.clock import Clock

CYCLES = 4000
WRITE_SHARE, DAMAGED_SHARE, EDGE_SHARE = 0.4, 0.3, 0.1
READ_LATENCY = 2
CHECK_LATENCY = 1


class Read(NamedTuple):
    """What a read must show: the word after READ_LATENCY cycles, the verdict CHECK_LATENCY cycles later.

    None where block RAM shows anything: past the end, and where the word is being written.
    """

    word: int | None = None
    damaged: bool | None = False


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
        self.makes_check = hasattr(dut, "flips")    # otherwise words come with their check bits
        self.kept = [stored(self.random.getrandbits(self.bits), self.bits) for _ in range(self.depth)]
        self.words: deque[Read] = deque([Read()] * READ_LATENCY)
        self.verdicts: deque[Read] = deque([Read()] * (READ_LATENCY + CHECK_LATENCY))
        self.compared = self.found = self.faults = self.collisions = 0

    def drive_write(self, address: int, kept: int, enable: bool = True) -> None:
        """A write port that leaves ``kept`` in the memory, with ``enable``."""
        self.dut.write__enable.value = int(enable)
        self.dut.write__address.value = address
        if self.makes_check:
            word = kept & (1 << self.bits) - 1
            self.dut.write__data.value = word
            self.dut.flips.value = stored(word, self.bits) ^ kept
        else:
            self.dut.write__data.value = kept

    async def start(self) -> None:
        """Start the clock and write the whole memory."""
        self.dut.read__enable.value = self.dut.write__enable.value = 0
        await self.clock.start()
        for address, kept in enumerate(self.kept):
            self.drive_write(address, kept)
            await self.clock.next_edge()
        self.dut.write__enable.value = 0

    def any_word(self) -> int:
        """A word with its check bits, damaged or not."""
        kept = stored(self.random.getrandbits(self.bits), self.bits)
        return kept ^ flips(self.random, stored_bits(self.bits)) if self.random.random() < DAMAGED_SHARE else kept

    def any_address(self) -> int:
        """Anywhere, at the ends, or past the end."""
        if self.random.random() < EDGE_SHARE:
            return self.random.choice([0, self.depth - 1, self.depth, 2 * self.depth - 1])
        return self.random.randrange(self.depth)

    async def cycle(self, address: int, enable: bool, write: tuple[int, int] | None = None) -> None:
        """One cycle with a read and a write, and what earlier ones show in it."""
        self.dut.read__enable.value = int(enable)
        self.dut.read__address.value = address
        self.drive_write(*(write or (self.any_address(), self.any_word())), enable=write is not None)
        await self.clock.next_edge()
        written = write[0] if write else -1
        meets = enable and address == written
        self.flag("fault", written >= self.depth or (enable and address >= self.depth))
        self.flag("collision", meets)
        read = Read()
        if enable:
            kept = None if meets or address >= self.depth else self.kept[address]
            read = Read(None, None) if kept is None else Read(kept & (1 << self.bits) - 1, not intact(kept, self.bits))
        if write and written < self.depth:
            self.kept[written] = write[1]
        self.words.append(read)
        self.verdicts.append(read)
        self.check(self.words.popleft().word, self.verdicts.popleft().damaged)
        self.faults += written >= self.depth
        self.collisions += meets

    def flag(self, name: str, high: bool) -> None:
        """A flag of this cycle."""
        got = int(getattr(self.dut, name).value)
        assert got == high, f"checked memory: cycle {self.clock.cycle}: expected {name} {int(high)}, got {got}"

    def check(self, word: int | None, damaged: bool | None) -> None:
        """A word that was read, and the verdict on the one before it."""
        if word is not None:
            got = int(self.dut.read__data.value)
            assert got == word, f"checked memory: cycle {self.clock.cycle}: expected {word:#x}, got {got:#x}"
            self.compared += 1
        if damaged is not None:
            self.flag("damaged", damaged)
            self.found += damaged


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def finds_damage(dut: Any) -> None:
    """Words with flipped bits are found, each in its cycle; intact ones are not, nor any that is not asked for."""
    bench = Bench(dut)
    width = stored_bits(bench.bits)
    for address in bench.random.sample(range(bench.depth), bench.depth // 3):
        bench.kept[address] ^= flips(bench.random, width)
    for bit in range(width):        # every parity's bits, one at a time
        bench.kept[bit] = 1 << bit
    await bench.start()
    for address in range(width):
        await bench.cycle(address, True)
    last = 0
    for _ in range(CYCLES):
        write = (bench.any_address(), bench.any_word()) if bench.random.random() < WRITE_SHARE else None
        last = bench.random.choice([write[0] if write else last, last, bench.any_address()])
        await bench.cycle(last, bench.random.random() < 0.8, write)
    assert bench.compared > CYCLES // 2 and bench.found and bench.faults and bench.collisions
    dut._log.info(f"checked memory: {bench.compared} words equal, {bench.found} found damaged, "
                  f"{bench.faults} faults, {bench.collisions} collisions")
