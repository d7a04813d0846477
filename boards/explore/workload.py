"""What a configuration has to do: a model, its sampler, and the left operands of some steps of one drawing.

The integers do not depend on the hardware, so the reference draws once; every configuration is timed on its tensors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from golden.integer.evaluate import Step, Tensors, sample
from golden.integer.model import IntegerModel
from golden.integer.plan import DEFAULT, SamplerPlan, make_plan
from golden.model import zoo
from golden.model.checkpoint import load
from golden.model.labels import parse, usual
from golden.model.sampler import times
from golden.quantise.to_integers import to_integers
from golden.spec.validation import require

CALIBRATION_SEED = 0
"""Of the drawing without a label whose first step gives the split to begin with, as in ``golden.compile.calibrate``."""
LEFT_OPERANDS = ("patches", "norm_attention", "query", "probabilities", "attention", "norm_hidden", "hidden",
                 "decoder_norm")
"""Tensors whose zeros the array skips; the last part of their names."""


@dataclass(frozen=True)
class Workload:
    """A model and some steps of one of its drawings."""

    model: IntegerModel
    plan: SamplerPlan              # of the whole drawing
    followed: tuple[int, ...]      # steps whose operands are here, counted from 1
    steps: tuple[Step, ...]        # the first noise, then those followed
    calibration: Step              # gives the dense lanes' first masks

    def thinned(self, count: int) -> Workload:
        """The same with at most ``count`` of its steps, evenly spaced."""
        chosen = evenly(len(self.followed), count)
        steps = (self.steps[0], *(replace(self.steps[step], number=number)
                                  for number, step in enumerate(chosen, start=1)))
        return replace(self, followed=tuple(self.followed[step - 1] for step in chosen), steps=steps)

    @property
    def followed_plan(self) -> SamplerPlan:
        """The sampler of a drawing that has the followed steps alone."""
        rows, moments = self.plan.rows, self.plan.times
        return SamplerPlan((rows[0], *(rows[step] for step in self.followed)),
                           tuple(moments[step - 1] for step in self.followed))


def record(name: str, *, steps: int, guidance: float, label: str | None = None, seed: int = 7, sampler: str = DEFAULT,
           weights: Path = zoo.WEIGHTS) -> Workload:
    """Draw with a trained model by the reference, and keep the operands of every step.

    Raises ``UnknownModelError``, ``CheckpointError`` or ``ConfigError`` for what cannot be drawn.
    """
    require(steps >= 1, f"steps is {steps}; expected 1 or more")
    checkpoint = load(zoo.checkpoint_path(name, "quantised", weights))
    config = checkpoint.config
    plan = make_plan(sampler, times(steps), guidance, checkpoint.residual_fraction_bits, config.image_pixels)
    labels = [usual(config) if label is None else parse(config, label), config.no_label]
    model, (guided, unguided) = to_integers(checkpoint, list(plan.times), torch.tensor(labels))
    drawn = map(operands_of, sample(model, (unguided, guided), plan, seed))
    unlabelled = sample(model, (unguided, unguided), plan, CALIBRATION_SEED)
    next(unlabelled)    # the first noise
    return Workload(model=model, plan=plan, followed=tuple(range(1, plan.evaluations + 1)), steps=tuple(drawn),
                    calibration=operands_of(next(unlabelled)))


def evenly(steps: int, count: int) -> tuple[int, ...]:
    """At most ``count`` of the steps 1 to ``steps``, evenly spaced; with two or more, the first and the last too."""
    if count == 1:
        return ((steps + 1) // 2,)
    return tuple(sorted({1 + round(number * (steps - 1) / (count - 1)) for number in range(count)}))


def operands_of(step: Step) -> Step:
    """A step with nothing but its left operands, in the smallest integers that hold them."""
    return replace(step, contexts=tuple(map(left_operands, step.contexts)))


def left_operands(tensors: Tensors) -> Tensors:
    """The tensors that the array multiplies."""
    return {name: values.astype(np.min_scalar_type(-int(np.abs(values).max(initial=0)) - 1))
            for name, values in tensors.items() if name.rpartition(".")[2] in LEFT_OPERANDS}
