"""Comparison of what the core wrote with what the integer reference says it must."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden.compile.layout import Layout
from golden.compile.writes import StepWrites, Writes, pack_values
from golden.integer.evaluate import Step
from sim.recorder import read_records

UNITS = {"normalised": "norm or patch", "activation": "array", "key_value": "array", "score": "array",
         "probability": "softmax", "residual_0": "array", "residual_1": "array", "pixel": "sampler step"}
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
    """Walks the records of a drawing step by step. ``mismatches`` counts values, ``first`` shows up to ten of them."""

    layout: Layout
    folder: Path
    values: int = 0
    mismatches: int = 0
    first: list[Mismatch] = field(default_factory=list)
    cursors: Counter = field(default_factory=Counter)

    def step(self, step: Step, image_before: np.ndarray) -> None:
        """Compare everything that one step wrote."""
        for writes in StepWrites(self.layout, step, image_before).all():
            self.compare(step.number, writes)

    def finish(self) -> None:
        """Nothing may have been written beyond what was expected."""
        for memory, bits in self.bits().items():
            extra = read_records(self.folder / f"{memory}.records", bits, self.cursors[memory], 1)
            if len(extra):
                self.mismatches += 1
                self.note(Mismatch(UNITS[memory], "none", f"address {extra['address'][0]}", int(extra["cycle"][0]),
                                   "no write", "a write"))

    def bits(self) -> dict[str, int]:
        """Bits of a word of every recorded memory."""
        shapes = self.layout.hardware.memory_shapes
        return {memory: shapes[memory.removesuffix("_0").removesuffix("_1")][1] for memory in UNITS}

    def compare(self, step: int, writes: Writes) -> None:
        """Compare one tensor's writes with the next records of its memory."""
        count = len(writes.addresses)
        records = read_records(self.folder / f"{writes.memory}.records", self.bits()[writes.memory],
                               self.cursors[writes.memory], count)
        self.cursors[writes.memory] += count
        self.values += writes.values.size
        expected = pack_values(writes.values, writes.bits)
        have = len(records)
        wrong = np.ones(count, bool)
        misplaced = records["address"] != writes.addresses[:have]
        wrong[:have] = misplaced | (records["data"] != expected[:have]).any(axis=1)
        if wrong.any():
            self.explain(step, writes, records, int(np.argmax(wrong)))
            self.mismatches += int(wrong.sum()) * writes.values.shape[1]

    def explain(self, step: int, writes: Writes, records: np.ndarray, place: int) -> None:
        """Name the first difference of a tensor."""
        tensor = f"{writes.tensor} of step {step}"
        unit = UNITS[writes.memory]
        if place >= len(records):
            self.note(Mismatch(unit, tensor, writes.place(place, 0), -1, "a write", "none"))
            return
        record = records[place]
        if record["address"] != writes.addresses[place]:
            self.note(Mismatch(unit, tensor, writes.place(place, 0), int(record["cycle"]),
                               f"address {writes.addresses[place]}", f"address {record['address']}"))
            return
        got = unpack_values(record["data"], writes.values.shape[1], writes.bits, bool(writes.values.min() < 0))
        channel = int(np.argmax(got != writes.values[place]))
        self.note(Mismatch(unit, tensor, writes.place(place, channel), int(record["cycle"]),
                           str(writes.values[place][channel]), str(got[channel])))

    def note(self, mismatch: Mismatch) -> None:
        """Keep the first ten."""
        if len(self.first) < 10:
            self.first.append(mismatch)


def unpack_values(content: np.ndarray, channels: int, bits: int, signed: bool) -> np.ndarray:
    """(bytes,) uint8 -> (channels,) integers."""
    flat = np.unpackbits(content, bitorder="little")[:channels * bits].reshape(channels, bits)
    values = (flat.astype(np.int64) << np.arange(bits)).sum(axis=1)
    return np.where(signed & (values >> (bits - 1) == 1), values - (1 << bits), values)
