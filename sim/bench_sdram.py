"""Weights in an SDRAM: every word, verdict and cycle of fetches, and no command that the chip would not take."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb

from golden.spec import sdram
from golden.spec.check import intact, stored
from sim import seed as seeds
from sim.bench_engine import bench_config
from sim.clock import Clock
from sim.coverage.marks import mark

OPERATIONS = 220
ABORT_TO_FETCH = 4
READ_LATENCY = 2
CHECK_LATENCY = 1
LONGEST_FETCH = 300
UPSET_SHARE = 0.2
MOST_CYCLES = 400_000


class Bench:
    """A store, what it holds, and what is to come of it in which cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.config = bench_config()
        self.clock = Clock(dut)
        self.random: random.Random = seeds.generator("sdram")
        self.depth, self.bits = self.config.memory_shapes["weight"]
        self.checked = bool(self.config.word_checks)
        self.words: dict[int, int] = {}
        self.columns = sdram.word_columns(self.config)
        self.coming: deque[tuple[int, int]] = deque()      # (cycle, word as it is kept) of a fetch
        self.due: dict[int, int] = {}                      # cycle -> word as it is kept, which is there
        self.verdicts: dict[int, bool] = {}                # cycle -> whether a word is found damaged
        self.upsets: dict[int, int] = {}                   # cycle -> mask for the column that is captured
        self.compared = self.damaged = 0

    async def start(self) -> None:
        for name in ("write__enable", "fetch__start", "cancel", "upset"):
            getattr(self.dut, name).value = 0
        await self.clock.start()

    async def cycle(self) -> None:
        """One cycle, and everything that it must show."""
        await self.clock.next_edge()
        now, dut = self.clock.cycle, self.dut
        assert now < MOST_CYCLES, "sdram: the bench does not end"
        assert not int(dut.violation.value), f"sdram: the chip was mistreated before cycle {now}"
        assert not int(dut.collision.value) and not int(dut.fault.value), f"sdram: refused at cycle {now}"
        expected = bool(self.coming) and self.coming[0][0] == now
        assert int(dut.fetch__coming.value) == expected, f"sdram: a word comes in cycle {now}: expected {expected}"
        if expected:
            _, word = self.coming.popleft()
            self.due[now + READ_LATENCY] = word
        if now in self.due:
            self.compare(now, self.due.pop(now))
        dut.upset.value = self.upsets.pop(now + 1, 0)
        verdict = self.verdicts.pop(now, False)
        assert int(dut.damaged.value) == verdict, f"sdram: damage told in cycle {now}: expected {verdict}"

    def compare(self, now: int, kept: int) -> None:
        """A word that is there, and the verdict to come."""
        got, want = int(self.dut.fetch__data.value), kept & (1 << self.bits) - 1
        assert got == want, f"sdram: word in cycle {now}: expected {want:x}, got {got:x}"
        damaged = self.checked and not intact(kept, self.bits)
        self.verdicts[now + CHECK_LATENCY] = damaged
        self.compared += 1
        self.damaged += damaged

    def turn_bits(self, pulse: int, first: int, arrivals: list[int]) -> None:
        """Turn one or two bits of a column of one word, or what lies above the word's bits."""
        number, column = self.random.randrange(len(arrivals)), self.random.randrange(self.columns)
        mask = 0
        for _ in range(2):
            mask |= 1 << self.random.randrange(sdram.DATA_PINS)
        coming = pulse + arrivals[number]
        flips = (mask << sdram.DATA_PINS * column) & (1 << self.config.kept_bits(self.bits)) - 1
        self.coming[number] = (coming, self.coming[number][1] ^ flips)
        self.upsets[coming + READ_LATENCY - self.columns + column] = mask

    async def until_free(self) -> None:
        """Wait until a word may be written."""
        while int(self.dut.filling.value):
            await self.cycle()

    async def write(self, address: int) -> None:
        """A random word, as soon as it may be."""
        await self.until_free()
        self.words[address] = self.random.getrandbits(self.bits)
        self.dut.write__enable.value, self.dut.write__address.value = 1, address
        self.dut.write__data.value = self.words[address]
        await self.cycle()
        self.dut.write__enable.value = 0
        await self.cycle()

    async def idle(self, cycles: int) -> None:
        for _ in range(cycles):
            await self.cycle()

    async def fetch(self, first: int, count: int) -> None:
        """Ask for words; the pulse is in the next cycle."""
        dut = self.dut
        dut.fetch__start.value, dut.fetch__first.value, dut.fetch__count.value = 1, first, count
        pulse = self.clock.cycle + 1
        arrivals = sdram.arrivals(self.config, first, count)
        self.coming = deque((pulse + offset, stored(self.words[first + i], self.bits))
                            for i, offset in enumerate(arrivals))
        if self.random.random() < UPSET_SHARE:
            self.turn_bits(pulse, first, arrivals)
        await self.cycle()
        dut.fetch__start.value = 0

    async def finish(self) -> None:
        """Wait for the words of a fetch."""
        while self.coming:
            await self.cycle()

    async def abort(self) -> None:
        """End a fetch; words that have not come by then never do."""
        self.dut.cancel.value = 1
        await self.cycle()
        self.dut.cancel.value = 0
        self.coming = deque((cycle, word) for cycle, word in self.coming if cycle <= self.clock.cycle + 1)
        cancelled = self.clock.cycle
        while self.clock.cycle < cancelled + ABORT_TO_FETCH - 1:
            await self.cycle()
        self.coming.clear()
        self.upsets.clear()


