"""Requantise against ``golden.integer.requantise``, values and cycles."""

from __future__ import annotations

from collections import deque

import cocotb
import numpy as np

from golden.integer.requantise import requantise
from golden.spec import numbers
from golden.spec.numbers import Format
from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.clock import Clock
from sim.coverage.marks import mark_limits
from sim.scoreboard import Scoreboard

VECTORS = 1500
LATENCY = 3


def random_vector(config, random):
    """(sums, multipliers, biases, shift, format): any, or near ties and limits, or extreme."""
    width = config.width
    limit = 1 << (config.accumulator_bits - 1)
    kind = random.choice(list(Format))
    regime = random.integers(4)
    multipliers = random.integers(0, 1 << numbers.MULTIPLIER_BITS, width)
    biases = random.integers(-(1 << 17), 1 << 17, width)
    shift = int(random.integers(0, 64))
    if regime == 0:
        sums = random.integers(-limit, limit, width)
    elif regime == 1:  # every rounding case of the last four bits, within the limits
        low, high = numbers.LIMITS[kind]
        sums = np.clip(random.integers(16 * low - 40, 16 * high + 41, width), -limit, limit - 1)
        multipliers = np.full(width, 1 << shift % 8)
        shift %= 8
        biases = random.integers(-20, 21, width)
    elif regime == 2:
        sums = random.choice([-limit, -1, 0, 1, limit - 1], width)
        multipliers = random.choice([0, 1, (1 << numbers.MULTIPLIER_BITS) - 1], width)
        biases = random.choice([-(1 << 17), -8, -1, 0, 7, (1 << 17) - 1], width)
    else:
        sums = random.integers(-limit, limit, width) >> random.integers(0, config.accumulator_bits)
        biases = random.integers(-200, 201, width)
        shift = int(random.integers(8, 24))
    return sums, multipliers, biases, shift, Format(kind)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.5])
async def matches_golden(dut, bubble):
    """One vector a cycle, or with bubbles; whatever stands at the ports without ``valid`` does not count."""
    config = bench_config()
    clock = Clock(dut)
    random = seeds.numpy_generator(f"requantise {bubble}")
    dut.valid.value = 0
    await clock.start()
    board = Scoreboard("requantise")
    flight = deque([(None, None)] * LATENCY)
    for _ in range(VECTORS):
        sums, multipliers, biases, shift, kind = random_vector(config, random)
        valid = random.random() >= bubble
        dut.valid.value = int(valid)
        dut.sums.value = pack(sums, config.accumulator_bits)
        dut.multipliers.value = pack(multipliers, numbers.MULTIPLIER_BITS)
        dut.biases.value = pack(biases, numbers.BIAS_BITS)
        dut.control.value = shift | int(kind) << numbers.SHIFT_BITS
        await clock.next_edge()
        # Now is the cycle of this vector.
        flight.append((kind, requantise(sums, multipliers, biases, shift, kind)) if valid else (None, None))
        shown, want = flight.popleft()
        board.compare("valid", want is not None, bool(int(dut.output_valid.value)), clock.cycle)
        if want is not None:
            got = int(dut.values.value)
            board.compare("values", want & 0xFFFF, [got >> (16 * i) & 0xFFFF for i in range(config.width)], clock.cycle)
            mark_limits(f"requantise {shown.name}", want, *numbers.LIMITS[shown])
    dut._log.info(board.finish(least=VECTORS))
