"""Lines, branches and toggles by unit: what was reached, and which holes are left and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from sim.coverage import constants
from sim.coverage.functional import Reasons
from sim.coverage.lines import KINDS, Design, Point, add

BIT = re.compile(r"(.*)\[(\d+)\]:(\d->\d)$")
SCALAR = re.compile(r"(.*):(\d->\d)$")
Designs = Mapping[Design, Mapping[Point, int]]
Figures = tuple[int, int]
"""Reached, and all there are."""


@dataclass(frozen=True)
class Unit:
    """A unit's figures by kind, its holes that have a reason, by reason, and those that have none."""

    name: str
    figures: Mapping[str, Figures]
    explained: Mapping[str, int]
    unexplained: tuple[str, ...]


CONSTANT = "The bit is constant: Yosys finds it so in every design that was counted."
SAME_WIRE = "The same wires, by other names, as bits that have a reason."


def why_not(designs: Designs, holes: Iterable[Point], reasons: Reasons) -> dict[Point, str]:
    """Holes that have a reason, and it: of a person or of Yosys."""
    holes = list(holes)
    found = {point: why for point in holes if (why := reasons.of(" ".join(point)))}
    toggles = {point for point in holes if point.kind == "toggle"}
    found |= dict.fromkeys(constants.constant(designs, toggles - found.keys()), CONSTANT)
    named = toggles & found.keys()
    return found | dict.fromkeys(constants.same_wires(designs, toggles - named, named), SAME_WIRE)


def holes(designs: Designs) -> list[str]:
    """Names of everything that no design has reached."""
    counts: dict[Point, int] = {}
    for each in designs.values():
        add(counts, each)
    return [" ".join(point) for point, count in counts.items() if not count]


def units(designs: Designs, reasons: Reasons) -> list[Unit]:
    """Every unit that was counted, by name."""
    counts: dict[Point, int] = {}
    for each in designs.values():
        add(counts, each)
    found = why_not(designs, (point for point, count in counts.items() if not count), reasons)
    made = []
    for name, entries in groupby(sorted(counts.items()), key=lambda entry: entry[0].unit):
        points = list(entries)
        figures = {kind: (sum(count > 0 for point, count in points if point.kind == kind),
                          sum(point.kind == kind for point, _ in points)) for kind in KINDS}
        explained: dict[str, int] = {}
        for point, count in points:
            if not count and point in found:
                explained[found[point]] = explained.get(found[point], 0) + 1
        bare = [point for point, count in points if not count and point not in found]
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
