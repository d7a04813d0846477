"""What the outcomes of all units come to: shares with their intervals, tables, and the survivors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sim.mutation.run import CRASH, HANG, Outcome
from sim.mutation.survivors import Survivor

Z = 1.959964
"""Of the normal distribution, for an interval of 95 %."""
UNJUDGED = "not judged yet"
Judged = Mapping[tuple[str, str], Survivor]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share (E. B. Wilson, 1927); the whole range where nothing was tried."""
    if not total:
        return 0.0, 1.0
    share, square = hits / total, Z * Z
    centre = (share + square / (2 * total)) / (1 + square / total)
    spread = Z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, centre - spread), min(1.0, centre + spread)


def survivors_of(outcomes: Iterable[Outcome], judged: Judged) -> list[dict[str, str]]:
    """Every mutant that lived, with what the list says of it."""
    found = []
    for outcome in outcomes:
        for verdict in outcome.verdicts:
            if not verdict.killed:
                entry = judged.get((outcome.unit, verdict.key))
                found.append({"target": outcome.target, "unit": outcome.unit, "key": verdict.key,
                              "operator": verdict.operator, "source": verdict.source,
                              "kind": entry.kind if entry else UNJUDGED, "reason": entry.reason if entry else ""})
    return found


def _row(tried: int, killed: int, equivalent: int) -> dict[str, Any]:
    faults = tried - equivalent
    return {"mutants": tried, "killed": killed, "equivalent": equivalent, "share_of_all": _share(killed, tried),
            "share": _share(killed, faults), "interval": [round(end, 4) for end in wilson(killed, faults)]}


def _share(hits: int, total: int) -> float:
    return round(hits / total, 4) if total else 1.0


def figures(outcomes: Sequence[Outcome], judged: Judged) -> dict[str, Any]:
    """Shares of all units together, by unit and by operator, how mutants died, and the survivors."""
    survivors = survivors_of(outcomes, judged)
    tried, killed, equivalent = Counter(), Counter(), Counter()
    for outcome in outcomes:
        for verdict in outcome.verdicts:
            for name in (("all",), ("unit", outcome.target), ("operator", verdict.operator)):
                tried[name] += 1
                killed[name] += verdict.killed
    for survivor in survivors:
        for name in (("all",), ("unit", survivor["target"]), ("operator", survivor["operator"])):
            equivalent[name] += survivor["kind"] == "equivalent"
    rows = {name: _row(tried[name], killed[name], equivalent[name]) for name in sorted(tried)}
    how = Counter(verdict.how for outcome in outcomes for verdict in outcome.verdicts)
    return {
        **rows.get(("all",), _row(0, 0, 0)),
        "candidates": sum(outcome.candidates for outcome in outcomes),
        "hangs": how[HANG], "crashes": how[CRASH],
        "units": {name[1]: row for name, row in rows.items() if name[0] == "unit"},
        "operators": {name[1]: row for name, row in rows.items() if name[0] == "operator"},
        "survivors": survivors,
    }


def table(rows: Mapping[str, Mapping[str, Any]], title: str) -> list[str]:
    """Rows of a table in Markdown, which a terminal shows well too."""
    lines = [f"| {title} | mutants | killed | equivalent | killed of the others | interval of 95 % |",
             "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        low, high = row["interval"]
        lines.append(f"| {name.replace('_', ' ')} | {row['mutants']} | {row['killed']} | {row['equivalent']} "
                     f"| {row['share']:.1%} | {low:.1%} to {high:.1%} |")
    return lines


def survivor_table(survivors: Iterable[Mapping[str, str]]) -> list[str]:
    """The survivors with their reasons, in Markdown."""
    lines = ["| unit | survivor | what it is | why |", "|---|---|---|---|"]
    for one in survivors:
        key = one["key"].replace("|", "\\|")      # or it would end the cell
        lines.append(f"| {one['target'].replace('_', ' ')} | `{key}` | {one['kind']} | {one['reason']} |")
    return lines


def summary(found: Mapping[str, Any]) -> str:
    """The share in one sentence."""
    low, high = found["interval"]
    return (f"{found['killed']} of {found['mutants']} mutants killed, {found['share_of_all']:.1%}; without the "
            f"{found['equivalent']} that are equivalent {found['share']:.1%} ({low:.1%} to {high:.1%})")


def told(survivor: Mapping[str, str]) -> str:
    """A survivor in one line."""
    reason = f": {survivor['reason']}" if survivor["reason"] else ""
    return f"{survivor['target']}: {survivor['key']} ({survivor['source']}): {survivor['kind']}{reason}"
