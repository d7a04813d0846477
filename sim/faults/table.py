"""Outcomes of a campaign as a table and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sim.faults.job import EXACT, HANG, SILENT, Outcome

ERROR = "error"
COLUMNS = (EXACT, ERROR, SILENT, HANG)


def column(outcome: str) -> str:
    """The column of the table that an outcome counts in."""
    return outcome if outcome in COLUMNS else ERROR


def counts(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """How often each kind of injection had each outcome."""
    result: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        result.setdefault(outcome.kind, Counter())[outcome.outcome] += 1
    return {kind: dict(sorted(found.items())) for kind, found in result.items()}


def markdown(counted: dict[str, dict[str, int]]) -> str:
    """A row for each kind: the exact images, the errors with their codes, what must not be, and the sum."""
    lines = ["| injection | number | exact image | error | silently different | hang | errors |",
             "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for kind, found in counted.items():
        sums: Counter[str] = Counter()
        for outcome, number in found.items():
            sums[column(outcome)] += number
        codes = ", ".join(f"{name} {number}" for name, number in found.items() if column(name) == ERROR)
        lines.append(f"| {kind} | {sum(found.values()):,} | " + " | ".join(f"{sums[name]:,}" for name in COLUMNS)
                     + f" | {codes or '–'} |")
    return "\n".join(lines)


def write(path: Path, command: str, seed: int, config: str, counted: dict[str, dict[str, int]]) -> None:
    """A reference result, whole or not at all."""
    content = {"command": command, "config": config, "seed": seed,
               "injections": sum(sum(found.values()) for found in counted.values()), "outcomes": counted}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
