"""From noise to images: the samplers of the flow, with classifier-free guidance.

The flow runs from noise at t = 0 to data at t = 1 (arXiv 2209.03003, 2210.02747).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from golden.model.solvers import SOLVERS, Fresh, Point

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
def draw(model: Velocity, noise: Tensor, labels: Tensor, *, no_label: tuple[int, ...], sampler: str = "euler",
         steps: int = 16, guidance: float = 2.0, shift: float = 1.0, guidance_range: tuple[float, float] = (0.0, 1.0),
         eta: float = 1.0, fresh: Fresh | None = None) -> list[Point]:
    """Every point of the way, the noise (with a clean image of zeros) first; tensors (B, C, H, H).

    Steps that start at t with low <= t < high are guided; in the others the label's velocity counts alone. eta is the
    strength of the noise of ``maruyama``, and ``fresh`` gives it: torch's own generator unless told otherwise.
    """
    grid = times(steps, shift)
    low, high = guidance_range

    def velocity(x: Tensor, t: float, step: int) -> Tensor:
        strength = guidance if low <= grid[step] < high else 1.0
        return guided(model, x, torch.full((x.shape[0],), t), labels, no_label, strength)

    solve = SOLVERS[sampler]
    points = solve(velocity, noise, grid, eta=eta, fresh=fresh or (lambda number: torch.randn_like(noise)))
    return [Point(noise, torch.zeros_like(noise)), *points]


def euler(model: Velocity, noise: Tensor, labels: Tensor, *, no_label: tuple[int, ...], steps: int = 16,
          guidance: float = 2.0, shift: float = 1.0) -> list[Tensor]:
    """Every x of the way of Euler's method, ``steps + 1`` tensors (B, C, H, H): the noise first, the images last."""
    points = draw(model, noise, labels, no_label=no_label, steps=steps, guidance=guidance, shift=shift)
    return [point.x for point in points]
