"""Comparison of what the core wrote with what the integer reference says it must."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.writes import StepWrites, Writes, pack_values
from golden.integer.evaluate import Step
from sim.recorder import read_records

UNITS = {"normalised": "norm or patch", "activation": "array", "key_value": "array", "score": "array",
         "probability": "softmax", "residual": "array", "pixel": "sampler step",
         "clean": "sampler step"}
"""Who writes each memory."""


@dataclass(frozen=True)
class Mismatch:
    """The first value of a tensor that differs."""

    unit: str
    tensor: str
    index: str
    cycle: int
    expected: str
    got: str

    def __str__(self) -> str:
        return (f"unit {self.unit}, tensor {self.tensor}, {self.index}, cycle {self.cycle}: "
                f"expected {self.expected}, got {self.got}")


@dataclass
class Comparison:
    """Walks the records of a drawing step by step. ``mismatches`` counts values, ``first`` shows up to ten of them.

    Every expected write must be there once, with its value. Writes to one address must come in their order, and those
    of a step before those of the next one; across addresses any order will do, as lanes overtake each other.
    """

    compiled: Compiled
    folder: Path
    values: int = 0
    mismatches: int = 0
    first: list[Mismatch] = field(default_factory=list)
    cursors: Counter = field(default_factory=Counter)

    def step(self, step: Step, image_before: np.ndarray) -> None:
        """Compare everything that one step wrote."""
        memories = defaultdict(list)
        for writes in StepWrites(self.compiled.layout_of(step.number), step, image_before).all():
            memories[writes.memory].append(writes)
        for memory, expected in memories.items():
            self.compare(step.number, memory, expected)

    def finish(self) -> None:
        """Nothing may have been written beyond what was expected."""
        for memory, bits in self.bits().items():
            extra = read_records(self.folder / f"{memory}.records", bits, self.cursors[memory], 1)
            if len(extra):
                self.unexpected(memory, extra[0], "the drawing")

    def bits(self) -> dict[str, int]:
        """Bits of a word of every recorded memory."""
        shapes = self.compiled.layout.hardware.memory_shapes
        return {memory: shapes[memory][1] for memory in UNITS}

    def compare(self, step: int, memory: str, expected: list[Writes]) -> None:
        """Compare a step's writes to one memory with as many of its records."""
        addresses = np.concatenate([writes.addresses for writes in expected])
        content = np.concatenate([pack_values(writes.values, writes.bits) for writes in expected])
        count = len(addresses)
        records = read_records(self.folder / f"{memory}.records", self.bits()[memory], self.cursors[memory], count)
        self.cursors[memory] += len(records)
        self.values += sum(writes.values.size for writes in expected)
        found, extra = match(addresses, records["address"])
        wrong = found < 0
        there = np.flatnonzero(~wrong)
        wrong[there] = (records["data"][found[there]] != content[there]).any(axis=1)
        start = 0
        for writes in expected:
            places = slice(start, start + len(writes.addresses))
            start = places.stop
            if wrong[places].any():
                self.explain(step, writes, records, found[places], wrong[places])
        for number in extra:
            self.unexpected(memory, records[number], f"step {step}")

    def explain(self, step: int, writes: Writes, records: np.ndarray, found: np.ndarray, wrong: np.ndarray) -> None:
        """Count a tensor's differences, and name the first."""
        self.mismatches += int(wrong.sum()) * writes.values.shape[1]
        place = int(np.argmax(wrong))
        tensor, unit = f"{writes.tensor} of step {step}", UNITS[writes.memory]
        if found[place] < 0:
            self.note(Mismatch(unit, tensor, writes.place(place, 0), -1,
                               f"a write to address {writes.addresses[place]}", "none"))
            return
        record = records[found[place]]
        got = unpack_values(record["data"], writes.values.shape[1], writes.bits, bool(writes.values.min() < 0))
        channel = int(np.argmax(got != writes.values[place]))
        self.note(Mismatch(unit, tensor, writes.place(place, channel), int(record["cycle"]),
                           str(writes.values[place][channel]), str(got[channel])))

    def unexpected(self, memory: str, record: np.ndarray, place: str) -> None:
        """Count a write that should not be there, or that is there once too often."""
        self.mismatches += 1
        self.note(Mismatch(UNITS[memory], f"none of {place}", f"address {record['address']}", int(record["cycle"]),
                           "no more writes", "a write"))

    def note(self, mismatch: Mismatch) -> None:
        """Keep the first ten."""
        if len(self.first) < 10:
            self.first.append(mismatch)


def match(expected: np.ndarray, got: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match the n-th write expected of each address with the n-th that came.

    Returns for each expected one the place of what came, or -1, and the places of those that match none.
    """
    order, came = np.argsort(expected, kind="stable"), np.argsort(got, kind="stable")
    found = np.full(len(expected), -1)
    if np.array_equal(expected[order], got[came]):
        found[order] = came
        return found, came[:0]
    wanted, present = turns(expected[order]), turns(got[came])
    both, here, there = np.intersect1d(wanted, present, assume_unique=True, return_indices=True)
    found[order[here]] = came[there]
    return found, np.sort(came[~np.isin(present, both)])


def turns(addresses: np.ndarray) -> np.ndarray:
    """One number for each of sorted addresses that tells the address and which of its writes it is."""
    first = np.searchsorted(addresses, addresses)
    return addresses.astype(np.int64) << 32 | (np.arange(len(addresses)) - first)


def unpack_values(content: np.ndarray, channels: int, bits: int, signed: bool) -> np.ndarray:
    """(bytes,) uint8 -> (channels,) integers."""
    flat = np.unpackbits(content, bitorder="little")[:channels * bits].reshape(channels, bits)
    values = (flat.astype(np.int64) << np.arange(bits)).sum(axis=1)
    return np.where(signed & (values >> (bits - 1) == 1), values - (1 << bits), values)
