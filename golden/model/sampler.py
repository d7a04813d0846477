"""From noise to images: the Euler sampler of the flow, with classifier-free guidance.

The flow runs from noise at t = 0 to data at t = 1 (arXiv 2209.03003, 2210.02747).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor, Tensor], Tensor]


def times(steps: int, shift: float = 1.0) -> list[float]:
    """The ``steps + 1`` times from 0 to 1; a shift above 1 takes smaller steps near the noise."""
    if steps < 1:
        raise ValueError(f"steps is {steps}; expected 1 or more")
    if shift <= 0:
        raise ValueError(f"shift is {shift}; expected more than 0")
    uniform = [index / steps for index in range(steps + 1)]
    return [u / (u + shift * (1 - u)) for u in uniform]


def guided(model: Velocity, x: Tensor, t: Tensor, labels: Tensor, no_label: tuple[int, ...],
           guidance: float) -> Tensor:
    """v_u + w (v_c - v_u), both branches in one batch; x (B, C, H, H), t (B,), labels (B, A)."""
    if guidance == 1.0:
        return model(x, t, labels)
    both = torch.cat([torch.tensor(no_label).expand_as(labels), labels])
    unconditional, conditional = model(x.repeat(2, 1, 1, 1), t.repeat(2), both).chunk(2)
    return unconditional + guidance * (conditional - unconditional)


@torch.no_grad()
def euler(model: Velocity, noise: Tensor, labels: Tensor, *, no_label: tuple[int, ...], steps: int = 16,
          guidance: float = 2.0, shift: float = 1.0) -> list[Tensor]:
    """Every x of the way, ``steps + 1`` tensors (B, C, H, H): the noise first, the images last."""
    grid = times(steps, shift)
    way = [noise]
    for start, stop in pairwise(grid):
        t = torch.full((noise.shape[0],), start)
        velocity = guided(model, way[-1], t, labels, no_label, guidance)
        way.append(way[-1] + (stop - start) * velocity)
    return way
