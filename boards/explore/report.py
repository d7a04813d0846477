"""What the search found: table, JSON, plot, and a front's configuration as a TOML file."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from boards.explore.evaluate import Outcome
from golden.spec.hardware import HardwareConfig

COLUMNS = ("", "lanes × width", "line", "slots", "norm", "dense lanes (DSP)", "look-up table sites", "flip-flops",
           "block RAM", "DSP", "cycles a drawing", "images a second")
RESOURCES = ("LUT4", "TRELLIS_FF", "DP16KD", "MULT18X18D")
INCHES, DOTS_PER_INCH = (7.5, 4.5), 120


def row(number: str, outcome: Outcome) -> str:
    """A line of the table; what has not been timed has no cycles."""
    config = outcome.hardware
    dense = f"{config.dense_lanes} ({config.dsp_lanes})" if config.dense_lanes else "–"
    timed = [f"{outcome.cycles.drawing:,}", f"{outcome.images_per_second:.2f}"] if outcome.cycles else ["–", "–"]
    cells = [number, f"{config.lanes} × {config.width}", str(config.line_words), str(config.slots),
             str(config.norm_parts), dense,
             *(f"{outcome.needs[kind]:,}" for kind in RESOURCES), *timed]
    return "| " + " | ".join(cells) + " |"


def table(front: Sequence[Outcome], existing: Sequence[Outcome], capacity: dict[str, int], device: str) -> str:
    """The front, the existing configurations and the device, in Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += [row(str(number), outcome) for number, outcome in enumerate(front, start=1)]
    lines += [row(f"`{outcome.name}`", outcome) for outcome in existing if outcome.needs]
    has = [f"{capacity[kind]:,}" for kind in RESOURCES]
    return "\n".join([*lines, f"| {device} has | – | – | – | – | – | " + " | ".join(has) + " | – | – |"])


def summary(outcomes: Sequence[Outcome], front: Sequence[Outcome]) -> str:
    """How many configurations there were, how many fit, and why the others do not; one may have several reasons."""
    feasible = sum(outcome.feasible for outcome in outcomes)
    causes = Counter(cause for outcome in outcomes for cause in outcome.causes)
    text = f"{len(outcomes)} configurations, {feasible} feasible, {len(front)} on the front"
    reasons = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
    return f"{text}; not feasible: {reasons}" if reasons else text


def nearest(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Where nothing is feasible: what is least too large; None where nothing holds the model."""
    return min((outcome for outcome in outcomes if outcome.needs and not outcome.feasible),
               key=lambda outcome: (outcome.excess, outcome.sites), default=None)


def content(outcomes: Sequence[Outcome], front: Sequence[Outcome], existing: Sequence[Outcome], setting: dict) -> dict:
    """Everything, as it is written to the JSON file."""
    return {**setting, "front": [as_json(outcome) for outcome in front],
            "existing": [as_json(outcome) for outcome in existing],
            "configurations": [as_json(outcome) for outcome in outcomes]}


def as_json(outcome: Outcome) -> dict:
    """One configuration."""
    return dataclasses.asdict(outcome)


def plot(front: Sequence[Outcome], outcomes: Sequence[Outcome], existing: Sequence[Outcome], sites: int,
         title: str) -> Figure:
    """Images a second against look-up table sites: the front, what it beats, and the existing configurations.

    ``sites``: what the device has. Hollow points do not fit it.
    """
    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    others = [outcome for outcome in outcomes if outcome.feasible]
    axes.scatter([o.sites for o in others], [o.images_per_second for o in others], s=14, color="0.7",
                 label="feasible")
    axes.plot([o.sites for o in front], [o.images_per_second for o in front], "o-", color="C0", drawstyle="steps-post",
              label="Pareto front")
    for number, outcome in enumerate(front, start=1):
        axes.annotate(str(number), (outcome.sites, outcome.images_per_second), xytext=(4, 4),
                      textcoords="offset points", fontsize=8)
    for outcome in (o for o in existing if o.cycles):
        axes.scatter(outcome.sites, outcome.images_per_second, marker="s", edgecolor="C3",
                     facecolor="C3" if outcome.feasible else "none")
        axes.annotate(outcome.name, (outcome.sites, outcome.images_per_second), xytext=(4, -10), color="C3",
                      textcoords="offset points", fontsize=8)
    axes.axvline(sites, color="0.4", linestyle="--", linewidth=1, label="sites of the device")
    axes.set(xlabel="look-up table sites, predicted", ylabel="images a second", title=title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=8)
    return figure


def toml(hardware: HardwareConfig, comment: str) -> str:
    """A configuration as a file that every ``--config`` reads."""
    fields = dataclasses.asdict(hardware)
    del fields["name"]      # the file's
    return "\n".join([f"# {comment}", "[hardware]", *(f"{name} = {value}" for name, value in fields.items()), ""])


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write(folder: Path, name: str, found: dict, figure: Figure, markdown: str) -> list[Path]:
    """Write ``<name>.json``, ``.md`` and ``.png``, each whole or not at all; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}{suffix}" for suffix in (".json", ".md", ".png")]
    write_text(paths[0], json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_text(paths[1], markdown + "\n")
    partial = folder / f".{name}.partial.png"
    figure.savefig(partial)
    partial.replace(paths[2])
    return paths
