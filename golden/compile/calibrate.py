"""A split frozen at a drawing's first step: masks for programs that decide nothing."""

from __future__ import annotations

from golden.compile.compiler import Compiled
from golden.compile.split_masks import SplitMasks
from golden.integer.evaluate import sample


def first_step_table(compiled: Compiled, label: str, seed: int) -> list[int]:
    """Masks that the detector makes of a drawing's first step.

    ``compiled`` is the model with a split that decides; the table suits every program of it on the same hardware.
    """
    masks = SplitMasks(compiled.split, compiled.layout, compiled.split_table)
    step = next(step for step in sample(compiled.model, compiled.contexts(label), compiled.plan, seed) if step.contexts)
    masks.follow(step.contexts)
    return [sum(1 << channel for channel in mask.nonzero()[0].tolist()) for mask in masks.masks]
