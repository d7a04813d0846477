"""A drawing seen from outside, through the registers alone: images, updates and counters against the reference."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.operands import DrawingTiming
from golden.integer.evaluate import sample
from golden.spec.descriptors import Engine
from golden.spec.registers import Status
from golden.spec.timing import estimate
from sim.fuzz import shape
from sim.job import RESULT_FILE, STEPS_FILE, Job, StepDone
from sim.random_model import LABEL

REST_CYCLES = 2000
DONE = int(Status.DONE | Status.PROGRAM_LOADED | Status.CONDITIONING_LOADED)
"""Status of a core that has drawn."""


@dataclass(frozen=True)
class Drawing:
    """One drawing: what it was, how many values were compared, and one line for every one that differs."""

    shape: str
    cycles: int
    values: int
    differences: tuple[str, ...]
    readings: dict[str, list[int]] = field(repr=False)
    """All that the host has read: also what nothing foretells, such as the causes of stalls."""


def draw_outside(compiled: Compiled, seed: int, run: Callable[[Job], object]) -> Drawing:
    """Let ``run`` draw with a random model, and compare; the job's bench is ``sim.bench_core`` or one like it."""
    model = compiled.model.config
    expected = estimate(compiled.descriptors, compiled.layout.hardware, compiled.plan.evaluations,
                        compiled.plan.contexts)
    with tempfile.TemporaryDirectory(prefix="halftone-") as name:
        folder = Path(name)
        compiled.write(folder / "image.htn")
        pixels = model.image_channels * model.image_size**2
        run(Job(str(folder / "image.htn"), LABEL, seed, pixels, name, REST_CYCLES,
                polls=10 + 4 * expected.cycles // REST_CYCLES))
        return compare(compiled, seed, folder)


def compare(compiled: Compiled, seed: int, folder: Path) -> Drawing:
    """Every step's latent, update and cycles, the image, the counters that are foretold, and that there is no error."""
    found = readings(folder)
    timing = DrawingTiming(compiled)
    expected: dict[str, list[int]] = {"STATUS": [DONE], "ERROR": [0]}
    for step in sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed):
        last = step
        expected |= {f"latent of step {step.number}": flat(step.image),
                     f"UPDATE of step {step.number}": [step.update],
                     f"CYCLES of step {step.number}": [timing.follow(step)]}
    prediction = timing.finish()
    figures = {"CYCLES": prediction.cycles, "MACS": prediction.macs, "MACS_OFFERED": prediction.macs_offered,
               **{f"BUSY_{engine.name}": prediction.busy[engine] for engine in Engine}}
    expected |= {"image": flat(last.clean), "latent": flat(last.image), "STEP": [last.number + 1],
                 "UPDATE": [last.update]}
    expected |= {name: [count] for name, count in figures.items()}
    return Drawing(shape(compiled), found["CYCLES"][0], sum(map(len, expected.values())),
                   tuple(differences(expected, {name: found.get(name, []) for name in expected})), found)


def readings(folder: Path) -> dict[str, list[int]]:
    """What the bench has read through the registers: of each step, and of the end."""
    result = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
    found = {"image": result["pixels"], "latent": result["latent"]}
    for line in (folder / STEPS_FILE).read_text(encoding="utf-8").splitlines():
        step = StepDone(**json.loads(line))
        found |= {f"latent of step {step.step}": step.pixels, f"UPDATE of step {step.step}": [step.update]}
        found |= {f"{name} of step {step.step}": [count] for name, count in step.counters.items()}
    return found | {name: [value] for name, value in (result["counters"] | result["registers"]).items()}


def flat(image: np.ndarray) -> list[int]:
    """Pixels in the order in which the host reads them."""
    return [int(value) for value in image.ravel()]


def differences(expected: dict[str, list[int]], found: dict[str, list[int]]) -> list[str]:
    """One line for each list that differs, with the first place where it does."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        one, other = expected.get(name, []), found.get(name, [])
        if one != other:
            places = [place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]]
            place = places[0] if places else min(len(one), len(other))
            lines.append(f"{name}[{place}] is {other[place:place + 1]}, expected {one[place:place + 1]}")
    return lines