def first_words(bench: Bench) -> list[int]:
    """Where runs of words begin: at either end, across rows, banks and visits."""
    row = (1 << sdram.COLUMN_BITS) // sdram.word_stride(bench.config)
    visit = sdram.visit_words(bench.config)
    return [0, visit - 1, row - 3, 4 * row - 5, bench.depth - LONGEST_FETCH]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def fetches_what_was_written(dut):
    """Words of every bank, in their cycles, whatever came before: writes, fetches, aborts, or nothing for long."""
    bench = Bench(dut)
    await bench.start()
    for first in first_words(bench):
        for address in range(first, first + LONGEST_FETCH):
            await bench.write(address)
    await bench.until_free()
    for _ in range(OPERATIONS):
        kind = bench.random.choice(["fetch", "fetch", "abort", "idle", "write"])
        first = bench.random.choice(first_words(bench))
        count = bench.random.choice([1, 2, sdram.visit_words(bench.config), bench.random.randint(1, LONGEST_FETCH)])
        skip = bench.random.randint(0, LONGEST_FETCH - count)
        visits = len(list(sdram.visits(bench.config, first + skip, count)))
        if kind == "write":
            await bench.write(first + skip)
            await bench.until_free()
            mark("sdram written between fetches")
        elif kind == "idle":
            await bench.idle(bench.random.choice([1, 20, 3 * sdram.IDLE_CYCLES]))
        else:
            await bench.fetch(first + skip, count)
            if kind == "abort":
                await bench.idle(bench.random.randint(0, 60))
                await bench.abort()
            else:
                await bench.finish()
            mark(f"sdram fetch {'aborted' if kind == 'abort' else 'of one visit' if visits == 1 else 'of several'}")
    await bench.idle(4 * sdram.LONGEST_GAP)
    await bench.fetch(0, 1)
    await bench.idle(sdram.LONGEST_GAP)
    assert bench.compared > 4 * OPERATIONS, f"only {bench.compared} words were compared"
    assert bench.damaged > 5 or not bench.checked, f"only {bench.damaged} words were damaged"
    mark("sdram idle longer than a refresh may take")
    if bench.damaged:
        mark("sdram word damaged")
    dut._log.info(f"sdram: {bench.compared} words compared, {bench.damaged} of them damaged")
