"""Transposer against numpy, in every cycle."""

from __future__ import annotations

import cocotb
import numpy as np

from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.clock import Clock

TILES = 40


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.3, 0.9])
async def transposes(dut, bubble):
    """Columns leave in the cycles after a tile's last vector, whatever the pace of the next tile."""
    config = bench_config()
    width = config.width
    clock = Clock(dut)
    random = seeds.numpy_generator(f"transposer {bubble}")
    dut.valid.value = 0
    await clock.start()
    expected = {}
    vectors = []
    seen = 0
    cycles = int(TILES * width / (1 - bubble)) + 2 * width
    for _ in range(cycles):
        valid = random.random() >= bubble
        vector = random.integers(0, 16, width)
        base = int(random.integers(1 << 19))
        dut.valid.value = int(valid)
        dut.vector.value = pack(vector, 4)
        dut.base.value = base
        await clock.next_edge()
        cycle = clock.cycle
        want = expected.pop(cycle, None)
        got = (int(dut.output_address.value), int(dut.output_word.value)) if int(dut.output_valid.value) else None
        assert got == want, f"transposer: cycle {cycle}: expected (address, word) {want}, got {got}"
        seen += want is not None
        if valid:
            vectors.append((base, vector))
        if len(vectors) == width:
            tile = np.array([entry for _, entry in vectors])
            for i in range(width):
                expected[cycle + 1 + i] = (vectors[0][0] + i, pack(tile[:, i], 4))
            vectors = []
    assert seen > TILES * width // 2
    dut._log.info(f"transposer: {seen} words equal")
