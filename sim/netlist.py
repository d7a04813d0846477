"""After synthesis: the cells that a core became draw what the reference says.

``python -m sim.netlist --config configs/smallest.toml``: synthesises the core for ECP5, builds a simulator of the
cells' models, and draws random models through the host's driver. Every image, update and counter must be as foretold,
or as the core before synthesis has it; bad images and programs must end in their errors; and planted faults of cells
are tried one by one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.integer.evaluate import sample
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.validation import ConfigError
from sim import runner
from sim import seed as seeds
from sim.bench_engine import CONFIG_VARIABLE
from sim.cell_faults import CellFault, with_faults
from sim.core import build_core, run_job
from sim.coverage import marks
from sim.job import JOB_VARIABLE, Job
from sim.outside import REST_CYCLES, Drawing, differences, draw_outside, flat
from sim.random_case import random_system
from sim.random_model import LABEL
from sim.runner import SimulationError
from sim.small_system import small_system
from sim.units import DESCRIPTION_VARIABLE, GenerationError
from sim.verilator import BUILD, REPOSITORY

DEFAULT_CONFIG = Path("configs/smallest.toml")
FAULTS = 12
FAULT_SEED = 1
"""Which cells get faults; not the drawing's, so that one build serves all."""
ERROR_BENCHES = ("damaged_segments", "bad_programs", "hung_programs", "loaded_images")


@dataclass(frozen=True)
class Cells:
    """A simulator of cells, and the faults that lie asleep in it."""

    top: str
    folder: Path
    description: Path
    faults: list[CellFault]

    def run(self, test_module: str, env: dict[str, str], fault: CellFault | None = None, **options: object) -> None:
        """Run benches; raises ``SimulationError`` where one fails. ``options`` are those of ``runner.run``."""
        variables = {**env, DESCRIPTION_VARIABLE: str(self.description), **({marks.VARIABLE: ""} if fault else {})}
        runner.run(test_module, self.top, self.folder, env=variables, plusargs=[fault.plusarg] if fault else [],
                   **options)


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


def build(verilog: Path, faults: int) -> Cells:
    """The simulator of cells, with so many faults in it.

    Raises ``GenerationError`` for more faults than there are cells.
    """
    try:
        text, planted = with_faults(verilog.read_text(encoding="utf-8"), faults, FAULT_SEED)
    except ValueError as error:
        raise GenerationError(str(error)) from None
    folder = verilog.parent / "simulated"
    folder.mkdir(exist_ok=True)
    source = folder / verilog.name
    source.write_text(text, encoding="utf-8")
    runner.build([source], verilog.stem, folder, quick=True)
    return Cells(verilog.stem, folder, verilog.with_suffix(".json"), planted)


def draw(cells: Cells, compiled: Compiled, seed: int, bench: str = "sim.bench_core",
         fault: CellFault | None = None) -> Drawing:
    """Draw with a core's cells."""
    return draw_outside(compiled, seed, lambda job: cells.run(bench, {JOB_VARIABLE: str(job.write())}, fault,
                                                              timeout=3600))


def differs(compiled: Compiled, seed: int, cells: Cells, before: Path) -> tuple[Drawing, list[str]]:
    """Draw with cells and with the core before synthesis; what is not as foretold, or not the same in both."""
    drawing = draw(cells, compiled, seed)
    twin = draw_outside(compiled, seed, lambda job: run_job(job, before))
    lines = [*drawing.differences, *(f"before synthesis, {line}" for line in twin.differences)]
    return drawing, lines + [f"{line} before synthesis" for line in differences(twin.readings, drawing.readings)]


def draw_models(config: Path, cells: Cells, models: range) -> bool:
    """Draw a random model for each seed; whether all are right."""
    before, hardware = build_core(config), load_hardware(config)
    for seed in models:
        started = time.monotonic()
        drawing, wrong = differs(random_system(np.random.default_rng(seed), hardware), seed, cells, before)
        print(f"seed {seed}: {drawing.shape}: {drawing.values} values as foretold and {len(drawing.readings)} lists of "
              f"readings as before synthesis, {len(wrong)} differ; {drawing.cycles} cycles; "
              f"{time.monotonic() - started:.0f} s", flush=True)
        if wrong:
            print("\n".join(wrong), file=sys.stderr)
            return False
    return True


