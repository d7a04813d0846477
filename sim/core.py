"""Generates, builds and runs the whole core."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sim import runner
from sim.job import JOB_VARIABLE, Job
from sim.recorder import TOP, bench_verilog
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

OBSERVED = "-observed"
"""Ending of the folder of a build with event ports."""


def generate_core(config: Path, folder: Path, observed: bool = False) -> dict:
    """Verilog of the core with trace ports and its recording bench; returns what core.json says.

    ``observed``: with event ports, which cost speed. Raises ``GenerationError`` with the generator's sentence.
    """
    command = [sys.executable, "-m", "rtl.verilog", "--config", str(config), "--output", str(folder), "--trace",
               *(["--events"] if observed else [])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError((done.stderr or done.stdout).strip())
    description = json.loads((folder / "core.json").read_text(encoding="utf-8"))
    bench = bench_verilog((folder / "core.v").read_text(encoding="utf-8"), description["trace"],
                          description.get("events", ()))
    (folder / f"{TOP}.sv").write_text(bench, encoding="utf-8")
    return description


def build_core(config: Path, observed: bool = False) -> Path:
    """Generate and build the core of a configuration, with event ports if ``observed``; returns the build folder."""
    folder = BUILD / "core" / f"{config.stem}{OBSERVED if observed else ''}"
    generate_core(config, folder, observed)
    runner.build([folder / "core.v", folder / f"{TOP}.sv"], TOP, folder)
    return folder


def run_job(job: Job, build: Path, *, waves: bool = False, timeout: float = 3600) -> None:
    """Simulate one drawing; raises ``runner.SimulationError`` when it fails."""
    path = job.write()
    runner.run("sim.bench_core", TOP, build, env={JOB_VARIABLE: str(path)}, plusargs=[f"+records={job.folder}"],
               waves=waves, timeout=timeout, name=Path(job.folder).name)
