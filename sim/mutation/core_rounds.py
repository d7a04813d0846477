"""The rounds in which mutants of the whole core are tried: each one simulation, with what its benches read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.integer.evaluate import sample
from golden.spec.hardware import load_hardware
from golden.spec.timing import estimate
from sim import bench_core_wiring
from sim.job import JOB_VARIABLE, Job
from sim.mutation.targets import DRAWINGS, WIRING, Target
from sim.random_case import random_system
from sim.random_model import LABEL
from sim.small_system import small_system

DRAWN = 3
"""Random systems that are drawn, of the seed and of the next ones."""
REST_CYCLES = 200
ERROR_POLLS = 3000


@dataclass(frozen=True)
class Round:
    """Modules of benches, the seed and the environment that they see, and arguments of the simulator."""

    benches: tuple[str, ...]
    seed: int
    variables: dict[str, str] = field(default_factory=dict)
    plusargs: tuple[str, ...] = ()


def core_rounds(target: Target, config: Path, folder: Path, seed: int) -> Iterator[Round]:
    """Every round of a target, its files written when it is asked for."""
    for bench in target.benches:
        if bench == DRAWINGS:
            yield from (drawing_round(config, folder / f"drawing-{number}", number)
                        for number in range(seed, seed + DRAWN))
        elif bench == WIRING:
            yield Round((bench,), seed, {bench_core_wiring.CORE_VARIABLE: str(folder / f"{target.unit}.v")})
        else:
            yield errors_round(bench, config, folder / "errors", seed)


def system(config: Path, number: int) -> Compiled:
    """The random model of a seed."""
    return random_system(np.random.default_rng(number), load_hardware(config))


def drawing_round(config: Path, folder: Path, number: int) -> Round:
    """A random system, drawn with every write and event recorded."""
    compiled = system(config, number)
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    job = write_job(compiled, folder, number)
    return Round((DRAWINGS,), number, {JOB_VARIABLE: str(job)}, (f"+records={folder}",))


def errors_round(bench: str, config: Path, folder: Path, seed: int) -> Round:
    """A small system beside the pixels that the reference draws."""
    compiled = small_system(seed, load_hardware(config), steps=1)
    folder.mkdir(exist_ok=True)
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed)
    (folder / "expected.txt").write_text(" ".join(map(str, last.clean.ravel())), encoding="utf-8")
    return Round((bench,), seed, {JOB_VARIABLE: str(write_job(compiled, folder, seed))})


def write_job(compiled: Compiled, folder: Path, seed: int) -> Path:
    """Image and job of a drawing, all of whose steps are recorded; returns the job's file."""
    model = compiled.model.config
    expected = estimate(compiled.descriptors, compiled.layout.hardware, compiled.plan.evaluations,
                        compiled.plan.contexts)
    compiled.write(folder / "image.htn")
    job = Job(str(folder / "image.htn"), LABEL, seed, model.image_channels * model.image_size**2, str(folder),
              REST_CYCLES, polls=10 + 2 * expected.cycles // REST_CYCLES, timeline=(0, compiled.plan.steps))
    return job.write()
