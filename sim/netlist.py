"""After synthesis: the cells that a core became draw what the reference says.

``python -m sim.netlist --config configs/smallest.toml``: synthesises the core for ECP5, builds a simulator of the
cells' models, and draws random models through the host's driver. Every image, update and counter must be as foretold.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from golden.spec.hardware import load_hardware
from golden.spec.validation import ConfigError
from sim import runner
from sim import seed as seeds
from sim.bench_engine import CONFIG_VARIABLE
from sim.job import JOB_VARIABLE, Job
from sim.outside import Drawing, draw_outside
from sim.random_case import random_system
from sim.runner import SimulationError
from sim.units import DESCRIPTION_VARIABLE, GenerationError
from sim.verilator import BUILD, REPOSITORY

TABLE = re.compile(r"\.INIT\(16'h([0-9a-fA-F]{4})\)")
TABLE_BITS = 16
DEFAULT_CONFIG = Path("configs/smallest.toml")


def generate(config: Path, folder: Path, unit: str | None = None, bug: str | None = None) -> Path:
    """Synthesise a core, or a unit; returns the Verilog of its cells with their models.

    Raises ``GenerationError`` with the sentence of ``boards.netlist``.
    """
    command = [sys.executable, "-m", "boards.netlist", "--config", str(config), "--output", str(folder)]
    command += ["--unit", unit] if unit else []
    command += ["--bug", bug] if bug else []
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationError((done.stderr or done.stdout).strip())
    return folder / f"{unit or 'core'}.v"


def with_fault(verilog: str, number: int) -> str:
    """The same cells with one bit of one look-up table flipped, chosen by ``number``."""
    tables = list(TABLE.finditer(verilog))
    generator = random.Random(number)
    chosen, bit = generator.choice(tables), generator.randrange(TABLE_BITS)
    return f"{verilog[:chosen.start(1)]}{int(chosen[1], 16) ^ 1 << bit:04x}{verilog[chosen.end(1):]}"


def run_unit_cells(verilog: Path, unit: str, test_module: str, env: dict[str, str], fault: int | None = None,
                   **options: object) -> None:
    """Run a unit's bench on its cells, with a fault in them where asked; raises ``SimulationError`` if it fails.

    ``options`` are those of ``runner.run``.
    """
    folder = verilog.parent
    source = verilog
    if fault is not None:
        folder = folder / f"fault-{fault}"
        folder.mkdir(exist_ok=True)
        source = folder / verilog.name
        source.write_text(with_fault(verilog.read_text(encoding="utf-8"), fault), encoding="utf-8")
    runner.build([source], unit, folder, quick=True)
    description = str(verilog.with_suffix(".json"))
    runner.run(test_module, unit, folder, env={**env, DESCRIPTION_VARIABLE: description}, **options)


def build_cells(config: Path, fault: int | None) -> Path:
    """The simulator of a core's cells; returns its folder."""
    folder = BUILD / "netlist" / config.stem
    verilog = generate(config, folder)
    if fault is not None:
        folder = folder / f"fault-{fault}"
        folder.mkdir(exist_ok=True)
        text = with_fault(verilog.read_text(encoding="utf-8"), fault)
        verilog = folder / verilog.name
        verilog.write_text(text, encoding="utf-8")
    runner.build([verilog], "core", folder, quick=True)
    return folder


def draw_with_cells(config: Path, build: Path, seed: int) -> Drawing:
    """Draw the random model of a seed with a core's cells."""
    def run(job: Job) -> None:
        runner.run("sim.bench_core", "core", build, env={JOB_VARIABLE: str(job.write())}, timeout=3600)

    return draw_outside(random_system(np.random.default_rng(seed), load_hardware(config)), seed, run)


def try_unit(config: Path, unit: str, bench: str, fault: int | None, seed: int) -> None:
    """Run a unit's bench on its cells; raises ``SimulationError`` if it fails."""
    verilog = generate(config, BUILD / "netlist" / f"{config.stem}-{unit}", unit)
    run_unit_cells(verilog, unit, bench, {CONFIG_VARIABLE: str(config)}, fault, seed=seed)
    print(f"the cells of {unit} pass {bench}")


def draw_models(config: Path, models: range, fault: int | None) -> int:
    """Draw with the cells of a core; returns the exit status."""
    build = build_cells(config, fault)
    for seed in models:
        drawing = draw_with_cells(config, build, seed)
        print(f"seed {seed}: {drawing.shape}: {drawing.values} values compared, {len(drawing.differences)} lists "
              f"differ; {drawing.cycles} cycles")
        if drawing.differences:
            print("\n".join(drawing.differences), file=sys.stderr)
            return 1
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.netlist", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="hardware configuration")
    parser.add_argument("--count", type=int, default=1, help="random models to draw with")
    parser.add_argument("--seed", type=int, help="of the first; the next ones follow it")
    parser.add_argument("--fault", type=int, help="flip one bit of one look-up table, chosen by this number")
    parser.add_argument("--unit", help="one unit of rtl.verilog instead of the core")
    parser.add_argument("--bench", help="the unit's bench, such as sim.bench_norm")
    options = parser.parse_args(arguments)
    if bool(options.unit) != bool(options.bench):
        parser.error("--unit and --bench go together: a unit, and the bench that it must pass")
    first = seeds.seed() if options.seed is None else options.seed
    try:
        load_hardware(options.config)
        print("synthesis and the simulator's build take minutes", flush=True)
        if options.unit:
            try_unit(options.config, options.unit, options.bench, options.fault, first)
            return 0
        return draw_models(options.config, range(first, first + options.count), options.fault)
    except (ConfigError, GenerationError, SimulationError) as error:
        print(f"sim.netlist: {error}", file=sys.stderr)
        return 1 if isinstance(error, SimulationError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
