"""Generates, builds and runs one hardware unit by itself.

The Verilog comes from a process of its own, as nothing in ``sim`` may know how the hardware is written.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim import runner
from sim.coverage import lines, marks
from sim.verilator import BUILD, REPOSITORY

DESCRIPTION_VARIABLE = "HALFTONE_UNIT"


class GenerationError(RuntimeError):
    """The hardware generator failed; the message holds what it said."""


def config_file(config: str) -> Path:
    """The file of a configuration, given by path or by the name of a file in ``configs/``.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = Path(config) if config.endswith(".toml") else Path("configs") / f"{config}.toml"
    path = path if path.is_absolute() else REPOSITORY / path
    if not path.is_file():
        raise FileNotFoundError(f"no configuration {path}")
    return path


def build_unit(unit: str, config: str, bug: str | None = None) -> tuple[str, Path]:
    """Generate and build a unit.

    Args:
        unit: its name for ``rtl.verilog --unit``.
        config: a configuration, by path or name.
        bug: name of a bug to plant, for a bench that must find it.

    Returns:
        The top-level module and the folder for ``runner.run``.

    Raises:
        GenerationError: the generator failed.
        runner.SimulationError: the build failed.
    """
    folder = _generate(unit, config_file(config), bug, lines.are_wanted(config_file(config), bug))
    top = read_description(folder, unit)["top"]
    runner.build([folder / f"{unit}.v"], top, folder)
    return top, folder


def run_unit(unit: str, config: str, test_module: str, bug: str | None = None,
             env: Mapping[str, str] | None = None, **options: Any) -> Path:
    """Build a unit and run a bench on it, which finds the unit's description by ``unit_description``.

    ``options`` are those of ``runner.run``.
    """
    top, folder = build_unit(unit, config, bug)
    variables = {**(env or {}), DESCRIPTION_VARIABLE: str(folder / f"{unit}.json"),
                 **({marks.VARIABLE: ""} if bug else {})}     # what wrong hardware does counts for nothing
    return runner.run(test_module, top, folder, env=variables, **options)


def unit_description() -> dict[str, Any]:
    """Within a bench that ``run_unit`` started: top, latency and parameters of the unit."""
    return json.loads(Path(os.environ[DESCRIPTION_VARIABLE]).read_text())


def read_description(folder: Path, unit: str) -> dict[str, Any]:
    """What the generator says about a unit: top, latency and parameters."""
    return json.loads((folder / f"{unit}.json").read_text())


@functools.cache
def _generate(unit: str, config: Path, bug: str | None, counted: bool) -> Path:
    """Generated once for each process: a test with many parameters would otherwise repeat it."""
    folder = (lines.COUNTED if counted else BUILD / "units") / config.stem / (f"{unit}-{bug}" if bug else unit)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "rtl.verilog", "--unit", unit, "--config", str(config), "--output", str(folder)]
    command += [*(["--bug", bug] if bug else []), *(["--sources"] if counted else [])]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if result.returncode:
        raise GenerationError(f"generating {unit} of {config.name} failed:\n{result.stdout}{result.stderr}")
    return folder
