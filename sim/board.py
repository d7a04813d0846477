"""Generates, builds and runs a board's top level, which a bench reaches by clock, button and serial line alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from golden.spec.hardware import load_hardware
from sim import runner
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

TOP = "board"
BENCH = REPOSITORY / "sim" / "board.sv"
CELLS = (REPOSITORY / "rtl" / "bench" / "mult18x18d.v", REPOSITORY / "boards" / "cells" / "pads.v")
"""Models of the cells that a board's own top level names."""
JOB_VARIABLE = "HALFTONE_BOARD_JOB"
SMALLEST = REPOSITORY / "sim" / "smallest.toml"
"""A core that builds and loads quickly."""
BAUD = 1_000_000
BIT_CYCLES = 4
"""The shortest bit that a board's link has, as every cycle of a bit is simulated."""
CLOCK_HZ = BAUD * BIT_CYCLES
STOP_SUFFIX = ".stop"
"""Of the file beside a job's result that ends a bench which goes on until it is told to stop."""


@dataclass(frozen=True)
class BoardJob:
    """One image to draw through the serial line, and what must come out."""

    image: str                # path of the .htn file
    config: str               # path of the hardware's TOML file
    label: str
    seed: int
    expected: list[int]       # pixels of the reference
    cycles: int               # of the drawing
    result: str               # file for what the bench measures
    clock_hz: int = CLOCK_HZ
    baud: int = BAUD

    @property
    def bit_cycles(self) -> int:
        """Clock cycles of a bit on the line."""
        return self.clock_hz // self.baud

    def write(self, path: Path) -> Path:
        """Write the job to a file; returns it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read_job() -> BoardJob:
    """Within a bench that ``run_board`` started: its job."""
    return BoardJob(**json.loads(Path(os.environ[JOB_VARIABLE]).read_text(encoding="utf-8")))


def build_board(config: Path) -> Path:
    """Generate and build the top level with a UART at its line; returns the folder.

    Raises ``GenerationError`` for a core with pins that only a board's own top level connects.
    """
    if load_hardware(config).sdram_weights:
        raise GenerationError(f"{config} has its weights in an SDRAM, which this top level does not connect; choose a "
                              "configuration whose hardware.sdram_weights is 0")
    folder = BUILD / "board" / config.stem
    generate("rtl.verilog", "--top", "--config", str(config), "--output", str(folder), "--clock", str(CLOCK_HZ),
             "--baud", str(BAUD))
    runner.build([folder / "top.v", BENCH], TOP, folder)
    return folder


def build_pins(board: str, config: Path | None = None) -> tuple[Path, dict[str, int]]:
    """The same of a board by its name: what lies between its pins, as its bitstream is made of it.

    Returns the folder, and the board's ``clock_hz`` and ``baud`` for a job. ``config``: another than the board's own.
    """
    folder = BUILD / "pins" / (config.stem if config else "own")
    generate("boards.verilog", "--board", board, "--output", str(folder),
             *(("--config", str(config)) if config else ()))
    folder /= board
    told = json.loads((folder / "core.json").read_text(encoding="utf-8"))
    runner.build([*chip(folder, config), folder / "core.v", *CELLS, BENCH], TOP, folder)
    return folder, {name: told[name] for name in ("clock_hz", "baud")}


def chip(folder: Path, config: Path | None) -> list[Path]:
    """The model of a board's SDRAM chip where its core has weights in one, and what tells the bench so."""
    if config is None or not load_hardware(config).sdram_weights:
        return []
    generate("rtl.verilog", "--unit", "sdram_chip", "--config", str(config), "--output", str(folder))
    told = folder / "sdram.vh"
    told.write_text("`define SDRAM\n", encoding="utf-8")
    return [told, folder / "sdram_chip.v"]


def generate(module: str, *words: str) -> None:
    """Have a program write Verilog; raises ``GenerationError`` with its sentence when it refuses."""
    done = subprocess.run([sys.executable, "-m", module, *words], cwd=REPOSITORY, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise GenerationError((done.stderr or done.stdout).strip())


def run_board(test_module: str, job: BoardJob, build: Path, testcase: str | None = None,
              env: Mapping[str, str] | None = None, **options: Any) -> Path:
    """Run a bench on a built board; raises ``runner.SimulationError`` when it fails."""
    path = job.write(Path(job.result).with_suffix(".job.json"))
    return runner.run(test_module, TOP, build, env={**(env or {}), JOB_VARIABLE: str(path)}, testcase=testcase,
                      **options)
