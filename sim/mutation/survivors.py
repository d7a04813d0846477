"""The list of survivors that somebody has looked at, each with what it is and why."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from sim.verilator import REPOSITORY

LIST = REPOSITORY / "tests" / "mutation" / "survivors.toml"
KINDS = {
    "equivalent": "nothing that the unit is asked to do shows it: redundant logic, a value nobody uses, a state that "
                  "cannot be reached",
    "timing": "it costs cycles that no bench counts, and no value",
    "untested": "a real fault that no bench of the unit finds",
}
"""What a survivor may be. Only ``equivalent`` ones leave the count of faults that could be found."""


class ListError(ValueError):
    """The list of survivors is not as it must be; the message names the entry."""


@dataclass(frozen=True)
class Survivor:
    """One judged mutant: of a unit, with its key, what it is and the reason in one sentence."""

    unit: str
    key: str
    kind: str
    reason: str


def read_survivors(path: Path = LIST) -> dict[tuple[str, str], Survivor]:
    """(unit, key) -> survivor; raises ``ListError``."""
    found: dict[tuple[str, str], Survivor] = {}
    with path.open("rb") as file:
        entries = tomllib.load(file).get("survivor", [])
    for number, entry in enumerate(entries, 1):
        where = f"survivor {number} of {path.name}"
        if set(entry) != {"unit", "key", "kind", "reason"}:
            raise ListError(f"{where} has {', '.join(sorted(entry))}; expected unit, key, kind and reason")
        survivor = Survivor(**entry)
        if survivor.kind not in KINDS:
            raise ListError(f"{where} is of kind {survivor.kind!r}; expected one of {', '.join(KINDS)}")
        if not survivor.reason.endswith("."):
            raise ListError(f"{where} has the reason {survivor.reason!r}; expected a sentence that ends in a full stop")
        if (survivor.unit, survivor.key) in found:
            raise ListError(f"{where} is there twice: {survivor.key}")
        found[survivor.unit, survivor.key] = survivor
    return found
