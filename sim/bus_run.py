"""Generates, builds and runs a core on a bus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sim import runner
from sim.job import JOB_VARIABLE, Job
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

BUS_VARIABLE = "HALFTONE_BUS"
STREAM_VARIABLE = "HALFTONE_STREAM_PIXELS"


def build_bus_core(bus: str, config: Path) -> Path:
    """Generate and build the core of a configuration on a bus; returns the build folder.

    Raises ``GenerationError`` with the generator's sentence.
    """
    folder = BUILD / "bus" / f"{config.stem}-{bus}"
    command = [sys.executable, "-m", "rtl.verilog", "--bus", bus, "--config", str(config), "--output", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError((done.stderr or done.stdout).strip())
    runner.build([folder / f"core_{bus}.v"], f"core_{bus}", folder, quick=True)
    return folder


def run_bus_job(bus: str, job: Job, build: Path, timeout: float = 600) -> None:
    """Simulate one drawing through the bus; raises ``runner.SimulationError`` when it fails."""
    description = json.loads((build / f"core_{bus}.json").read_text(encoding="utf-8"))
    runner.run("sim.bench_bus", f"core_{bus}", build, timeout=timeout,
               env={JOB_VARIABLE: str(job.write()), BUS_VARIABLE: bus,
                    STREAM_VARIABLE: str(description.get("stream_pixels", 0))})
