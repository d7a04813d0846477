"""Segments of a program: runs of steps that evaluate as many contexts, each with a memory plan of its own.

Guidance in a range of the steps only (a guidance interval, arXiv 2404.07724) leaves steps with one context, which take
half the work. Nothing but the image, the sampler's coefficients and the modulation tables lives from step to step, so
every segment may use the memories in its own way. The tables are packed step after step: those of a step with one
context are the guided one's alone. Weights lie in the same order for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from golden.compile.layout import CompileError, Layout
from golden.compile.split_plan import SplitPlan
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ModelConfig

CONTEXTS = (1, 2)
"""Evaluations of a step: the conditional one alone, or the unguided one before it."""
Run = tuple[int, int]
"""Contexts of each step, and how many steps follow each other so."""


@dataclass(frozen=True)
class StepSegment:
    """Steps ``first`` to ``last``, counted from 1; ``modulation`` is the word address of the first one's tables."""

    first: int
    last: int
    modulation: int
    layout: Layout
    split: SplitPlan

    @property
    def steps(self) -> int:
        """How many."""
        return self.last - self.first + 1

    def tables(self, step: int) -> int:
        """Word address of the modulation tables of one of its steps."""
        return self.modulation + (step - self.first) * self.layout.modulation_step_words

    def clipped(self, first: int, last: int) -> StepSegment:
        """Its steps from ``first`` to ``last``, at least one of which it has."""
        first, last = max(first, self.first), min(last, self.last)
        return replace(self, first=first, last=last, modulation=self.tables(first))


def runs_of(step_contexts: Sequence[int]) -> list[Run]:
    """Contexts of each step to runs of equal ones. Raises ``CompileError`` for a number that is not 1 or 2."""
    for step, contexts in enumerate(step_contexts, start=1):
        if contexts not in CONTEXTS:
            raise CompileError(f"step {step} has {contexts} contexts; expected 1 or 2")
    return [(contexts, len(list(steps))) for contexts, steps in groupby(step_contexts)]


def make_segments(config: ModelConfig, hardware: HardwareConfig, runs: Sequence[Run], split: str | None = None,
                  skip_zeros: bool = True, eight_bit: tuple[str, ...] = ()) -> tuple[StepSegment, ...]:
    """Segments of a drawing. Raises ``CompileError`` for a model, or a split, that the hardware cannot hold."""
    steps = sum(count for _, count in runs)
    tables = sum(contexts * count for contexts, count in runs)
    layouts = {contexts: Layout(config, hardware, contexts, steps, tables, eight_bit) for contexts, _ in runs}
    splits = {contexts: SplitPlan(layout, split, skip_zeros) for contexts, layout in layouts.items()}
    segments, first, modulation = [], 1, 0
    for contexts, count in runs:
        layout = layouts[contexts]
        segments.append(StepSegment(first, first + count - 1, modulation, layout, splits[contexts]))
        first, modulation = first + count, modulation + count * layout.modulation_step_words
    return tuple(segments)


def clip(segments: Sequence[StepSegment], first: int, last: int) -> tuple[StepSegment, ...]:
    """The segments' steps from ``first`` to ``last``."""
    return tuple(segment.clipped(first, last) for segment in segments
                 if segment.first <= last and segment.last >= first)


def widest(segments: Sequence[StepSegment]) -> StepSegment:
    """The first segment of the most contexts: no other needs more of any memory."""
    return max(segments, key=lambda segment: segment.layout.contexts)
