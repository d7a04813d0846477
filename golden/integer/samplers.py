"""Samplers of the flow as rows of real coefficients, which ``golden.integer.plan`` rounds.

The flow is x_t = (1 - t) noise + t data, from noise at t = 0 to data at t = 1; its velocity is v = data - noise, and
the clean image predicted at (x, t) is D = x + (1 - t) v. A row is one evaluation of v, at x and the row's time, and

    x'     = keep x + velocity v + noise n + history D_before
    clean' = x + (1 - t) v = D

where n is normal noise of deviation 1, and D_before the clean image of the row before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Move:
    """One row in real numbers."""

    step: int                # index of the step whose guidance it uses; its start time says whether there is any
    time: float              # of the evaluation
    velocity: float
    keep: float = 1.0
    noise: float = 0.0
    history: float = 0.0
    predicts: bool = True    # the row begins a step; the others correct one

    @property
    def ahead(self) -> float:
        """Coefficient of v in the predicted clean image."""
        return 1.0 - self.time


def euler(times: list[float], eta: float) -> list[Move]:
    """Euler's method: x' = x + dt v. With dt = 1 - t in the last step, x' = D there."""
    return [Move(step=step, time=t, velocity=s - t) for step, (t, s) in enumerate(pairwise(times))]


def heun(times: list[float], eta: float) -> list[Move]:
    """Heun's method as in EDM (arXiv 2206.00364, algorithm 1), with v for the derivative; the last step is Euler's.

    A step from t to s = t + dt first predicts x1 = x0 + dt v1, and keeps D1 = x0 + (1 - t) v1. The second evaluation,
    v2 at (x1, s), corrects: x' = x0 + dt/2 (v1 + v2) = x1 - dt/2 v1 + dt/2 v2. Neither x0 nor v1 is at hand any more,
    but with beta = dt / (1 - t), x1 = (1 - beta) x0 + beta D1, so D1 - x1 = (1 - beta) (D1 - x0), and
    v1 = (D1 - x0) / (1 - t) = (D1 - x1) / ((1 - beta) (1 - t)) = (D1 - x1) / (1 - s). With gamma = dt / (2 (1 - s)):
    x' = (1 + gamma) x1 - gamma D1 + dt/2 v2.
    """
    moves = []
    for step, (t, s) in enumerate(pairwise(times)):
        moves.append(Move(step=step, time=t, velocity=s - t))
        if s < 1.0:
            gamma = (s - t) / (2 * (1 - s))
            moves.append(Move(step=step, time=s, keep=1 + gamma, history=-gamma, velocity=(s - t) / 2, predicts=False))
    return moves


def dpm(times: list[float], eta: float) -> list[Move]:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2) for alpha = t and sigma = 1 - t, which predicts D.

    With lambda = log(alpha / sigma), a step from t to s is h = lambda(s) - lambda(t) long, the one before was h_before,
    and the paper's r is h_before / h:
    x' = sigma(s) / sigma(t) x - alpha(s) (exp(-h) - 1) ((1 + kappa) D - kappa D_before), kappa = 1 / (2 r).
    As exp(-h) = alpha(t) sigma(s) / (sigma(t) alpha(s)), with beta = (s - t) / (1 - t),
    alpha(s) (1 - exp(-h)) = (s (1 - t) - t (1 - s)) / (1 - t) = beta, and sigma(s) / sigma(t) = 1 - beta:
    x' = (1 - beta) x + beta ((1 + kappa) D - kappa D_before). With D = x + (1 - t) v and beta (1 - t) = s - t:
    x' = (1 + beta kappa) x + (s - t) (1 + kappa) v - beta kappa D_before.

    beta is finite at alpha(0) = 0, where lambda is -infinity. The first step has no D_before, so kappa = 0; for the
    second, h_before is infinite, so kappa = 0 in the limit. In the last, sigma(1) = 0 and h is infinite; it is of the
    first order as the paper has it for the end: kappa = 0, beta = 1, x' = D.
    """
    moves = []
    h_before = math.inf
    for step, (t, s) in enumerate(pairwise(times)):
        h = math.inf if t == 0.0 or s == 1.0 else math.log(s / (1 - s)) - math.log(t / (1 - t))
        kappa = 0.0 if math.inf in (h, h_before) else h / (2 * h_before)
        beta = (s - t) / (1 - t)
        moves.append(Move(step=step, time=t, keep=1 + beta * kappa, velocity=(s - t) * (1 + kappa),
                          history=-beta * kappa))
        h_before = h
    return moves


def maruyama(times: list[float], eta: float) -> list[Move]:
    """Euler-Maruyama of the reverse stochastic equation with g^2 / 2 = eta (1 - t) (SiT, arXiv 2401.08740, w = sigma).

    As x - t v is the noise expected in x, the score is -(x - t v) / (1 - t), and the equation
    dx = (v + g^2 / 2 score) dt + g dW gives x' = x + dt (v - eta (x - t v)) + sqrt(2 eta (1 - t) dt) n, that is
    (1 - eta dt) x + dt (1 + eta t) v + sqrt(2 eta (1 - t) dt) n. The last step has no noise and goes to D.
    """
    moves = []
    for step, (t, s) in enumerate(pairwise(times)):
        dt = s - t
        if s == 1.0:
            moves.append(Move(step=step, time=t, velocity=dt))
        else:
            moves.append(Move(step=step, time=t, keep=1 - eta * dt, velocity=dt * (1 + eta * t),
                              noise=math.sqrt(2 * eta * (1 - t) * dt)))
    return moves


Builder = Callable[[list[float], float], list[Move]]
SAMPLERS: dict[str, Builder] = {"euler": euler, "heun": heun, "dpm": dpm, "maruyama": maruyama}
"""By name: from the times and the strength of the noise to the rows."""


def evaluations(sampler: str, steps: int) -> int:
    """Evaluations that so many steps take: Heun's method corrects all but the last."""
    return 2 * steps - 1 if sampler == "heun" else steps
