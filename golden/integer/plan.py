"""The sampler's integer coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass

from golden.integer.samplers import SAMPLERS, Move
from golden.spec import numbers
from golden.spec.step import UPDATE_BITS
from golden.spec.validation import ConfigError, require

DEFAULT = "euler"
PIXEL_ONE = 1 << numbers.PIXEL_FRACTION_BITS


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One row of the sampler: the fields of ``golden.spec.step``, and how many contexts are evaluated for it.

    Coefficients are 18-bit signed with 12 fraction bits.
    """

    keep: int = 0
    guided: int = 0
    unguided: int = 0
    noise: int = 0
    history: int = 0
    clean_keep: int = 0
    clean_guided: int = 0
    clean_unguided: int = 0
    stop_below: int = 0
    contexts: int = 0


@dataclass(frozen=True)
class SamplerPlan:
    """Row 0 is the first draw (image = noise); row n belongs to the evaluation at ``times[n - 1]``."""

    rows: tuple[StepRow, ...]
    times: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.times) + 1:
            raise ValueError(f"{len(self.rows)} rows and {len(self.times)} times; expected a row more than times")

    @property
    def evaluations(self) -> int:
        """Evaluations of the network, each a step of the program."""
        return len(self.times)

    @property
    def steps(self) -> int:
        """Steps of the program after the first draw: evaluations."""
        return self.evaluations

    @property
    def contexts(self) -> tuple[int, ...]:
        """Contexts of each evaluation."""
        return tuple(row.contexts for row in self.rows[1:])

    @property
    def draws_noise(self) -> bool:
        """Whether the denoising steps draw fresh noise (a stochastic sampler)."""
        return any(row.noise for row in self.rows[1:])


def coefficient(value: float) -> int:
    """A real factor as an 18-bit integer with 12 fraction bits; raises ``ConfigError`` if it does not fit."""
    integer = round(value * (1 << numbers.STEP_FRACTION_BITS))
    limit = 1 << (numbers.STEP_COEFFICIENT_BITS - 1)
    if not -limit <= integer < limit:
        raise ConfigError(f"a sampler coefficient is {value:.3f}; expected less than "
                          f"{limit >> numbers.STEP_FRACTION_BITS}: use more steps or less guidance")
    return integer


def round_move(move: Move, guidance: float, velocity_one: float, stop_below: int) -> StepRow:
    """A row of integers. Guided by w, v is v_u + w (v_c - v_u) (arXiv 2207.12598); w = 1 evaluates v_c alone.

    velocity_one: pixel steps of a step of the velocity.
    """
    change, ahead = move.velocity * velocity_one, move.ahead * velocity_one
    return StepRow(
        keep=coefficient(move.keep), guided=coefficient(change * guidance),
        unguided=coefficient(change * (1 - guidance)),
        noise=coefficient(move.noise * PIXEL_ONE / numbers.NOISE_DEVIATION), history=coefficient(move.history),
        clean_keep=coefficient(1.0), clean_guided=coefficient(ahead * guidance),
        clean_unguided=coefficient(ahead * (1 - guidance)), stop_below=stop_below,
        contexts=1 if guidance == 1.0 else 2)


def check_choices(sampler: str, times: list[float], guidance_range: tuple[float, float], eta: float) -> None:
    """Raise ``ConfigError`` for what no plan can be made of."""
    require(sampler in SAMPLERS, f"sampler is {sampler!r}; expected one of {', '.join(SAMPLERS)}")
    require(len(times) > 1 and times[0] == 0.0 and times[-1] == 1.0
            and all(t < s for t, s in zip(times, times[1:], strict=False)),
            f"the sampler's times are {times}; expected them to rise from 0 to 1")
    low, high = guidance_range
    require(0.0 <= low <= high <= 1.0, f"guidance range is {low} to {high}; expected two times from 0 to 1 in order")
    require(math.isfinite(eta) and eta >= 0.0, f"eta is {eta}; expected a number from 0 on")


def update_limit(stop: float, pixels: int) -> int:
    """The update that a mean absolute change of ``stop`` makes, where the image lies in [-1, 1]."""
    require(math.isfinite(stop) and stop >= 0.0, f"stop is {stop}; expected a number from 0 (never) on")
    limit = round(stop * PIXEL_ONE * pixels)
    require(limit < 1 << UPDATE_BITS, f"stop is {stop}, which {UPDATE_BITS} bits do not hold for {pixels} pixels; "
                                      "expected a smaller one")
    return limit


def make_plan(sampler: str, times: list[float], guidance: float, residual_fraction_bits: int, pixels: int, *,
              guidance_range: tuple[float, float] = (0.0, 1.0), eta: float = 1.0, stop: float = 0.0) -> SamplerPlan:
    """The rows of a sampler.

    times: steps + 1 of them, from noise at 0 to the image at 1. Guidance is that of the steps that start at a time t
    with low <= t < high; the others use the label's velocity alone. eta: strength of the noise of ``maruyama``.
    stop: mean absolute change of the predicted clean image, in [-1, 1], below which the drawing ends; 0 is never. It
    counts from the second evaluation on, in rows that begin a step. Raises ``ConfigError``.
    """
    check_choices(sampler, times, guidance_range, eta)
    low, high = guidance_range
    limit = update_limit(stop, pixels)
    velocity_one = PIXEL_ONE / 2.0**residual_fraction_bits
    rows = [StepRow(noise=coefficient(PIXEL_ONE / numbers.NOISE_DEVIATION))]
    moves = SAMPLERS[sampler](list(times), eta)
    for number, move in enumerate(moves):
        strength = guidance if low <= times[move.step] < high else 1.0
        rows.append(round_move(move, strength, velocity_one, limit if number and move.predicts else 0))
    return SamplerPlan(tuple(rows), tuple(move.time for move in moves))
