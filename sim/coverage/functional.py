"""The functional bins of a run: what was hit, by which tests, and which holes are left and why."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.coverage.bins import GROUPS
from sim.coverage.marks import SUFFIX

REASONS = Path(__file__).with_name("reasons.toml")
UNEXPLAINED = "UNEXPLAINED"


class ReasonError(ValueError):
    """The file of reasons cannot be read, or gives a reason for something that is no hole."""


@dataclass(frozen=True)
class Reasons:
    """Patterns of names, each with why what they match is not hit."""

    patterns: tuple[tuple[re.Pattern[str], str], ...]

    def of(self, name: str) -> str | None:
        """The reason of a hole, None where there is none."""
        return next((why for pattern, why in self.patterns if pattern.fullmatch(name)), None)

    def met(self, holes: Iterable[str]) -> dict[str, int]:
        """How many holes each pattern matches."""
        holes = list(holes)
        return {pattern.pattern: sum(bool(pattern.fullmatch(hole)) for hole in holes) for pattern, _ in self.patterns}


def read_reasons(table: str, path: Path = REASONS) -> Reasons:
    """One table of the file of reasons; raises ``ReasonError`` in one sentence."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get(table, [])
        return Reasons(tuple((re.compile(name), entry["why"]) for entry in entries for name in entry["holes"]))
    except (OSError, tomllib.TOMLDecodeError, re.error, KeyError, TypeError) as error:
        raise ReasonError(f"the reasons of {table} in {path.name} cannot be read: {error!r}; expected entries "
                          "with 'holes', a list of patterns, and 'why'") from None


def hits(folder: Path, failed: Collection[str] = ()) -> dict[str, list[str]]:
    """The bins that files of marks name, each with the tests that hit it; those of tests that failed do not count."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if entry["by"] not in failed:
                found.setdefault(entry["bin"], set()).add(entry["by"])
    return {name: sorted(tests) for name, tests in found.items()}


@dataclass(frozen=True)
class Group:
    """The bins of a group: how many, how many hit, and the holes with their reasons."""

    name: str
    total: int
    hit: int
    holes: Mapping[str, str]


def groups(found: Collection[str], reasons: Reasons) -> list[Group]:
    """Every group of a run."""
    made = []
    for name, names in GROUPS.items():
        holes = {bin_: reasons.of(bin_) or UNEXPLAINED for bin_ in names if bin_ not in found}
        made.append(Group(name, len(names), len(names) - len(holes), holes))
    return made


def unexplained(made: Iterable[Group]) -> list[str]:
    """Names of the holes without a reason."""
    return [name for group in made for name, why in group.holes.items() if why == UNEXPLAINED]


def lines(made: Iterable[Group], complete: bool) -> list[str]:
    """A summary for a terminal; holes are named only for a complete run."""
    made = list(made)
    total, hit = sum(group.total for group in made), sum(group.hit for group in made)
    if not complete:
        return [f"{hit} of {total} functional bins hit by these tests (a whole run names the holes)"]
    text = [f"{hit} of {total} functional bins hit"]
    for group in made:
        text.append(f"  {group.name}: {group.hit} of {group.total}")
        text += [f"    hole: {name}: {why}" for name, why in group.holes.items()]
    return text
