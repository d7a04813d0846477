"""A drawing's report and pictures, read from its folder and checked."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPORT_FILE = "report.json"
PICTURES = ("image", "steps", "film")
NUMBER = (int, float)


class PageError(ValueError):
    """A folder of which no page can be made; one sentence."""


@dataclass(frozen=True)
class Each:
    """A mapping of any names to values of one shape."""

    shape: Any


WINDOW = {"edges": [int], "busy_cycles": Each([int]), "macs": [NUMBER]}
DESIGN = {"design": str, "macs": int, "skipped_macs": int, "multiply_picojoules": NUMBER,
          "accumulate_picojoules": NUMBER, "picojoules": NUMBER, "ratio": NUMBER,
          "memories": Each({"read_bits": int, "written_bits": int, "picojoules": NUMBER})}
SHAPE = {
    "model": str, "label": str, "seed": int, "sampler": str, "steps": int, "planned_steps": int, "contexts": int,
    "split": str, "hardware": {"name": str, "lanes": int, "width": int, "fingerprint": str},
    "cycles": int, "predicted_cycles": int, "step_cycles": [int], "busy_cycles": Each(int),
    "predicted_busy_cycles": Each(int), "array_stall_cycles": Each(int), "lane_wait_cycles": Each(int),
    "multipliers": int, "lanes": int, "useful_macs": int, "utilisation": NUMBER, "macs": int, "macs_offered": int,
    "predicted_macs": int, "predicted_macs_offered": int, "predicted_step_cycles": [int],
    "dense_shares": [NUMBER], "skipped_share": NUMBER, "share_of_ideal": NUMBER,
    "values_compared": int, "mismatches": int, "zero_share": Each(NUMBER), "zero_share_by_layer": Each(NUMBER),
    "zero_share_mean": (*NUMBER, type(None)), "zero_share_by_step": Each([NUMBER]),
    "dense_share_by_step": Each([NUMBER]), "difference_to_float_model": NUMBER, "simulated_cycles_per_second": NUMBER,
    "activity": {"drawing": WINDOW, "last_step": WINDOW},
    "descriptors": [{"address": int, "engine": str, "work": str, "executions": int, "cycles": int, "least": int,
                     "most": int}],
    "memory": [{"memory": str, "words": int, "bits": int, "used": int, "regions": [list]}],
    "energy": {"constants": {"source": str, "multiply": [NUMBER], "add": [NUMBER], "access": [NUMBER]},
               "designs": [DESIGN]},
    "configuration": Each(Each(object)), "files": {name: str for name in PICTURES},
}
"""What a page needs of a report; a report may hold more."""


def check(value: Any, shape: Any, name: str) -> None:
    """Raise ``PageError``, which names the place, unless ``value`` has the shape."""
    if isinstance(shape, (dict, Each)):
        if not isinstance(value, dict):
            raise PageError(f"{name} is not a table of names")
        shapes = {key: shape.shape for key in value} if isinstance(shape, Each) else shape
        for key, inner in shapes.items():
            if key not in value:
                raise PageError(f"{name} has no '{key}'")
            check(value[key], inner, f"'{key}'")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise PageError(f"{name} is not a list")
        for inner in value:
            check(inner, shape[0], name)
    elif not isinstance(value, shape) or isinstance(value, bool) and shape is not object:
        raise PageError(f"{name} holds {value!r}, which is of the wrong kind")


def read_report(folder: Path) -> dict[str, Any]:
    """The report of a drawing. Raises ``PageError`` for one that is missing, damaged or of another version."""
    path = folder / REPORT_FILE
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise PageError(f"{path} cannot be read; expected the report that make sim leaves in its folder") from None
    except ValueError:
        raise PageError(f"{path} is not JSON; it is damaged: draw again with make sim") from None
    try:
        check(report, SHAPE, "it")
        check_lengths(report)
    except PageError as error:
        raise PageError(f"{path} is damaged or of another version: {error}; draw again with make sim") from None
    return report


def check_lengths(report: dict[str, Any]) -> None:
    """Raise ``PageError`` unless what is divided by is positive, and lists that belong together are equally long."""
    for name in ("cycles", "multipliers", "lanes"):
        if report[name] < 1:
            raise PageError(f"'{name}' is {report[name]}; expected 1 or more")
    for name, window in report["activity"].items():
        for values in (*window["busy_cycles"].values(), window["macs"]):
            if len(values) + 1 != len(window["edges"]):
                raise PageError(f"'activity' of the {name.replace('_', ' ')} has {len(values)} values for "
                                f"{len(window['edges'])} edges")
    for name in ("zero_share_by_step", "dense_share_by_step"):
        if len({len(shares) for shares in report[name].values()}) > 1:
            raise PageError(f"'{name}' has rows of different lengths")
    if len(report["step_cycles"]) != report["steps"] + 1:
        raise PageError(f"'step_cycles' has {len(report['step_cycles'])} values for {report['steps']} steps")


def read_pictures(folder: Path, report: dict[str, Any]) -> dict[str, str]:
    """Pictures as addresses that hold their own bytes. Raises ``PageError`` for one that is missing or no PNG."""
    found = {}
    for name in PICTURES:
        path = folder / Path(report["files"][name]).name
        try:
            content = path.read_bytes()
        except OSError:
            raise PageError(f"{path} cannot be read; draw again with make sim") from None
        if not content.startswith(b"\x89PNG"):
            raise PageError(f"{path} is no PNG; draw again with make sim")
        found[name] = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return found