def try_errors(config: Path, cells: Cells, seed: int) -> None:
    """Bad images and programs end in their errors; raises ``SimulationError`` where one does not."""
    compiled = small_system(seed, load_hardware(config))
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed)
    with tempfile.TemporaryDirectory(prefix="halftone-") as name:
        folder = Path(name)
        compiled.write(folder / "image.htn")
        (folder / "expected.txt").write_text(" ".join(map(str, flat(last.clean))), encoding="utf-8")
        job = Job(str(folder / "image.htn"), LABEL, seed, last.image.size, name, REST_CYCLES, polls=100)
        for bench in ERROR_BENCHES:
            started = time.monotonic()
            cells.run("sim.bench_core_errors", {JOB_VARIABLE: str(job.write()),
                                                CONFIG_VARIABLE: str(config.resolve())}, testcase=bench, seed=seed)
            print(f"{bench}: passed; {time.monotonic() - started:.0f} s", flush=True)


def try_faults(hardware: HardwareConfig, cells: Cells, seed: int) -> bool:
    """Draw with each planted fault; whether at least one of each kind is found, as some change nothing that is used."""
    compiled = small_system(seed, hardware)
    found: dict[str, list[bool]] = {}
    for fault in cells.faults:
        try:
            lines = draw(cells, compiled, seed, "sim.bench_faulty_core", fault).differences
            result = lines[0] if lines else "not seen"
        except SimulationError as error:
            result = "stopped: " + " ".join(line.strip() for line in str(error).splitlines()[1:3])
        found.setdefault(fault.kind, []).append(result != "not seen")
        print(f"fault {fault.number}, {fault.what}: {result}", flush=True)
    seen = sum(sum(results) for results in found.values())
    print(f"{seen} of {len(cells.faults)} faults are found by one drawing")
    return all(map(any, found.values()))


def try_unit(config: Path, unit: str, bench: str, faults: int, seed: int) -> bool:
    """Run a unit's bench on its cells, and on each fault; raises ``SimulationError`` if it fails without one."""
    cells = build(generate(config, BUILD / "netlist" / f"{config.stem}-{unit}", unit), faults)
    environment = {CONFIG_VARIABLE: str(config.resolve())}
    cells.run(bench, environment, seed=seed)
    print(f"the cells of {unit} pass {bench}", flush=True)
    found = 0
    for fault in cells.faults:
        try:
            cells.run(bench, environment, fault, seed=seed)
            print(f"fault {fault.number}, {fault.what}: not seen", flush=True)
        except SimulationError:
            found += 1
    print(f"{found} of {faults} faults are found")
    return found > 0 or not faults


def try_core(config: Path, models: range, faults: int) -> bool:
    """Everything that there is to try on a core's cells; whether all is as it must be."""
    print("synthesis: about two minutes of processor time", flush=True)
    verilog = generate(config, BUILD / "netlist" / config.stem)
    print("simulator of the cells: more than two minutes", flush=True)
    cells = build(verilog, faults)
    if not draw_models(config, cells, models):
        return False
    try_errors(config, cells, models.start)
    return try_faults(load_hardware(config), cells, models.start)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.netlist", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="hardware configuration")
    parser.add_argument("--count", type=int, default=1, help="random models to draw with")
    parser.add_argument("--seed", type=int, help="of the first; the next ones follow it")
    parser.add_argument("--faults", type=int, default=FAULTS, help="planted faults of cells to try, one at a time")
    parser.add_argument("--unit", help="one unit of rtl.verilog instead of the core")
    parser.add_argument("--bench", help="the unit's bench, such as sim.bench_norm")
    options = parser.parse_args(arguments)
    if bool(options.unit) != bool(options.bench):
        parser.error("--unit and --bench go together: a unit, and the bench that it must pass")
    if options.count < 1 or options.faults < 0:
        parser.error(f"--count is {options.count} and --faults {options.faults}; expected at least 1 and 0")
    first = seeds.seed() if options.seed is None else options.seed
    try:
        load_hardware(options.config)
        right = (try_unit(options.config, options.unit, options.bench, options.faults, first) if options.unit
                 else try_core(options.config, range(first, first + options.count), options.faults))
    except (ConfigError, GenerationError, SimulationError) as error:
        print(f"sim.netlist: {error}", file=sys.stderr)
        return 1 if isinstance(error, SimulationError) else 2
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
