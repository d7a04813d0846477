"""Lines, branches and toggles by unit: what was reached, and which holes are left and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from sim.coverage.functional import Reasons
from sim.coverage.lines import KINDS, Point

BIT = re.compile(r"(.*)\[(\d+)\]:(\d->\d)$")
SCALAR = re.compile(r"(.*):(\d->\d)$")
Figures = tuple[int, int]
"""Reached, and all there are."""


@dataclass(frozen=True)
class Unit:
    """A unit's figures by kind, its holes that have a reason, by reason, and those that have none."""

    name: str
    figures: Mapping[str, Figures]
    explained: Mapping[str, int]
    unexplained: tuple[str, ...]


def units(counts: Mapping[Point, int], reasons: Reasons) -> list[Unit]:
    """Every unit that was counted, by name."""
    made = []
    ordered = sorted(counts.items())
    for name, entries in groupby(ordered, key=lambda entry: entry[0].unit):
        points = list(entries)
        figures = {kind: (sum(count > 0 for point, count in points if point.kind == kind),
                          sum(point.kind == kind for point, _ in points)) for kind in KINDS}
        explained: dict[str, int] = {}
        bare = []
        for point, count in points:
            if not count:
                why = reasons.of(" ".join(point))
                if why:
                    explained[why] = explained.get(why, 0) + 1
                else:
                    bare.append(point)
        made.append(Unit(name, figures, explained, tuple(collapsed(bare))))
    return made


def collapsed(holes: Iterable[Point]) -> list[str]:
    """Names of holes, the bits of a signal that lack the same changes together: ``sums[3:0] 0->1``."""
    bits: dict[tuple[str, str], list[int]] = {}
    names = []
    for point in holes:
        match = BIT.match(point.name)
        single = SCALAR.match(point.name) if point.kind == "toggle" and not match else None
        if point.kind == "toggle" and match:
            bits.setdefault((match[1], match[3]), []).append(int(match[2]))
        else:
            names.append(f"{single[1]} {single[2]}" if single else f"{point.kind} {point.name}")
    for (signal, change), places in bits.items():
        names += [f"{signal}[{high}:{low}] {change}" if high > low else f"{signal}[{low}] {change}"
                  for low, high in ranges(places)]
    return sorted(names)


def ranges(places: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of numbers that follow each other."""
    found: list[tuple[int, int]] = []
    for place in sorted(places):
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def lines(made: Iterable[Unit]) -> list[str]:
    """A summary for a terminal."""
    text = []
    for unit in made:
        figures = ", ".join(f"{kind} {hit} of {total}" for kind, (hit, total) in unit.figures.items() if total)
        text.append(f"  {unit.name}: {figures}; holes explained {sum(unit.explained.values())}, "
                    f"not explained {len(unit.unexplained)}")
        text += [f"    hole: {name}" for name in unit.unexplained]
    return text
