"""Norm engine against ``golden.integer.norm``, values and cycles."""

from __future__ import annotations

import cocotb
import numpy as np

from golden.integer.norm import modulate, normalise
from golden.integer.product import activation_planes
from golden.spec.descriptors import NORM_LIMITS, NORM_PLANES, NormFormat, Opcode
from golden.spec.latency import norm_tail, norm_word_cycles
from sim import seed as seeds
from sim.bench_engine import EngineDriver, Model, bench_config, load, pack, random_masks
from sim.clock import Clock
from sim.scoreboard import Scoreboard

DESCRIPTORS = 20
REGIME_ROWS = 8


def word_cycles(config, values):
    return norm_word_cycles(config, NormFormat(values["format"]))


def tail(config, values):
    return norm_tail(config, values["words"], NormFormat(values["format"]))


def random_residual(random, rows, width):
    """Rows of int16 in stretches: zero, largest, small, any, one channel alone."""
    rows_of = []
    for _ in range(-(-rows // REGIME_ROWS)):
        shape = (REGIME_ROWS, width)
        kind = random.integers(6)
        stretch = np.zeros(shape, dtype=np.int64)
        if kind == 1:
            stretch = random.choice([-32768, 32767], shape)
        elif kind == 2:
            stretch = random.integers(-3, 4, shape)
        elif kind == 3:
            stretch = random.integers(-32768, 32768, shape)
        elif kind == 4:
            stretch[:, random.integers(width)] = random.choice([-32768, -1, 1, 32767])
        elif kind == 5:
            scale = 1 << int(random.integers(1, 16))
            stretch = random.integers(-scale, scale, shape)
        rows_of.append(stretch)
    return np.concatenate(rows_of)[:rows]


def random_table(random, rows, width):
    """(gain, bias) of each row and channel; every fourth row extreme."""
    table = random.integers(-128, 128, (rows, width, 2))
    table[::4] = random.choice([-128, 127, 0], table[::4].shape)
    return table


def random_descriptor(config, generator):
    words = generator.randint(1, 8)
    format = generator.choice(list(NormFormat))
    rows = config.residual_words
    count = generator.randint(1, min(5, rows // (config.lanes * words)))
    used = count * config.lanes * words
    written = count * config.lanes * words * (2 if format in NORM_PLANES else 1)
    groups = generator.choice([0, 1, 1, 2, 3])
    steps = (count - 1) // groups if groups else 0
    most = (config.modulation_words - words) // max(1, steps)
    step = generator.choice([words, generator.randint(0, min(most, (1 << 16) - 1))])
    return {**random_masks(generator), "count": count, "words": words, "format": int(format),
            "residual_base": generator.randint(0, rows - used),
            "table_base": generator.randint(0, config.modulation_words - words - steps * step),
            "table_groups": groups, "table_step": step,
            "shift": generator.choice([0, 5, 8, 9, 10, 11, 12, 13, 14, 31]), "bias_shift": generator.randrange(4),
            "destination_base": generator.randint(0, config.normalised_words - written)}


def expected_writes(config, rows, table, values, group, start):
    """(cycle, address, word) of every write of a group, in order."""
    lanes, words = config.lanes, values["words"]
    wide = values["format"] in NORM_PLANES
    base = values["residual_base"] + group * lanes * words
    residual = rows[base:base + lanes * words].reshape(lanes, words * config.width)
    groups = values["table_groups"]
    row = values["table_base"] + (group // groups * values["table_step"] if groups else 0)
    entries = table[row:row + words].reshape(-1, 2)
    outputs = modulate(normalise(residual), entries[:, 0], entries[:, 1], values["shift"], values["bias_shift"],
                       NORM_LIMITS[values["format"]]).reshape(lanes * words, config.width)
    period = word_cycles(config, values)
    end = start + period * len(outputs) - 1 + tail(config, values)    # the last write
    writes = []
    for i, output in enumerate(outputs):
        token, word = divmod(i, words)
        token += group * lanes
        cycle = end - period * (len(outputs) - 1 - i)
        if wide:
            high, low = activation_planes(output)
            address = values["destination_base"] + token * 2 * words + word
            writes += [(cycle - 1, address, pack(high, 4)), (cycle, address + words, pack(low, 4))]
        else:
            address = values["destination_base"] + token * words + word
            writes.append((cycle, address, pack(output, 4)))
    return writes


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(credit=[1.0, 0.1, 0.004])
async def matches_golden(dut, credit):
    """Random semaphores change timing as the contract says, never a bit."""
    config = bench_config()
    clock = Clock(dut)
    random = seeds.numpy_generator(f"norm {credit}")
    generator = seeds.generator(f"norm {credit}")
    rows = random_residual(random, config.residual_words, config.width)
    table = random_table(random, config.modulation_words, config.width)
    model = Model(lambda values: config.lanes * values["words"] * word_cycles(config, values),
                  lambda values: tail(config, values), overlap=False)
    driver = EngineDriver(dut, clock, Opcode.NORM, model, generator, credit=credit)
    await clock.start()
    loading = cocotb.start_soon(load(dut, clock, "load_residual", [pack(row, 16) for row in rows]))
    await load(dut, clock, "load_modulation", [pack(row.reshape(-1), 8) for row in table], period=config.norm_parts)
    await loading
    writes = []

    def watch(cycle):
        if int(dut.written__enable.value):
            writes.append((cycle, int(dut.written__address.value), int(dut.written__data.value)))

    descriptors = [random_descriptor(config, generator) for _ in range(DESCRIPTORS)]
    await driver.run(descriptors, timeout=100_000, on_cycle=watch)
    expected = [write for start in model.starts for write in expected_writes(config, rows, table, *start)]
    board = Scoreboard("norm")
    board.compare_writes(expected, writes)
    dut._log.info(board.finish(least=DESCRIPTORS * config.lanes))
