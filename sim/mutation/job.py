"""What ``sim.mutation.run`` and the host of a mutated simulation tell each other, through files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

JOB_VARIABLE = "HALFTONE_MUTANTS"
JOB_FILE, ENDS_FILE = "job.json", "ends.jsonl"


@dataclass(frozen=True)
class HostJob:
    """What to try: values of ``mutant``, 0 first, and the modules of the unit's benches."""

    selects: tuple[int, ...]
    benches: tuple[str, ...]

    def write(self, folder: Path) -> None:
        (folder / JOB_FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")


@dataclass(frozen=True)
class End:
    """How the simulation of a mutant ended."""

    select: int
    status: int      # of the process; negative: the signal that ended it
    seconds: float   # of processor time
    limited: bool    # the time was over


def results_file(folder: Path, select: int) -> Path:
    """Where a copy leaves what its benches say."""
    return folder / f"mutant-{select}.xml"
