"""Random models on random hardware, or on one configuration, compared bit for bit and cycle for cycle.

    python -m sim.fuzz --count 20
    python -m sim.fuzz --config configs/small.toml --count 20
    python -m sim.fuzz --case '{"contexts": [1], ...}'

A case that fails is made smaller as long as it still fails, and printed as a line that repeats it alone. Exit status:
0 when all are equal, 1 when one is not, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.layout import CompileError
from golden.compile.operands import DrawingTiming
from golden.integer.evaluate import Step, sample
from golden.spec.descriptors import Engine
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.timing import estimate
from golden.spec.validation import ConfigError
from sim import seed as seeds
from sim.comparison import Comparison, Mismatch
from sim.core import build_core, run_job
from sim.coverage.drawings import mark_drawing
from sim.gemm_product import write_config
from sim.job import RESULT_FILE, STEPS_FILE, Job, StepDone
from sim.minimise import ATTEMPTS, minimise
from sim.random_case import Case, compile_case, random_case, read_case
from sim.random_hardware import WIDTHS, random_hardware
from sim.random_model import LABEL
from sim.runner import SimulationError
from sim.units import GenerationError
from sim.verilator import BUILD

REST_CYCLES = 2000
FOLDER = BUILD / "fuzz"
MODELS_EACH = 3
"""Models for each random hardware, which takes longer to build than to draw with."""


@dataclass(frozen=True)
class Outcome:
    """What one random system came to."""

    seed: int
    shape: str
    counted: dict[str, int]
    predicted: dict[str, int]
    values: int
    mismatches: int
    first: tuple[Mismatch, ...]

    @property
    def good(self) -> bool:
        """Bit for bit, cycle for cycle."""
        return not self.mismatches and self.counted == self.predicted


def try_system(config: Path, build: Path, seed: int) -> Outcome:
    """Draw the random model of a seed and compare everything that the core wrote."""
    hardware = load_hardware(config)
    return try_compiled(compile_case(random_case(np.random.default_rng(seed), hardware), hardware), LABEL, build, seed)


def try_compiled(compiled: Compiled, label: str, build: Path, seed: int) -> Outcome:
    """Draw with a compiled model on a core and compare everything that it wrote."""
    model = compiled.model.config
    expected = estimate(compiled.descriptors, compiled.layout.hardware, compiled.plan.evaluations,
                        compiled.plan.contexts)
    with tempfile.TemporaryDirectory(prefix="halftone-") as name:
        folder = Path(name)
        compiled.write(folder / "image.htn")
        pixels = model.image_channels * model.image_size**2
        job = Job(str(folder / "image.htn"), label, seed, pixels, name, REST_CYCLES,
                  polls=10 + 4 * expected.cycles // REST_CYCLES)
        run_job(job, build)
        return judge(compiled, label, seed, folder)


def judge(compiled: Compiled, label: str, seed: int, folder: Path, steps: Iterable[Step] | None = None) -> Outcome:
    """Compare the records and counters of a drawing with the reference, or with steps that it has drawn before."""
    comparison, timing = Comparison(compiled, folder), DrawingTiming(compiled)
    before = np.empty(0)
    predicted = {}
    for step in steps or sample(compiled.model, compiled.contexts(label), compiled.plan, seed):
        comparison.step(step, before)
        timing.follow(step)
        before = step.image
        predicted[f"UPDATE of step {step.number}"] = step.update
    comparison.finish()
    prediction = timing.finish()
    figures = {"CYCLES": prediction.cycles, "BUSY_ARRAY": prediction.busy[Engine.ARRAY], "MACS": prediction.macs,
               "MACS_OFFERED": prediction.macs_offered}
    counters = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))["counters"]
    ended = [StepDone(**json.loads(line)) for line in (folder / STEPS_FILE).read_text(encoding="utf-8").splitlines()]
    counted = {name: counters[name] for name in figures} | {f"UPDATE of step {s.step}": s.update for s in ended}
    outcome = Outcome(seed, shape(compiled), counted, figures | predicted, comparison.values, comparison.mismatches,
                      tuple(comparison.first))
    if outcome.good:
        mark_drawing(compiled, ended[-1].step)
    return outcome


def shape(compiled: Compiled) -> str:
    """A random system in one line."""
    model = compiled.model.config
    return (f"C={model.image_channels} H={model.image_size} S={model.stride} T={model.tokens} D={model.channels} "
            f"N={model.blocks} heads={model.heads} expansion={model.expansion} "
            f"coordinates={model.coordinate_channels} rectified={int(model.rectified_query)} "
            f"eight_bit={','.join(compiled.model.eight_bit) or 'none'} "
            f"contexts={','.join(map(str, compiled.plan.contexts))} split={compiled.split.mode}")


def explain(outcome: Outcome, config: Path) -> str:
    """A failed outcome, with the line that replays it."""
    return f"{differences(outcome)}\nreplay: python -m sim.fuzz --config {config} --seed {outcome.seed} --count 1"


def differences(outcome: Outcome) -> str:
    """What is wrong in an outcome."""
    wrong = {name: (value, outcome.predicted.get(name)) for name, value in outcome.counted.items()
             if value != outcome.predicted.get(name)}
    return "\n".join([f"seed {outcome.seed}: {outcome.shape}: {outcome.mismatches} mismatches in {outcome.values} "
                      f"values, counted instead of predicted: {wrong or 'nothing'}",
                      *(f"  {mismatch}" for mismatch in outcome.first)])


class Bench:
    """Cases on their cores; the core of one configuration is kept built, of random ones the last."""

    def __init__(self, config: Path | None) -> None:
        self.config = config
        self.base = HardwareConfig() if config is None else load_hardware(config)
        self.built: tuple[Path, Path] | None = None     # file and folder

    def build(self, case: Case) -> Path:
        """The folder of the core that a case is for."""
        path = self.config if self.config is not None and not case.hardware else \
            write_config(case.on(self.base), FOLDER)
        if self.built is not None and self.built[0] == path:
            return self.built[1]
        self.forget()
        self.built = path, build_core(path)
        return self.built[1]

    def forget(self) -> None:
        """Delete what was built for random hardware: each takes megabytes."""
        if self.built is not None and self.built[0] != self.config:
            shutil.rmtree(self.built[1], ignore_errors=True)
            self.built[0].unlink(missing_ok=True)
        self.built = None

    def attempt(self, case: Case) -> str | Outcome:
        """The outcome of a case, or what the simulation said when it failed."""
        compiled = compile_case(case, self.base)
        build = self.build(case)
        try:
            return try_compiled(compiled, LABEL, build, case.seed)
        except SimulationError as error:
            return str(error)

    def fails(self, case: Case) -> bool:
        """Whether a case is not as foretold."""
        outcome = self.attempt(case)
        failed = isinstance(outcome, str) or not outcome.good
        print("!" if failed else ".", end="", flush=True, file=sys.stderr)
        return failed

    def replay(self, case: Case) -> str:
        """The line that repeats a case alone."""
        config = [] if self.config is None else ["--config", str(self.config)]
        return shlex.join(["python", "-m", "sim.fuzz", *config, "--case", case.text()])


def cases(bench: Bench, first: int, count: int, widest: int = WIDTHS[-1]) -> Iterator[Case]:
    """Random cases of consecutive seeds; without a configuration, a few in turn for each random hardware.

    ``widest``: largest width of random hardware.
    """
    for number in range(count):
        generator = np.random.default_rng(first + number)
        if bench.config is not None:
            yield random_case(generator, bench.base)
        elif number % MODELS_EACH == 0:
            hardware, made = random_hardware(generator, widest)
            yield made
        else:
            with suppress(CompileError):        # where hardly any model fits, the one that it was made for does
                made = Case(**{**vars(random_case(generator, hardware)), "hardware": made.hardware})
            yield made


def report(bench: Bench, case: Case, outcome: str | Outcome, attempts: int) -> None:
    """Say what failed, and the smallest case that still does."""
    print(outcome if isinstance(outcome, str) else differences(outcome), file=sys.stderr)
    print(f"replay: {bench.replay(case)}", file=sys.stderr)
    if not attempts:
        return
    print("making it smaller: ", end="", file=sys.stderr)
    smallest = minimise(case, bench.base, bench.fails, attempts)
    outcome = bench.attempt(smallest)
    print(f"\nthe smallest that still fails:\n{outcome if isinstance(outcome, str) else differences(outcome)}\n"
          f"replay: {bench.replay(smallest)}", file=sys.stderr)


def try_all(bench: Bench, chosen: Iterator[Case], attempts: int) -> int:
    """Try cases until one fails; returns the exit status."""
    for case in chosen:
        lanes = case.on(bench.base)
        print(f"seed {case.seed}: lanes={lanes.lanes} width={lanes.width} line_words={lanes.line_words} "
              f"dense_lanes={lanes.dense_lanes} dsp_lanes={lanes.dsp_lanes} ", end="", flush=True)
        outcome = bench.attempt(case)
        if isinstance(outcome, str) or not outcome.good:
            print("failed", flush=True)
            report(bench, case, outcome, attempts)
            return 1
        print(f"{outcome.shape}: {outcome.values} values equal, {outcome.counted['CYCLES']} cycles as predicted, "
              f"{1 - outcome.counted['MACS'] / outcome.counted['MACS_OFFERED']:.0%} of products skipped")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="hardware configuration (default: hardware at random, too)")
    parser.add_argument("--count", type=int, default=10, help="random models to try (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first; the next ones follow it")
    parser.add_argument("--case", help="the one case to try, as a failure has printed it")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS,
                        help="drawings to make a failing case smaller; 0: leave it (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.count < 1 or options.attempts < 0 or (options.seed or 0) < 0:
        parser.error(f"--count is {options.count}, --attempts {options.attempts}, --seed {options.seed}; expected "
                     "one or more, and 0 or more")
    try:
        bench = Bench(options.config)
        if options.case is not None:
            return try_all(bench, iter([read_case(options.case)]), 0)
        first = seeds.seed() if options.seed is None else options.seed
        return try_all(bench, cases(bench, first, options.count), options.attempts)
    except (CompileError, ConfigError) as error:
        print(f"sim.fuzz: {error}", file=sys.stderr)
        return 2
    except (SimulationError, GenerationError) as error:
        print(f"sim.fuzz: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
