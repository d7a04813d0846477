"""The figures of a run as JSON, and as the tables of ``docs/coverage.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.coverage.functional import UNEXPLAINED, Group
from sim.coverage.identity import changed
from sim.coverage.lines import KINDS
from sim.coverage.structure import Unit
from sim.verilator import REPOSITORY

RESULT = REPOSITORY / "docs" / "coverage.json"
"""Figures of the last whole run that were accepted."""
PLURALS = dict(zip(KINDS, ("lines", "branches", "toggles"), strict=True))
BEGIN, END = "<!-- tables of docs/coverage.json -->", "<!-- end of the tables -->"


def content(groups: Iterable[Group], units: Iterable[Unit], reasons: Mapping[str, int], command: str) -> dict[str, Any]:
    """Everything that a run came to; ``reasons``: how many holes each pattern of the file of reasons matches."""
    return {
        "command": command,
        "reasons": dict(reasons),
        "functional": {group.name: {"hit": group.hit, "total": group.total, "holes": dict(group.holes)}
                       for group in groups},
        "units": {unit.name: {**{PLURALS[kind]: list(figures) for kind, figures in unit.figures.items()},
                              "explained": dict(unit.explained), "unexplained": list(unit.unexplained)}
                  for unit in units},
    }


def write(path: Path, figures: Mapping[str, Any]) -> None:
    """Write them, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> dict[str, Any]:
    """Figures that were written."""
    return json.loads(path.read_text(encoding="utf-8"))


def accepted(figures: Mapping[str, Any], today: Mapping[str, str]) -> list[str]:
    """A summary of the last whole run, and which units are no longer those that it counted."""
    groups, units = figures["functional"].values(), figures["units"].values()
    reached = ", ".join(f"{kind} {sum(unit[kind][0] for unit in units)} of {sum(unit[kind][1] for unit in units)}"
                        for kind in PLURALS.values())
    stale = changed(figures["verilog"], {unit: digest for unit, digest in today.items() if unit in figures["units"]})
    return [f"last whole run of coverage (docs/coverage.json): {sum(group['hit'] for group in groups)} of "
            f"{sum(group['total'] for group in groups)} functional bins, {reached}; holes with a reason "
            f"{sum(sum(unit['explained'].values()) for unit in units)}, without "
            f"{sum(len(unit['unexplained']) for unit in units)}",
            *(f"  left out: {part}, which {why}" for part, why in figures.get("left_out", {}).items()),
            f"  units whose Verilog has changed since: {', '.join(stale) if stale else 'none'}"]


def share(hit: int, total: int) -> str:
    """``12 of 16``; a dash where there is nothing to reach."""
    return f"{hit} of {total}" if total else "–"


def tables(figures: Mapping[str, Any]) -> str:
    """The command, and three Markdown tables: groups of bins, holes among them with a reason, units."""
    rows = [f"    {figures['command']}", ""]
    rows += [f"Left out: `{part}`, which {why}.\n" for part, why in figures.get("left_out", {}).items()]
    rows += ["| functional bins | hit |", "| --- | --- |"]
    rows += [f"| {name} | {share(group['hit'], group['total'])} |" for name, group in figures["functional"].items()]
    reasons: dict[str, list[str]] = {}
    for group in figures["functional"].values():
        for name, why in group["holes"].items():
            if why != UNEXPLAINED:
                reasons.setdefault(why, []).append(name)
    if reasons:
        rows += ["", "| bins not hit | why |", "| --- | --- |"]
        rows += [f"| {', '.join(f'`{name}`' for name in names)} | {why} |" for why, names in reasons.items()]
    rows += ["", f"| unit | {' | '.join(PLURALS.values())} | holes with a reason | without |", "| --- |" + " --- |" * 5]
    rows += [f"| `{name}` | {' | '.join(share(*unit[kind]) for kind in PLURALS.values())} | "
             f"{sum(unit['explained'].values())} | {len(unit['unexplained'])} |"
             for name, unit in figures["units"].items()]
    return "\n".join(rows)


def with_tables(page: str, figures: Mapping[str, Any]) -> str:
    """The page with its tables made anew; raises ``ValueError`` for one without the marks around them."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"the page has no place for its tables; expected {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables(figures)}\n\n{END}{after}"


def unexplained(figures: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Bins, and lines, branches and toggles, that were not reached and have no reason."""
    bins = [name for group in figures["functional"].values() for name, why in group["holes"].items()
            if why == UNEXPLAINED]
    return bins, [f"{unit} {name}" for unit, found in figures["units"].items() for name in found["unexplained"]]
