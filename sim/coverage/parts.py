"""The parts of a whole run: each in a process and a folder of its own, so that one that fails loses none of the others.

A part says how it ended, and of which sources of the hardware its counts are. Counts of parts that failed, or of other
sources, are left out and their parts named; ``--resume`` runs those again, and keeps the others.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from sim.coverage import lines, marks
from sim.verilator import REPOSITORY

SYSTEM_TESTS = (
    "test_core_errors.py", "test_random_systems.py",
    "test_draw.py::test_a_drawing_is_exact_and_reported", "test_draw.py::test_another_sampler_is_exact",
    "test_draw.py::test_a_drawing_that_has_settled_ends_early_in_the_predicted_cycles",
    "test_segments.py::test_guidance_in_a_range_is_drawn_bit_for_bit_in_the_predicted_cycles",
    "test_board.py", "test_faults.py::test_no_injection_of_a_fixed_sample_hangs_or_changes_an_image_silently")
"""Of whole cores, those that reach what no other does; the units' benches come before them, as they are quicker."""
WITHOUT_BENCH = ("test_document", "test_mutants")
"""Tests of tools that lie beside those of the units."""
SELECTION = "not planted and not default and not wide"
"""What planted bugs lead to counts for nothing. The larger configurations have the small ones' units, but wider."""
VARIABLES = {"HALFTONE_SYSTEMS": "12"}
"""Random models of each small core: more than in the regression, so that rare kinds come too."""
HARDWARE = ("rtl", "golden/spec")
STATE_FILE, LOG_FILE, MARKS, LINES = "part.json", "run.log", "marks", "lines"


@dataclass(frozen=True)
class State:
    """How a part ended: its tests, pytest's exit status, seconds, and the digest of the sources that it ran with."""

    tests: str
    status: int
    seconds: int
    sources: str


@cache
def sources() -> str:
    """A digest of everything that the hardware is made from."""
    found = hashlib.sha256()
    for room in HARDWARE:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            found.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def whole() -> list[str]:
    """The tests of a whole run, a file each: units first, then cores."""
    units = sorted(path.stem for path in (REPOSITORY / "tests" / "rtl").glob("test_*.py"))
    return [*(f"tests/rtl/{name}.py" for name in units if name not in WITHOUT_BENCH),
            *(f"tests/sim/{name}" for name in SYSTEM_TESTS)]


def folder_of(folder: Path, tests: str) -> Path:
    """``rtl-test_norm`` of a file; of a test in it, its name too."""
    return folder / re.sub(r"[^\w.\[\]-]+", "-", tests.removeprefix("tests/").replace(".py", "")).strip("-")


def run_part(folder: Path, tests: str) -> State:
    """Run a part anew; what it counted and how it ended is in its folder."""
    place = folder_of(folder, tests)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    variables = {**VARIABLES, marks.VARIABLE: str(place / MARKS), lines.VARIABLE: str(place / LINES)}
    command = [sys.executable, "-m", "pytest", tests, "-k", SELECTION]
    begun = time.monotonic()
    with (place / LOG_FILE).open("w", encoding="utf-8") as log:
        status = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **variables}, stdout=log,
                                stderr=subprocess.STDOUT, check=False).returncode
    state = State(tests, status, round(time.monotonic() - begun), sources())
    partial = place / f".{STATE_FILE}.partial"
    partial.write_text(json.dumps(asdict(state), indent=1) + "\n", encoding="utf-8")
    partial.replace(place / STATE_FILE)
    return state


def run_parts(folder: Path, tests: Sequence[str], jobs: int = 1) -> None:
    """Run parts, so many at a time, and say of each how it ended."""
    done = 0
    with ThreadPoolExecutor(jobs) as workers:
        for state in workers.map(lambda each: run_part(folder, each), tests):
            done += 1
            how = "passed" if not state.status else f"FAILED, see {folder_of(folder, state.tests) / LOG_FILE}"
            print(f"[{done} of {len(tests)}] {state.tests}: {how}, {state.seconds} s", flush=True)


def state_of(folder: Path, tests: str) -> State | None:
    """How a part ended; None for one that has not."""
    path = folder_of(folder, tests) / STATE_FILE
    return State(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def problem(state: State | None) -> str | None:
    """Why a part's counts are of no use; None where they are."""
    if state is None:
        return "has not run"
    if state.status:
        return "failed"
    return None if state.sources == sources() else "counted other hardware, whose sources have changed since"


def problems(folder: Path, tests: Iterable[str]) -> dict[str, str]:
    """Parts that are to run again, and why."""
    return {each: why for each in tests if (why := problem(state_of(folder, each)))}


def found(folder: Path) -> list[str]:
    """The tests of all parts that a folder holds."""
    return sorted(json.loads(path.read_text(encoding="utf-8"))["tests"] for path in folder.glob(f"*/{STATE_FILE}"))
