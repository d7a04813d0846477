"""Builds the core that faults are injected into, and runs the injections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from golden.compile.compiler import Compiled
from golden.compile.operands import predict_drawing
from golden.integer.evaluate import sample
from golden.spec.hardware import HardwareConfig, load_hardware
from sim import runner
from sim.board import SMALLEST, build_board
from sim.board import TOP as BOARD
from sim.faults.job import JOB_VARIABLE, FaultJob, Outcome, read_outcomes
from sim.faults.stores import TOP, bench_verilog
from sim.random_model import LABEL
from sim.small_system import small_system
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

CONFIG = REPOSITORY / "sim" / "faults.toml"
NOISE, MODEL = 7, 3
"""Seeds of the drawing and of its model."""
LINK = "link frames"
UNCHECKED = "unchecked memory"
SHARES = {"memory, running": 50, "memory, before": 14, "image bytes": 10, "stalled stream": 6, "reset": 6,
          "host vanishes": 6, LINK: 8}
"""Kinds of injections, and the percentage that each has of them."""
OUTSIDE = (UNCHECKED,)
"""Kinds that the checks do not cover: counted, not judged."""
SECONDS = 3600.0


def numbers(count: int) -> dict[str, list[int]]:
    """Numbers of the injections of each kind, ``count`` in all or a few more."""
    return {kind: list(range(-(-count * share // 100))) for kind, share in SHARES.items()}


def without_checks(config: Path, folder: Path) -> Path:
    """The same hardware without check bits: the weakness that a campaign must find."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{config.stem}_unchecked.toml"
    path.write_text(config.read_text(encoding="utf-8") + "word_checks = 0\n", encoding="utf-8")
    return path


def build(config: Path, quick: bool = False) -> Path:
    """Generate and build the core and its bench top, quickly to what runs slowly if asked; returns the folder."""
    folder = BUILD / "faults" / config.stem
    command = [sys.executable, "-m", "rtl.verilog", "--config", str(config), "--output", str(folder),
               "--sdram-chip"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError((done.stderr or done.stdout).strip())
    core = folder / "core.v"
    bench = folder / f"{TOP}.sv"
    bench.write_text(bench_verilog(core.read_text(encoding="utf-8")), encoding="utf-8")
    runner.build([core, bench], TOP, folder, quick=quick)
    return folder


def system(config: HardwareConfig) -> tuple[Compiled, list[int], int]:
    """A small model for this hardware, the pixels that its drawing ends with, and the cycles that it takes."""
    compiled = small_system(MODEL, config)
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, NOISE)
    return compiled, [int(pixel) for pixel in last.clean.ravel()], predict_drawing(compiled, LABEL, NOISE).cycles


def inject(config: Path, seed: int, injections: dict[str, list[int]]) -> list[Outcome]:
    """Run injections; raises ``runner.SimulationError`` where a bench fails.

    Those of the link go to a board's top level around the smallest core, whatever the configuration.
    """
    inside = {kind: numbers for kind, numbers in injections.items() if kind != LINK and numbers}
    outcomes = run(config, "sim.faults.bench_core", TOP, build(config), seed, inside) if inside else []
    if injections.get(LINK):
        outcomes += run(SMALLEST, "sim.faults.bench_link", BOARD, build_board(SMALLEST), seed, {LINK: injections[LINK]})
    return outcomes


def run(config: Path, bench: str, top: str, folder: Path, seed: int, injections: dict[str, list[int]]) -> list[Outcome]:
    """Run injections with one bench on what was built."""
    hardware = load_hardware(config)
    compiled, expected, cycles = system(hardware)
    compiled.write(folder / "image.htn")
    result = folder / "outcomes.jsonl"
    job = FaultJob(str(folder / "image.htn"), str(folder / "core.v"), str(config), LABEL, NOISE, expected, cycles,
                   hardware.watchdog_cycles, seed, injections, str(result))
    runner.run(bench, top, folder, seed=seed, timeout=SECONDS,
               env={JOB_VARIABLE: str(job.write(folder / "job.json"))})
    return read_outcomes(result)
