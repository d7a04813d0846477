"""What ``sim.faults`` and the benches that it starts tell each other, through files."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

JOB_VARIABLE = "HALFTONE_FAULTS"
EXACT, SILENT, HANG = "exact image", "silently different", "hang"
"""Outcomes beside error codes."""


@dataclass(frozen=True)
class FaultJob:
    """Injections into one simulated core, and where their outcomes go."""

    image: str                      # path of the .htn file
    core: str                       # path of the core's Verilog
    config: str                     # path of its TOML file
    label: str
    noise: int                      # seed of the drawing
    expected: list[int]             # pixels of the reference
    cycles: int                     # of the drawing, predicted
    watchdog_cycles: int
    seed: int                       # of the injections
    injections: dict[str, list[int]]    # kind -> numbers
    result: str                     # file of outcomes, a line each

    def write(self, path: Path) -> Path:
        """Write the job to a file; returns it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read_job() -> FaultJob:
    """Within a bench: its job."""
    return FaultJob(**json.loads(Path(os.environ[JOB_VARIABLE]).read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Outcome:
    """What one injection came to."""

    kind: str
    number: int
    detail: str         # what was done
    outcome: str        # exact, silent or hang, or what the host was told

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @property
    def bad(self) -> bool:
        """Neither the exact image nor an error."""
        return self.outcome in (SILENT, HANG)


def read_outcomes(path: Path) -> list[Outcome]:
    """Every outcome that a bench wrote."""
    return [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
