"""Row maximum against numpy, in every cycle."""

from __future__ import annotations

from collections import deque

import cocotb
import numpy as np

from golden.spec.latency import tree_stages
from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.clock import Clock

CYCLES = 3000
SMALLEST = -256


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.5])
async def matches_maximum(dut, bubble):
    """Vectors of any row in any order, with bubbles; what is not enabled does not count. Clears of either slot."""
    config = bench_config()
    clock = Clock(dut)
    random = seeds.numpy_generator(f"row maximum {bubble}")
    rows = 2 * config.lanes
    latency = tree_stages(config.width) + 1
    kept = np.full(rows, SMALLEST)
    dut.vector__enable.value = dut.clear.value = 0
    await clock.start()
    coming = deque([(0, SMALLEST)] * (latency - 1), maxlen=latency - 1)    # (row, maximum) that does not count yet
    compared = 0
    recent = list(random.integers(rows, size=3))
    for cycle in range(CYCLES):
        row = int(random.choice(recent) if random.random() < 0.7 else random.integers(rows))
        recent = [*recent[1:], row]
        enable = random.random() >= bubble
        clear, slot = random.random() < 0.02, int(random.integers(2))
        low, high = sorted(random.integers(-256, 256, size=2))
        values = random.integers(low, high + 1, size=config.width)
        dut.vector__enable.value = int(enable)
        dut.vector__slot.value = row // config.lanes
        dut.vector__lane.value = row % config.lanes
        dut.vector__values.value = pack(values, 9)
        dut.clear.value = int(clear)
        dut.clear_slot.value = slot
        await clock.next_edge()
        # Now is cycle t of this vector and this clear; ``kept`` includes the vectors up to that of t - latency.
        got = int(dut.maxima.value)
        for i in range(rows):
            value = got >> (9 * i) & 511
            assert value == kept[i] & 511, f"cycle {cycle}: row {i}: expected {kept[i] & 511}, got {value}"
            compared += 1
        counted, maximum = coming.popleft()
        kept[counted] = max(kept[counted], maximum)
        if clear:
            kept[slot * config.lanes:(slot + 1) * config.lanes] = SMALLEST
        coming.append((row, values.max() if enable else SMALLEST))
    assert compared > CYCLES
