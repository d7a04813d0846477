"""Softmax engine against ``golden.integer.softmax``, values and cycles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np

from golden.integer.softmax import exponentials, row_scale
from golden.spec import numbers
from golden.spec.descriptors import Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import softmax_tail
from sim import seed as seeds
from sim.bench_engine import EngineDriver, Model, bench_config, load, pack, random_masks
from sim.clock import Clock
from sim.coverage.marks import mark_all
from sim.scoreboard import Scoreboard

DESCRIPTORS = 40
WRITE_DELAY = 5
REGIME_ROWS = 4
PAUSE = 4
"""A slot's maxima stay until the engine has read the slot's last word."""


def random_scores(random, rows, width):
    """Rows of int9 in stretches: any, narrow, below zero, equal, the two extremes."""
    stretches = []
    for _ in range(-(-rows // REGIME_ROWS)):
        shape = (REGIME_ROWS, width)
        kind = random.integers(5)
        if kind == 0:
            stretches.append(random.integers(-256, 256, shape))
        elif kind == 1:
            stretches.append(random.integers(-30, 30, shape))
        elif kind == 4:
            stretches.append(random.integers(-256, 0, shape))
        elif kind == 2:
            stretches.append(np.full(shape, random.integers(-256, 256)))
        else:
            stretches.append(random.choice([-256, 255], shape))
    return np.concatenate(stretches)[:rows]


def rows_of(config, scores, values):
    """Scores of a descriptor, (lanes, keys)."""
    base = values["slot"] * (config.score_words // 2)
    words = values["words"]
    return scores[base:base + config.lanes * words].reshape(config.lanes, words * config.width)


def random_descriptors(config, generator):
    """Descriptors that alternate between the two slots."""
    longest = config.score_words // 2 // config.lanes
    words = [generator.choice([1, longest, generator.randint(1, min(8, longest))]) for _ in range(DESCRIPTORS)]
    return [{**random_masks(generator), "slot": i & 1, "words": words[i],
             "multiplier": generator.choice([0, 1, 16383, generator.randrange(1 << 14)])}
            for i in range(DESCRIPTORS)]


@dataclass
class Watch:
    """Shows the maxima, and records what is written and the row registers when they are due."""

    dut: Any
    config: HardwareConfig
    model: Model
    scores: np.ndarray
    maxima: np.ndarray                                  # (2, lanes)
    writes: list = field(default_factory=list)          # (cycle, address, data)
    clears: list = field(default_factory=list)          # (cycle, slot)
    registers: list = field(default_factory=list)       # (slot, multipliers, exponents) of each descriptor
    due: dict = field(default_factory=dict)             # cycle in which a slot's registers hold their values -> slot

    def offer(self, values: dict[str, int]) -> None:
        """The maxima of the descriptor that is offered."""
        self.maxima[values["slot"]] = rows_of(self.config, self.scores, values).max(axis=-1)
        self.dut.maxima.value = pack(self.maxima.reshape(-1), 9)

    def cycle(self, cycle: int) -> None:
        dut = self.dut
        if int(dut.written__enable.value):
            self.writes.append((cycle, int(dut.written__address.value), int(dut.written__data.value)))
        if int(dut.clear.value):
            self.clears.append((cycle, int(dut.clear_slot.value)))
        for values, _, start in self.model.starts[-3:]:
            self.due[start + self.config.lanes * values["words"] + softmax_tail(self.config)] = values["slot"]
        if cycle in self.due:
            self.registers.append((self.due[cycle], int(dut.row_multiplier.value), int(dut.row_exponent.value)))


def compare_rows(config, board, model, scores, registers):
    """Row registers of every descriptor; gives the (cycle, address, data) of the writes that are due."""
    expected = []
    for (values, _, start), (slot, multipliers, exponents) in zip(model.starts, registers, strict=True):
        probabilities = exponentials(rows_of(config, scores, values))
        base = values["slot"] * (config.score_words // 2)
        for i, word in enumerate(probabilities.reshape(-1, config.width)):
            expected.append((start + i + WRITE_DELAY, base + i, pack(word, 4)))
        mantissas, shifts = row_scale(probabilities, values["multiplier"])
        lanes = range(slot * config.lanes, (slot + 1) * config.lanes)
        board.compare("row_multiplier", mantissas, [multipliers >> (14 * i) & 0x3FFF for i in lanes], start)
        board.compare("row_exponent", shifts, [exponents >> (5 * i) & 31 for i in lanes], start)
    return expected


def mark_rows(rows):
    """The bins of rows of scores that were found equal."""
    below = rows.max(axis=1, keepdims=True) - rows
    kinds = {"softmax score past the table": below >= 1 << numbers.EXPONENTIAL_INDEX_BITS,
             "softmax row of equal scores": ~below.any(axis=1),
             "softmax row of one probability": np.count_nonzero(exponentials(rows), axis=1) == 1}
    mark_all(name for name, met in kinds.items() if met.any())


def every_difference(config):
    """Scores and descriptors in which every channel has every difference from its row's maximum that counts."""
    words = (1 << numbers.EXPONENTIAL_INDEX_BITS) // config.lanes
    used = config.lanes * words
    scores = np.full((config.score_words, config.width), -256, dtype=np.int64)
    for slot in range(2):
        rows = scores[slot * (config.score_words // 2):][:used]
        rows[:] = 255 - np.arange(used)[:, None]
        rows[::words][np.arange(config.lanes), (np.arange(config.lanes) + slot) % config.width] = 255
    none = dict.fromkeys(("wait_first", "wait_each", "signal_each", "signal_last"), 0)
    return scores, [{**none, "slot": slot, "words": words, "multiplier": 16383} for slot in range(2)]


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(credit=[1.0, 0.1, 0.01])
async def matches_golden(dut, credit):
    """Random semaphores change timing as the contract says, never a bit."""
    config = bench_config()
    generator = seeds.generator(f"softmax {credit}")
    scores = random_scores(seeds.numpy_generator(f"softmax {credit}"), config.score_words, config.width)
    await compare(dut, scores, random_descriptors(config, generator), generator, credit)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_entry_of_the_table_is_used(dut):
    """In every channel."""
    scores, descriptors = every_difference(bench_config())
    await compare(dut, scores, descriptors, seeds.generator("softmax table"), 1.0)


async def compare(dut, scores, descriptors, generator, credit):
    """Run descriptors on scores; values and cycles must be the reference's."""
    config = bench_config()
    clock = Clock(dut)
    model = Model(lambda values: config.lanes * values["words"], lambda values: softmax_tail(config), overlap=True)
    driver = EngineDriver(dut, clock, Opcode.SOFTMAX, model, generator, credit=credit, pause=PAUSE,
                          bubble=generator.choice([0.0, 0.2]))
    watch = Watch(dut, config, model, scores, np.zeros((2, config.lanes), dtype=np.int64))
    dut.maxima.value = 0
    await clock.start()
    await load(dut, clock, "load_score", [pack(row, 9) for row in scores])
    await driver.run(descriptors, timeout=100_000, on_offer=watch.offer, on_cycle=watch.cycle)
    assert len(watch.registers) == len(descriptors)
    board = Scoreboard("softmax")
    expected = compare_rows(config, board, model, scores, watch.registers)
    board.compare_writes(expected, watch.writes)
    board.compare("clears", [(start - 1 + config.lanes * values["words"] + softmax_tail(config), values["slot"])
                             for values, _, start in model.starts], watch.clears)
    for values, _, _ in model.starts:
        mark_rows(rows_of(config, scores, values))
    dut._log.info(board.finish(least=len(descriptors) * config.lanes))
