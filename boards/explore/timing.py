"""Cycles of a drawing on a configuration: the timing model on the reference's operands of those steps it has."""

from __future__ import annotations

from dataclasses import dataclass

from boards.explore.workload import Workload
from golden.compile.builder import Builder
from golden.compile.compiler import Compiled
from golden.compile.fitting import fit
from golden.compile.operands import DrawingTiming
from golden.compile.segments import StepSegment, runs_of
from golden.compile.split_masks import SplitMasks
from golden.spec.hardware import HardwareConfig
from golden.spec.timing import Prediction


@dataclass(frozen=True)
class Cycles:
    """Of one drawing."""

    noise: int           # from the start to the end of step 0
    step: float          # of a denoising step, the mean over those followed
    drawing: int         # noise and every step


def drawing_cycles(workload: Workload, hardware: HardwareConfig) -> Cycles:
    """Cycles of the whole drawing; exact where every step is followed. Raises ``CompileError`` for what does not fit.

    A step that is not followed counts as the mean of those followed with as many contexts.
    """
    ends = predict(workload, hardware).step_cycles
    each = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    contexts_followed = workload.followed_plan.contexts
    means = {contexts: mean([cycles for cycles, own in zip(each, contexts_followed, strict=True) if own == contexts])
             for contexts in set(contexts_followed)}
    usual = mean(each)
    known = dict(zip(workload.followed, each, strict=True))
    total = ends[0] + sum(known.get(step, means.get(contexts, usual))
                          for step, contexts in enumerate(workload.plan.contexts, start=1))
    return Cycles(ends[0], usual, round(total))


def mean(values: list[int]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)


def predict(workload: Workload, hardware: HardwareConfig) -> Prediction:
    """What the counters of a drawing of the followed steps alone say."""
    plan = workload.followed_plan
    segments, program = fit(workload.model, hardware, runs_of(plan.contexts), draws_noise=plan.draws_noise)
    timing = DrawingTiming(compiled(workload, segments, program))
    for step in workload.steps:
        timing.follow(step)
    return timing.finish()


def compiled(workload: Workload, segments: tuple[StepSegment, ...], program: Builder) -> Compiled:
    """What the timing model asks of a compilation: there are no segments of an image, and no tables."""
    return Compiled(model=workload.model, modulations={}, plan=workload.followed_plan, segments=segments,
                    split_table=first_masks(workload, segments), guidance=float(segments[0].layout.contexts),
                    skip_zeros=True, descriptors=tuple(program.encoded()), program=b"", conditionings={},
                    operands=program.operands)


def first_masks(workload: Workload, segments: tuple[StepSegment, ...]) -> tuple[int, ...]:
    """Masks of dense lanes to begin with, as the compiler calibrates them."""
    segment = segments[0]
    masks = SplitMasks(segment.split, segment.layout, segment.split.table(None))
    masks.follow(workload.calibration.contexts)
    return tuple(sum(1 << channel for channel in mask.nonzero()[0].tolist()) for mask in masks.masks)
