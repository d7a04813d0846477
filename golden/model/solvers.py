"""Solvers of the flow from noise at t = 0 to data at t = 1, as their papers write them.

x_t = (1 - t) noise + t data (arXiv 2209.03003, 2210.02747); the velocity is data - noise. Each solver yields a point
after every evaluation of the velocity. ``golden/integer/samplers.py`` has the same as rows of coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

Velocity = Callable[[Tensor, float, int], Tensor]
"""From x, t and the index of the step to the velocity, of x's shape."""
Fresh = Callable[[int], Tensor]
"""From the number of an evaluation, 1 for the first, to its noise, normal with deviation 1, of x's shape."""


class Point(NamedTuple):
    """After an evaluation: x at the next time, and the clean image that the evaluation predicted."""

    x: Tensor
    clean: Tensor


def predicted(x: Tensor, velocity: Tensor, t: float) -> Tensor:
    """The data that x and the velocity at t point to."""
    return x + (1 - t) * velocity


def euler(velocity: Velocity, x: Tensor, times: list[float], **_: object) -> Iterator[Point]:
    """Euler's method."""
    for step, (t, s) in enumerate(pairwise(times)):
        slope = velocity(x, t, step)
        clean = predicted(x, slope, t)
        x = x + (s - t) * slope
        yield Point(x, clean)


def heun(velocity: Velocity, x: Tensor, times: list[float], **_: object) -> Iterator[Point]:
    """Heun's method with a last step of Euler's (EDM, arXiv 2206.00364, algorithm 1)."""
    for step, (t, s) in enumerate(pairwise(times)):
        slope = velocity(x, t, step)
        trial = x + (s - t) * slope
        yield Point(trial, predicted(x, slope, t))
        if s == 1:
            return
        other = velocity(trial, s, step)
        clean = predicted(trial, other, s)
        x = x + (s - t) * (slope / 2 + other / 2)
        yield Point(x, clean)


def log_ratio(t: float) -> float:
    """lambda = log(alpha / sigma) with alpha = t, sigma = 1 - t."""
    if t in (0, 1):
        return -math.inf if t == 0 else math.inf
    return math.log(t) - math.log1p(-t)


def dpm(velocity: Velocity, x: Tensor, times: list[float], **_: object) -> Iterator[Point]:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2), the first and the last step of first order."""
    before: Tensor | None = None
    length_before = math.inf
    for step, (t, s) in enumerate(pairwise(times)):
        clean = predicted(x, velocity(x, t, step), t)
        length = log_ratio(s) - log_ratio(t)
        mixed = clean
        if before is not None and s != 1:
            ratio = length_before / length
            mixed = (1 + 1 / (2 * ratio)) * clean - 1 / (2 * ratio) * before
        x = (1 - s) / (1 - t) * x - s * math.expm1(-length) * mixed
        before, length_before = clean, length
        yield Point(x, clean)


def maruyama(velocity: Velocity, x: Tensor, times: list[float], *, eta: float, fresh: Fresh) -> Iterator[Point]:
    """Euler-Maruyama of the reverse stochastic equation (SiT, arXiv 2401.08740), its diffusion 2 eta sigma.

    From the velocity, the score is (t v - x) / sigma with sigma = 1 - t. The last step goes to the predicted image.
    """
    for step, (t, s) in enumerate(pairwise(times)):
        slope = velocity(x, t, step)
        clean = predicted(x, slope, t)
        sigma = 1 - t
        diffusion = 2 * eta * sigma
        score = (t * slope - x) / sigma
        drift = slope + diffusion / 2 * score
        x = clean if s == 1 else x + (s - t) * drift + math.sqrt(diffusion * (s - t)) * fresh(step + 1)
        yield Point(x, clean)


SOLVERS: dict[str, Callable[..., Iterator[Point]]] = {"euler": euler, "heun": heun, "dpm": dpm, "maruyama": maruyama}
"""By name; all take (velocity, x, times, *, eta, fresh)."""
