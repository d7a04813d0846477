"""A dense grid of lanes of different kinds against dot products of numpy, values and cycles."""

from __future__ import annotations

from dataclasses import dataclass

import cocotb
import numpy as np

from sim import seed as seeds
from sim.bench_engine import pack
from sim.clock import Clock
from sim.units import unit_description

PRODUCTS = 24


@dataclass(frozen=True)
class Job:
    """One dot product for every token and column."""

    left: np.ndarray     # (tokens, terms); two nibble planes, high and low, where there are passes
    weights: np.ndarray  # (terms, columns)
    signed: bool
    passes: bool

    @property
    def sums(self) -> np.ndarray:
        """(tokens, columns)."""
        return self.left.astype(np.int64) @ self.weights.astype(np.int64)


def random_job(unit: dict, random: np.random.Generator) -> Job:
    """Any operands, or extreme ones; of 4 bits with int4, uint4 or nibble passes."""
    tokens, columns, bits = (unit["parameters"][name] for name in ("tokens", "columns", "bits"))
    words = int(random.integers(-(-tokens // columns), 4))
    passes = bits == 4 and random.random() < 0.3
    signed = bits != 4 or passes or random.random() < 0.5
    left_bits = 2 * bits if passes else bits
    low, high = (-(1 << left_bits - 1), (1 << left_bits - 1) - 1) if signed else (0, (1 << left_bits) - 1)
    largest = 119 if passes else (1 << bits - 1) - 1

    def draw(minimum: int, maximum: int, shape: tuple[int, int]) -> np.ndarray:
        if random.random() < 0.3:
            return random.choice([minimum, maximum, 0, -1 if minimum < 0 else 1], shape)
        return random.integers(minimum, maximum + 1, shape)

    terms = words * columns
    weights = draw(-largest, largest, (terms, columns))
    if passes:  # both digits in -7..7
        weights = np.where(weights % 16 == 8, weights - 1, weights)
    return Job(draw(low, high, (tokens, terms)), weights, signed, passes)


def nibbles(values: np.ndarray, balanced: bool) -> tuple[np.ndarray, np.ndarray]:
    """High and low digits: value = 16 high + low, low in -7..7 where ``balanced`` (weights), else in 0..15."""
    low = (values + 7) % 16 - 7 if balanced else values % 16
    return (values - low) // 16, low


def passes(job: Job) -> list[tuple[np.ndarray, np.ndarray, dict]]:
    """(left plane, weight plane, flags) of each pass."""
    if not job.passes:
        return [(job.left, job.weights, {"signed": job.signed, "shift": False})]
    left, weights = nibbles(job.left, balanced=False), nibbles(job.weights, balanced=True)
    return [(left[number // 2], weights[number % 2], {"signed": number < 2, "shift": number % 2 == 1})
            for number in range(4)]


def rows(job: Job, columns: int) -> list[tuple[dict, np.ndarray, np.ndarray | None]]:
    """(control, row, words of all tokens where a word begins) of each cycle."""
    planes = passes(job)
    result = []
    for number, (left, weights, flags) in enumerate(planes):
        for term in range(len(weights)):
            control = {"valid": 1, "load": term % columns == 0, "first": number == 0 and term == 0,
                       "shift": flags["shift"] and term == 0, "signed": flags["signed"],
                       "last": number == len(planes) - 1 and term == len(weights) - 1}
            result.append((control, weights[term], left[:, term:term + columns] if control["load"] else None))
    return result


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.5])
async def matches_dot_products(dut, bubble):
    """Dot products one behind the other, or with bubbles between them; every sum in its cycle."""
    unit = unit_description()
    tokens, columns, bits, sum_bits = (unit["parameters"][name]
                                       for name in ("tokens", "columns", "bits", "accumulator_bits"))
    random = seeds.numpy_generator(f"dense {bubble}")
    schedule, words, expected = [], {}, {}
    for _ in range(PRODUCTS):
        job = random_job(unit, random)
        for control, row, loaded in rows(job, columns):
            if loaded is not None:  # token i's word comes i + 1 cycles after the row
                words.update({len(schedule) + 1 + token: pack(loaded[token], bits) for token in range(tokens)})
            schedule.append((control, pack(row, bits)))
        for token in range(tokens):
            expected[len(schedule) - 1 + unit["latency"] + token] = (token, pack(job.sums[token], sum_bits))
        schedule += [({}, int(random.integers(256)))] * (int(random.integers(40)) if random.random() < bubble else 0)
    clock = Clock(dut)
    dut.control_valid.value = 0
    await clock.start()
    for cycle in range(max(expected) + 2):
        control, row = schedule[cycle] if cycle < len(schedule) else ({}, 0)
        for name in ("valid", "load", "first", "shift", "last", "signed"):
            getattr(dut, f"control_{name}").value = int(control.get(name, 0))
        dut.row.value = row
        dut.word.value = words.get(cycle, 0)
        await clock.next_edge()
        want = expected.get(cycle)
        assert int(dut.drained_valid.value) == (want is not None), f"dense: drained_valid in cycle {cycle}"
        if want is not None:
            got = int(dut.drained_token.value), int(dut.drained.value)
            assert got == want, f"dense: sums of token {want[0]} in cycle {cycle}"
