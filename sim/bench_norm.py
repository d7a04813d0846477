"""Norm engine against ``golden.integer.norm``, values and cycles."""

from __future__ import annotations

import cocotb
import numpy as np

from golden.integer.norm import modulate, normalise
from golden.integer.product import activation_planes
from golden.spec.descriptors import NORM_LIMITS, NORM_PLANES, WIDTHS, NormFormat, Opcode
from golden.spec.latency import norm_tail, norm_word_cycles
from sim import seed as seeds
from sim.bench_engine import EngineDriver, Model, bench_config, load, pack, random_masks
from sim.clock import Clock
from sim.coverage.marks import mark, mark_limits
from sim.scoreboard import Scoreboard

DESCRIPTORS = 20
REGIME_ROWS = 8
MOST_GROUPS, MOST_STEP = ((1 << WIDTHS[Opcode.NORM][name]) - 1 for name in ("table_groups", "table_step"))


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
            stretch = np.full(shape, -32768) if random.random() < 0.5 else random.choice([-32768, 32767], shape)
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


def random_descriptor(config, generator, words=None, count=None):
    """Any that fits; or of so many words, and of so many groups."""
    rows = config.residual_words
    words = words or generator.randint(1, 8)
    count = count or generator.randint(1, min(5, rows // (config.lanes * words)))
    fits = [kind for kind in NormFormat
            if count * config.lanes * words * (2 if kind in NORM_PLANES else 1) <= config.normalised_words]
    format = generator.choice(fits)
    used = count * config.lanes * words
    written = count * config.lanes * words * (2 if format in NORM_PLANES else 1)
    groups = generator.choice([0, 1, 1, 2, 3, MOST_GROUPS])
    moves = (count - 1) // groups if groups else 0
    room = config.modulation_words - words
    step = generator.choice([0, room // moves, generator.randint(0, room // moves)]) if moves \
        else generator.choice([0, MOST_STEP])
    return {**random_masks(generator), "count": count, "words": words, "format": int(format),
            "table_groups": groups, "table_step": step,
            "residual_base": generator.randint(0, rows - used),
            "table_base": generator.choice([0, room - moves * step, generator.randint(0, room - moves * step)]),
            "shift": generator.choice([0, 5, 8, 9, 10, 11, 12, 13, 14, 31]), "bias_shift": generator.randrange(4),
            "destination_base": generator.randint(0, config.normalised_words - written)}


def tokens_of(config, rows, values, group):
    """The residual stream of a group, (lanes, channels)."""
    lanes, words = config.lanes, values["words"]
    base = values["residual_base"] + group * lanes * words
    return rows[base:base + lanes * words].reshape(lanes, words * config.width)


def outputs_of(config, rows, table, values, group):
    """What a group becomes, (lanes, channels)."""
    moves = group // values["table_groups"] if values["table_groups"] else 0
    first = values["table_base"] + moves * values["table_step"]
    entries = table[first:first + values["words"]].reshape(-1, 2)
    return modulate(normalise(tokens_of(config, rows, values, group)), entries[:, 0], entries[:, 1], values["shift"],
                    values["bias_shift"], NORM_LIMITS[values["format"]])


def mark_group(config, rows, table, values, group):
    """The bins of a group whose writes were found equal."""
    kind, residual = NormFormat(values["format"]), tokens_of(config, rows, values, group)
    mark_limits(f"norm {kind.name}", outputs_of(config, rows, table, values, group), *NORM_LIMITS[kind])
    if not residual.any(axis=1).all():
        mark("norm row all zero")
    if (residual == -32768).all(axis=1).any():
        mark("norm row of largest values")


def expected_writes(config, rows, table, values, group, start):
    """(cycle, address, word) of every write of a group, in order."""
    lanes, words = config.lanes, values["words"]
    wide = values["format"] in NORM_PLANES
    outputs = outputs_of(config, rows, table, values, group).reshape(lanes * words, config.width)
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
    most = config.residual_words // config.lanes
    descriptors += [random_descriptor(config, generator, words) for words in (most, generator.randint(9, most))]
    if credit == 1.0:       # the most groups would wait for as many semaphores
        descriptors.append(random_descriptor(config, generator, words=1, count=most))
    await driver.run(descriptors, timeout=100_000, on_cycle=watch)
    expected = [write for start in model.starts for write in expected_writes(config, rows, table, *start)]
    board = Scoreboard("norm")
    board.compare_writes(expected, writes)
    for values, group, _ in model.starts:
        mark_group(config, rows, table, values, group)
    dut._log.info(board.finish(least=DESCRIPTORS * config.lanes))
