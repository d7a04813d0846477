"""Draw images of given labels from a quantised checkpoint with the fast integer reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from golden.integer.batch_draw import Drawn, draw_many
from golden.integer.model import Modulation
from golden.integer.plan import euler_plan
from golden.model import sampler
from golden.model.checkpoint import Checkpoint
from golden.model.labels import none
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
                **options: object) -> Drawn:
    """One image for each row of labels (n, A) and its seed, by Euler's method; ``options`` as ``draw_many`` takes them.

    Pixels are int16, one is 4096. Guidance 1 needs one context, any other two.
    """
    moments = sampler.times(steps)
    different, which = torch.unique(labels, dim=0, return_inverse=True)
    tables = compact_tables(source, moments[:-1], different)
    model, (unguided,) = to_integers(source, moments[:-1], none(source.config, 1))
    free = () if guidance == 1.0 else (compact(unguided),)
    plan = euler_plan(moments, guidance, source.residual_fraction_bits)
    return draw_many(model, [(*free, tables[index]) for index in which.tolist()], plan, seeds, **options)
