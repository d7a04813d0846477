"""What ``sim.draw`` and the bench that it starts tell each other, through files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

JOB_VARIABLE = "HALFTONE_JOB"
STEPS_FILE = "steps.jsonl"
RESULT_FILE = "result.json"
PARTS_FILE = "parts.json"
SEARCH_FILE = "search.json"
"""Of a drawing in parts, a list: segment (hexadecimal), noise state, and steps that it ends."""


@dataclass(frozen=True)
class Job:
    """One image to draw."""

    image: str          # path of the .htn file
    label: str
    seed: int
    pixels: int
    folder: str         # where records, steps and result go
    rest_cycles: int    # cycles between two polls
    polls: int          # polls after which the drawing counts as hung
    timeline: tuple[int, int] | None = None     # first and last step whose events are recorded

    def write(self) -> Path:
        """Write the job into its folder; returns the file."""
        path = Path(self.folder) / "job.json"
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read_job(path: Path) -> Job:
    """The job that a file holds."""
    return Job(**json.loads(Path(path).read_text(encoding="utf-8")))


@dataclass(frozen=True)
class StepDone:
    """One line of the steps file: a step has ended, its records are written."""

    step: int
    cycles: int          # of the core's own counter
    simulated: int       # clock cycles since the simulation began
    seconds: float       # wall-clock time since the core's start
    pixels: list[int]    # of the latent
    update: int          # change of the predicted clean image
    counters: dict[str, int] = field(default_factory=dict)      # of the core, as the step ended

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self)) + "\n"
