"""Generates, builds and runs the whole core."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sim import runner
from sim.coverage import lines
from sim.job import JOB_VARIABLE, Job
from sim.recorder import TOP, bench_verilog
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY
from sim.wave_bench import control_lines, packages, wave_verilog
from sim.waves import dumping as waves_dumping

OBSERVED, WAVES = "-observed", "-waves"
"""Endings of the folders of builds with event ports, and with waves too."""


def generate_core(config: Path, folder: Path, observed: bool = False, waves: bool = False) -> dict:
    """Verilog of the core with trace ports and its recording bench; returns what core.json says.

    ``observed``: with event ports, which cost speed; ``waves``: and a bench that samples waves. Raises
    ``GenerationError`` with the generator's sentence.
    """
    command = [sys.executable, "-m", "rtl.verilog", "--config", str(config), "--output", str(folder), "--trace",
               "--sdram-chip", *(["--events"] if observed else []),
               *(["--sources"] if lines.is_counted(folder) else [])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError((done.stderr or done.stdout).strip())
    description = json.loads((folder / "core.json").read_text(encoding="utf-8"))
    bench = bench_verilog((folder / "core.v").read_text(encoding="utf-8"), description["trace"],
                          description.get("events", ()), wave_verilog(description) if waves else "")
    text = "\n".join([packages(description), bench]) if waves else bench
    (folder / f"{TOP}.sv").write_text(text, encoding="utf-8")
    return description


def build_core(config: Path, observed: bool = False, waves: bool = False) -> Path:
    """Generate and build the core of a configuration; returns the build folder.

    ``observed``: with event ports; ``waves``: with them, and with waves of the units that matter.
    """
    name = f"{config.stem}{WAVES if waves else OBSERVED if observed else ''}"
    counted = lines.are_wanted(config) and not observed and not waves
    folder = (lines.COUNTED if counted else BUILD) / "core" / name
    generate_core(config, folder, observed or waves, waves)
    core = folder / "core.v"
    dumping = waves_dumping(control_lines(core.read_text(encoding="utf-8"))) if waves else None
    runner.build([core, folder / f"{TOP}.sv"], TOP, folder, dumping=dumping)
    return folder


def run_job(job: Job, build: Path, *, more: Sequence[str] = (), timeout: float = 3600) -> None:
    """Simulate one drawing; raises ``runner.SimulationError`` when it fails. ``more``: arguments for the bench top."""
    path = job.write()
    runner.run("sim.bench_core", TOP, build, env={JOB_VARIABLE: str(path)},
               plusargs=[f"+records={job.folder}", *more], timeout=timeout, name=Path(job.folder).name)
