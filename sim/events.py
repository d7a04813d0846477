"""Event records of a simulation, as ``sim/event_bench.py`` wrote them: when, and the fields of the port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.event_bench import SUFFIX

WORD_BITS = 32
Interval = tuple[int, int]
"""First cycle, and the first one after the last."""


@dataclass(frozen=True)
class Events:
    """Records of one port: ``cycles`` (n,) as the core counts them, and (n,) integers of each field."""

    cycles: np.ndarray
    fields: Mapping[str, np.ndarray]

    def within(self, first: int, stop: int) -> Events:
        """Those of the cycles ``first`` to ``stop - 1``."""
        chosen = slice(*np.searchsorted(self.cycles, (first, stop)))
        return Events(self.cycles[chosen], {name: values[chosen] for name, values in self.fields.items()})

    def at(self, name: str, bit: int | None = None) -> np.ndarray:
        """Cycles in which a field, or one bit of it, is not zero."""
        return self.cycles[_chosen(self.fields[name], bit)]


@dataclass(frozen=True)
class Levels:
    """Fields that keep their value from one record to the next, up to ``stop``; zero before the first."""

    events: Events
    stop: int

    def intervals(self, name: str, bit: int | None = None) -> list[Interval]:
        """Where a field, or one bit of it, is not zero; longest possible, in order."""
        return intervals(self.events.cycles, _chosen(self.events.fields[name], bit), self.stop)

    def pieces(self, name: str) -> list[tuple[int, int, int]]:
        """First cycle, first one after the last, and value, for each stretch of a value that is not zero."""
        values = self.events.fields[name]
        kept = np.append([True], values[1:] != values[:-1])[:len(values)]
        times, values = self.events.cycles[kept].tolist(), values[kept].tolist()
        return [(first, stop, value) for first, stop, value in
                zip(times, [*times[1:], self.stop], values, strict=True) if value and first < stop]

    def lengths(self) -> np.ndarray:
        """Cycles for which each record holds."""
        return np.diff(self.events.cycles, append=self.stop)

    def total(self, name: str) -> int:
        """Sum of a field over all cycles."""
        return int((self.events.fields[name] * self.lengths()).sum())


def _chosen(values: np.ndarray, bit: int | None) -> np.ndarray:
    return values != 0 if bit is None else values >> bit & 1 != 0


def intervals(cycles: np.ndarray, high: np.ndarray, stop: int) -> list[Interval]:
    """Where a level is high that changes to ``high`` in ``cycles``, and ends at ``stop``."""
    edges = np.diff(np.concatenate([[False], high, [False]]).astype(np.int8))
    times = np.append(cycles, stop)
    return [(int(first), int(last)) for first, last in
            zip(times[np.flatnonzero(edges == 1)], times[np.flatnonzero(edges == -1)], strict=True) if first < last]


def read_events(folder: Path, ports: Iterable[Mapping]) -> dict[str, Events]:
    """Records of every port, by name. ``ports``: the entry "events" of ``core.json``."""
    return {port["name"]: read_port(folder / f"{port['name']}{SUFFIX}", port["bits"], port["fields"]) for port in ports}


def read_port(path: Path, bits: int, fields: Sequence[Mapping]) -> Events:
    """Records of one port; none where there is no file. Fields are 32 bits wide at most."""
    width = 1 + -(-bits // WORD_BITS)
    content = np.fromfile(path, dtype="<u4") if path.exists() else np.empty(0, "<u4")
    records = content[:len(content) // width * width].reshape(-1, width).astype(np.int64)
    # of several records in one cycle, which a pause makes, the last is what the cycle saw
    last = np.append(np.diff(records[:, 0]) != 0, np.ones(min(1, len(records)), dtype=bool))
    records = records[last]
    data = np.pad(records[:, 1:], ((0, 0), (0, 1)))
    values, offset = {}, 0
    for field in fields:
        word, place = divmod(offset, WORD_BITS)
        pair = data[:, word] >> place | data[:, word + 1] << WORD_BITS - place
        values[field["name"]] = pair & (1 << field["bits"]) - 1
        offset += field["bits"]
    return Events(records[:, 0], values)
