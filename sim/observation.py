"""What a drawing leaves beside its picture: a timeline of some of its steps, and waves of some of its cycles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from golden.compile.compiler import Compiled
from golden.spec.validation import ConfigError
from sim import waves
from sim.coverage.drawings import mark_runs
from sim.events import read_events
from sim.job import StepDone
from sim.program_order import orders
from sim.reference import Reference
from sim.runs import EventError, recorded
from sim.timeline import step_slices, timeline
from sim.timeline_check import differences
from sim.trace_format import write_trace

TIMELINE_FILE = "timeline.json.gz"
USUAL_STEPS = (1, 1)
"""First and last step of a timeline that nobody asked otherwise for: one is short enough to look at."""
Part = dict[str, Any]


def check_steps(steps: tuple[int, int], planned: int) -> None:
    """Raise ``ConfigError`` unless the steps are of the drawing; 0 is the first noise."""
    first, last = steps
    if not 0 <= first <= last <= planned:
        raise ConfigError(f"timeline steps are {first} to {last}; expected a range within 0, the first noise, to "
                          f"{planned}, the last step of this drawing")


def report_part(files: Mapping[str, str], request: Any, compiled: Compiled, reference: Reference, build: Path,
                records: Path, folder: Path) -> Part:
    """Leave what the request (``sim.drawing.Request``) asks for in the folder; returns entries of the report."""
    part: Part = {"files": dict(files)}
    if request.timeline is not None:
        part["timeline"] = write_timeline(compiled, reference, request.timeline, build, records, folder)
        part["files"]["timeline"] = part["timeline"]["file"]
    if request.waves is not None:
        part["files"]["waves"] = waves.collect(request.waves, records, folder, described(build))
    return part


def described(build: Path) -> dict:
    """What ``core.json`` says."""
    return json.loads((build / "core.json").read_text(encoding="utf-8"))


def write_timeline(compiled: Compiled, reference: Reference, steps: tuple[int, int], build: Path, records: Path,
                   folder: Path) -> Part:
    """Write the timeline of some steps and compare it with all that is known of them.

    Returns the report's part: file, steps, descriptors, differences. No file where the drawing ended before.
    """
    first, last = steps[0], min(steps[1], len(reference.ended) - 1)
    if first > last:
        return {"file": None, "steps": list(steps), "descriptors": 0, "differences": []}
    bounds = step_bounds(reference.ended, first, last)
    start, stop = bounds[0][1], bounds[-1][2]
    part = {"file": TIMELINE_FILE, "steps": [first, last]}
    try:
        seen = recorded(read_events(records, described(build)["events"]), start, stop)
    except EventError as error:
        return {**part, "file": None, "descriptors": 0, "differences": [str(error)]}
    issued = list(orders(compiled.descriptors, first, last))
    spans = [span for span in reference.prediction.spans if start <= span.issued < stop]
    hardware, name = compiled.layout.hardware, compiled.model.config.name
    wrong = differences(seen, issued, growth(reference.ended, first, last), spans, hardware)
    if not wrong:
        mark_runs(seen, hardware)
    if len(issued) != len(seen.runs):
        return {**part, "file": None, "descriptors": len(seen.runs), "differences": wrong}
    events = timeline(seen, issued, compiled.descriptors, compiled.operands,
                      f"{name} on {hardware.name}: 1 us is a cycle")
    write_trace(folder / TIMELINE_FILE, [*events, *step_slices(bounds)],
                {"model": name, "hardware": hardware.name, "first step": first, "last step": last,
                 "cycles": stop - start, "time unit": "1 us is one clock cycle"})
    return {**part, "descriptors": len(seen.runs), "differences": wrong}


def step_bounds(ended: Sequence[StepDone], first: int, last: int) -> list[tuple[int, int, int]]:
    """Number, first cycle, and first cycle of the next one, of each step."""
    cycles = [0, *(done.cycles for done in ended)]
    return [(step, cycles[step], cycles[step + 1]) for step in range(first, last + 1)]


def growth(ended: Sequence[StepDone], first: int, last: int) -> dict[str, int]:
    """What the counters grew by in some steps."""
    before = ended[first - 1].counters if first else {}
    return {name: count - before.get(name, 0) for name, count in ended[last].counters.items()}
