"""Splits to begin with: masks by what the detector makes of a drawing's first step."""

from __future__ import annotations

from golden.compile.compiler import NO_LABEL, Compiled, compile_checkpoint
from golden.compile.split_masks import SplitMasks
from golden.integer.evaluate import sample
from golden.model.checkpoint import Checkpoint
from golden.spec.hardware import HardwareConfig

CALIBRATION_SEED = 0
"""Noise of the drawing, without a label, whose first step says how programs begin."""


def compile_calibrated(checkpoint: Checkpoint, hardware: HardwareConfig, **choices: object) -> Compiled:
    """As ``compile_checkpoint``; a program that refreshes its split begins with that of the calibration drawing."""
    compiled = compile_checkpoint(checkpoint, hardware, **choices)
    if not compiled.split.decides:
        return compiled
    table = first_step_table(compiled, NO_LABEL, CALIBRATION_SEED)
    return compile_checkpoint(checkpoint, hardware, **choices, split_table=table)


def first_step_table(compiled: Compiled, label: str, seed: int) -> list[int]:
    """Masks that the detector makes of a drawing's first step.

    ``compiled`` is the model with a split that decides; the table suits every program of it on the same hardware.
    """
    masks = SplitMasks(compiled.split, compiled.layout, compiled.split_table)
    steps = sample(compiled.model, compiled.contexts(label), compiled.plan, seed)
    step = next(step for step in steps if step.contexts)
    masks.follow(step.contexts)
    return [sum(1 << channel for channel in mask.nonzero()[0].tolist()) for mask in masks.masks]
