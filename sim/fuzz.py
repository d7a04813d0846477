"""Random models on a core, compared bit for bit: ``python -m sim.fuzz --config configs/small.toml --count 10``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.operands import DrawingTiming
from golden.integer.evaluate import sample
from golden.spec.descriptors import Engine
from golden.spec.hardware import load_hardware
from golden.spec.timing import estimate
from golden.spec.validation import ConfigError
from sim import seed as seeds
from sim.comparison import Comparison, Mismatch
from sim.core import build_core, run_job
from sim.coverage.drawings import mark_drawing
from sim.job import RESULT_FILE, STEPS_FILE, Job, StepDone
from sim.random_model import LABEL, random_system
from sim.runner import SimulationError

REST_CYCLES = 2000


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
    return try_compiled(random_system(np.random.default_rng(seed), load_hardware(config)), LABEL, build, seed)


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


def judge(compiled: Compiled, label: str, seed: int, folder: Path) -> Outcome:
    """Compare the records and counters of a drawing with the reference."""
    comparison, timing = Comparison(compiled, folder), DrawingTiming(compiled)
    before = np.empty(0)
    predicted = {}
    for step in sample(compiled.model, compiled.contexts(label), compiled.plan, seed):
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
    lines = [f"seed {outcome.seed}: {outcome.shape}: {outcome.mismatches} mismatches in {outcome.values} values, "
             f"counted {outcome.counted}, predicted {outcome.predicted}",
             *(f"  {mismatch}" for mismatch in outcome.first),
             f"replay: python -m sim.fuzz --config {config} --seed {outcome.seed} --count 1"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.fuzz", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/small.toml"), help="hardware configuration")
    parser.add_argument("--count", type=int, default=10, help="random models to try")
    parser.add_argument("--seed", type=int, help="of the first; the next ones follow it")
    options = parser.parse_args(arguments)
    first = seeds.seed() if options.seed is None else options.seed
    try:
        build = build_core(options.config)
        for seed in range(first, first + options.count):
            print(f"seed {seed}: ", end="", flush=True)
            outcome = try_system(options.config, build, seed)
            if not outcome.good:
                print(explain(outcome, options.config), file=sys.stderr)
                return 1
            print(f"{outcome.shape}: {outcome.values} values equal, {outcome.counted['CYCLES']} cycles as predicted, "
                  f"{1 - outcome.counted['MACS'] / outcome.counted['MACS_OFFERED']:.0%} of products skipped")
    except (ConfigError, SimulationError) as error:
        print(f"sim.fuzz: {error}", file=sys.stderr)
        return 1 if isinstance(error, SimulationError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
