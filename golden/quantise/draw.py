"""Draw images of given labels from a quantised checkpoint with the fast integer reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from golden.integer.batch_draw import Drawn, draw_many
from golden.integer.model import Modulation
from golden.integer.plan import DEFAULT, make_plan
from golden.model.checkpoint import Checkpoint
from golden.model.labels import none
from golden.model.sampler import times
from golden.quantise.to_integers import to_integers

LABELS_AT_ONCE = 256
"""Labels whose tables are computed at a time: in double precision they take eight times their final memory."""


def compact(table: Modulation) -> Modulation:
    """The same table in int8, as it lies in the chip: the batched reference reads it, the plain one needs int64."""
    return Modulation(table.gain.astype(np.int8), table.bias.astype(np.int8))


def compact_tables(source: Checkpoint, times: list[float], labels: torch.Tensor) -> list[Modulation]:
    """Tables of labels (n, A), computed a few at a time."""
    return [compact(table) for part in labels.split(LABELS_AT_ONCE) for table in to_integers(source, times, part)[1]]


def draw_labels(source: Checkpoint, labels: torch.Tensor, seeds: Sequence[int], *, steps: int, guidance: float,
                sampler: str = DEFAULT, choices: dict[str, object] | None = None, **options: object) -> Drawn:
    """One image for each row of labels (n, A) and its seed.

    ``sampler`` and ``choices`` as ``golden.integer.plan.make_plan`` takes them, ``options`` as ``draw_many`` does.
    Pixels are int16, one is 4096. Guidance 1 needs one context, any other two.
    """
    plan = make_plan(sampler, times(steps), guidance, source.residual_fraction_bits, source.config.image_pixels,
                     **(choices or {}))
    moments = list(plan.times)
    different, which = torch.unique(labels, dim=0, return_inverse=True)
    tables = compact_tables(source, moments, different)
    model, (unguided,) = to_integers(source, moments, none(source.config, 1))
    free = () if max(plan.contexts) == 1 else (compact(unguided),)
    return draw_many(model, [(*free, tables[index]) for index in which.tolist()], plan, seeds, **options)
