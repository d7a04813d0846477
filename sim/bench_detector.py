"""Detector against golden: every mask, its cycle, and every other output of every cycle."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from golden.integer.split import count, decide
from golden.spec.split import COUNT_MAXIMUM, REQUEST_DEPTH, SAMPLE_DEPTH, decide_cycles, line_channels, sample_cycles
from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.clock import Clock

MASKS = {"lanes": 40, "bursts": 40, "hot": 8}
MOST_ENTRIES = 4
INPUTS = ("sample_valid", "sample_entry", "sample_nonzero", "decide_valid", "decide_entry", "decide_count",
          "decide_fixed")
ERRORS = ("overrun", "request_overrun", "fault")


class Bench:
    """The detector's ports, and what is expected at them in every cycle."""

    def __init__(self, dut: Any, name: str) -> None:
        self.dut = dut
        self.config = bench_config()
        self.channels = line_channels(self.config)
        self.random = seeds.numpy_generator(f"detector {name}")
        self.clock = Clock(dut)
        self.quiet()
        self.forget()

    def forget(self) -> None:
        """The first state."""
        self.rows: dict[int, list[np.ndarray]] = {}          # lines that an entry's next decision counts
        self.expected: dict[int, tuple[int, int]] = {}       # cycle -> (entry, mask) that is written
        self.requests: list[tuple[int, int, set[int]]] = []  # cycle, last cycle, entries
        self.decided: list[tuple[int, int]] = []             # samples and dense channels of every decision

    def quiet(self) -> None:
        """Nothing at the ports."""
        for port in INPUTS:
            getattr(self.dut, port).value = 0

    def row(self) -> np.ndarray:
        """A line; its channels are non-zero with shares of their own, and now and then all or none are."""
        level = self.random.choice([-2, -0.4, 0, 0.4, 2], p=[0.05, 0.3, 0.3, 0.3, 0.05])
        share = 0.5 + 0.5 * np.sin(1.7 * np.arange(self.channels) ** 1.3) + level
        return (self.random.random(self.channels) < share).astype(np.uint8)

    def sample(self, entry: int, row: np.ndarray) -> None:
        """A sample for the next cycle."""
        self.rows.setdefault(entry, []).append(row)
        self.dut.sample_valid.value = 1
        self.dut.sample_entry.value = entry
        self.dut.sample_nonzero.value = pack(row, 1)

    def mask(self, rows: list[np.ndarray], fixed: bool) -> int | None:
        """What golden decides."""
        counts, samples = count(np.array(rows).reshape(-1, self.channels))
        mask = decide(counts, samples, fixed)
        self.decided.append((samples, 0 if mask is None else int(mask.sum())))
        return None if mask is None else pack(mask, 1)

    def request(self, entry: int, length: int, fixed: bool, expect: bool = True) -> int:
        """A request for the next cycle, which counts this cycle's sample; returns its last cycle."""
        cycle = self.clock.cycle + 1
        end = max([cycle, *(last for _, last, _ in self.requests)])
        entries = range(entry, entry + max(1, length))
        for number in entries:
            end += decide_cycles(self.config)
            if expect:
                mask = self.mask(self.rows.pop(number, []), fixed)
                if mask is not None:
                    self.expected[end] = (number, mask)
        self.requests.append((cycle, end, set(entries)))
        self.dut.decide_valid.value = 1
        self.dut.decide_entry.value = entry
        self.dut.decide_count.value = length
        self.dut.decide_fixed.value = int(fixed)
        return end

    def is_pending(self, entry: int) -> bool:
        """Whether the entry is to be decided."""
        return any(entry in entries for _, _, entries in self.requests)

    def written(self) -> tuple[int, int] | None:
        """Entry and mask that are written in this cycle."""
        dut = self.dut
        return (int(dut.split__address.value), int(dut.split__data.value)) if int(dut.split__enable.value) else None

    async def tick(self, errors: dict[str, int] | None = None, check: bool = True) -> None:
        """The next cycle, checked; afterwards nothing is at the ports."""
        await self.clock.next_edge()
        cycle, dut = self.clock.cycle, self.dut
        busy = int(any(first < cycle <= last for first, last, _ in self.requests))
        self.requests = [request for request in self.requests if request[1] > cycle]
        if check:
            want, got = self.expected.pop(cycle, None), self.written()
            assert got == want, f"detector: cycle {cycle}: expected (entry, mask) {want}, got {got}"
        assert int(dut.busy.value) == busy, f"detector: cycle {cycle}: expected busy {busy}"
        for port in ERRORS:
            want = (errors or {}).get(port, 0)
            assert int(getattr(dut, port).value) == want, f"detector: cycle {cycle}: expected {port} {want}"
        self.quiet()

    async def finish(self) -> None:
        """Until every mask is written."""
        while self.requests or self.expected:
            await self.tick()
        for _ in range(2 * SAMPLE_DEPTH * sample_cycles(self.config)):
            await self.tick()


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(traffic=["lanes", "bursts", "hot"])
async def decides(dut: Any, traffic: str) -> None:
    """Samples of any entries while others are decided: two lanes' lines, bursts of one a cycle, or of few entries."""
    bench = Bench(dut, traffic)
    await bench.clock.start()
    random, config = bench.random, bench.config
    last = config.split_lines - MOST_ENTRIES
    starts = [0, last, *(int(entry) for entry in random.integers(1, last // MOST_ENTRIES, 2) * MOST_ENTRIES)]
    starts = starts[:1] if traffic == "hot" else starts
    lanes = max(config.lanes, 2 * sample_cycles(config))
    burst = rest = 0
    wait = 400
    while len(bench.decided) < MASKS[traffic]:
        entry = int(random.choice(starts) + random.integers(MOST_ENTRIES) * (traffic != "hot"))
        if traffic == "bursts":
            if not burst and not rest:
                burst = int(random.integers(1, SAMPLE_DEPTH - 1))
                rest = (burst + 2) * sample_cycles(config)
            samples, burst = burst > 0, max(0, burst - 1)
            rest -= not burst and rest > 0
        else:
            samples = bench.clock.cycle % lanes in (0, 1) and random.random() < 0.9
        if samples and not bench.is_pending(entry):
            bench.sample(entry, bench.row())
        wait -= 1
        if wait <= 0 and len(bench.requests) < REQUEST_DEPTH:
            start = int(random.choice(starts))
            skip = int(random.integers(MOST_ENTRIES)) if traffic != "hot" else 0
            length = int(random.integers(MOST_ENTRIES - skip + 1)) if traffic != "hot" else 1
            if not any(bench.is_pending(start + skip + i) for i in range(max(1, length))):
                bench.request(start + skip, length, bool(random.integers(2)))
                wait = 1200 if traffic == "hot" else int(random.choice([0, 30, 1200], p=[0.5, 0.3, 0.2]))
        await bench.tick()
    await bench.finish()
    seen = {samples for samples, _ in bench.decided}
    assert traffic != "hot" or COUNT_MAXIMUM in seen, "an entry whose counters are full"
    assert traffic == "hot" or len({dense for _, dense in bench.decided}) > 3, "masks of several kinds"
    dut._log.info(f"detector: {len(bench.decided)} decisions equal, of up to {max(seen)} samples")


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def breaks_ties(dut: Any) -> None:
    """Channels with the same count, from one sample to more than are counted: as many turn dense as there is time."""
    bench = Bench(dut, "ties")
    await bench.clock.start()
    pace = sample_cycles(bench.config)
    for samples in (1, 2, 16, COUNT_MAXIMUM - 1, COUNT_MAXIMUM, COUNT_MAXIMUM + 2):
        for share in (1, 0.8, 0):
            row = (bench.random.random(bench.channels) < share).astype(np.uint8)
            for number in range(samples):
                row[-1] = number % 2
                bench.sample(3, row.copy())
                for _ in range(pace):
                    await bench.tick()
            bench.request(3, 1, False)
            used = int(row[:-1].sum())
            assert bench.decided[-1][1] in (used // 2, (used + 1) // 2), "half of the channels that are used"
            while bench.requests:
                await bench.tick()
    await bench.finish()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def counts_what_came_before(dut: Any) -> None:
    """As many samples as are held, and then the request, with the last sample: all of them count."""
    bench = Bench(dut, "before")
    await bench.clock.start()
    for fixed in (False, True, False, True):
        for _ in range(SAMPLE_DEPTH - 1):
            bench.sample(7, bench.row())
            await bench.tick()
        bench.sample(7, bench.row())
        bench.request(7, 1, fixed)
        await bench.tick()
        while bench.requests:
            if bench.clock.cycle % (2 * sample_cycles(bench.config)) == 0:
                bench.sample(8, bench.row())
            await bench.tick()
        for _ in range(2 * sample_cycles(bench.config)):
            await bench.tick()
    bench.request(6, 3, False)
    await bench.tick()
    await bench.finish()
    seen = [samples for samples, _ in bench.decided]
    assert seen[:-1] == [SAMPLE_DEPTH] * 4 + [0, 0] and seen[-1], "entries with samples and without"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def loses_nothing_that_comes_late(dut: Any) -> None:
    """Samples of the entry that is being decided count for this decision or the next, in their order."""
    bench = Bench(dut, "late")
    await bench.clock.start()
    shares = []
    for _ in range(20):
        early, late = [bench.row() for _ in range(3)], [bench.row() for _ in range(6)]
        times = set(bench.random.choice(3 * decide_cycles(bench.config) // 4, len(late), replace=False) + 1)
        for row in early:
            bench.sample(5, row)
            await bench.tick()
        masks = []
        coming = iter(late)
        for _ in range(2):
            end = bench.request(5, 1, False, expect=False)
            await bench.tick(check=False)
            for since in range(1, end - bench.clock.cycle + 1):
                if since in times:
                    bench.sample(5, next(coming))
                await bench.tick(check=False)
                masks += [written[1] for written in [bench.written()] if written]
            times = set()
        splits = [[bench.mask([*early, *late[:k]], False), bench.mask(late[k:], False)] for k in range(len(late) + 1)]
        splits = [[mask for mask in pair if mask is not None] for pair in splits]
        assert masks in splits, f"detector: masks {masks} are of no split of the samples"
        shares.append(splits.index(masks))
    assert min(shares) < max(shares), "some of the late samples counted"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def starts_anew(dut: Any) -> None:
    """A reset in any phase of a decision: no entry has samples after it, whatever the memories hold."""
    bench = Bench(dut, "reset")
    await bench.clock.start()
    for since in range(10, decide_cycles(bench.config), 37):
        for entry in range(12, 20):
            bench.sample(entry, bench.row())
            await bench.tick()
        bench.request(12, 2, False)
        for _ in range(since):
            await bench.tick()
        dut.rst.value = 1
        await bench.tick()
        dut.rst.value = 0
        bench.forget()
        for _ in range(3):
            bench.sample(17, bench.row())
            await bench.tick()
        bench.request(17, 3, False)
        await bench.tick()
        await bench.finish()
        assert [samples for samples, _ in bench.decided] == [3, 0, 0]
