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


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.5])
async def matches_maximum(dut, bubble):
    """Vectors of any row in any order, with bubbles; what is not enabled does not count."""
    config = bench_config()
    clock = Clock(dut)
    random = seeds.numpy_generator(f"row maximum {bubble}")
    rows = 2 * config.lanes
    latency = tree_stages(config.width) + 1
    kept = np.zeros(rows, dtype=np.int64)
    known = np.zeros(rows, dtype=bool)
    dut.vector__enable.value = 0
    await clock.start()
    snapshots = deque([(kept.copy(), known.copy())] * latency, maxlen=latency)
    compared = 0
    recent = list(random.integers(rows, size=3))
    for cycle in range(CYCLES):
        row = int(random.choice(recent) if random.random() < 0.7 else random.integers(rows))
        recent = [*recent[1:], row]
        enable = random.random() >= bubble
        first = bool(random.random() < 0.2) or (enable and not known[row])
        low, high = sorted(random.integers(-256, 256, size=2))
        values = random.integers(low, high + 1, size=config.width)
        dut.vector__enable.value = int(enable)
        dut.vector__slot.value = row // config.lanes
        dut.vector__lane.value = row % config.lanes
        dut.vector__first.value = int(first)
        dut.vector__values.value = pack(values, 9)
        await clock.next_edge()
        # Now is cycle t of this vector; the oldest snapshot includes that of t - latency.
        got = int(dut.maxima.value)
        want, valid = snapshots[0]
        for i in np.flatnonzero(valid):
            value = got >> (9 * int(i)) & 511
            assert value == want[i] & 511, f"cycle {cycle}: row {i}: expected {want[i] & 511}, got {value}"
            compared += 1
        if enable:
            kept[row] = values.max() if first else max(kept[row], values.max())
            known[row] = True
        snapshots.append((kept.copy(), known.copy()))
    assert compared > CYCLES
