"""The sampler's integer coefficients."""

from __future__ import annotations

from dataclasses import dataclass

from golden.spec import numbers
from golden.spec.validation import ConfigError

Coefficients = tuple[int, int, int, int]


@dataclass(frozen=True)
class SamplerPlan:
    """Coefficients of every step: (keep, guided, unguided, noise) of x <- keep x + ..., 12 fraction bits.

    Row 0 is the first draw (image = noise); row n is denoising step n.
    """

    coefficients: tuple[Coefficients, ...]

    @property
    def steps(self) -> int:
        """Denoising steps."""
        return len(self.coefficients) - 1

    @property
    def draws_noise(self) -> bool:
        """Whether the denoising steps draw fresh noise (a stochastic sampler)."""
        return any(row[3] for row in self.coefficients[1:])


def coefficient(value: float) -> int:
    """A real factor as an 18-bit integer with 12 fraction bits; raises ``ConfigError`` if it does not fit."""
    integer = round(value * (1 << numbers.STEP_FRACTION_BITS))
    limit = 1 << (numbers.STEP_COEFFICIENT_BITS - 1)
    if not -limit <= integer < limit:
        raise ConfigError(f"a sampler coefficient is {value:.3f}; expected less than "
                          f"{limit >> numbers.STEP_FRACTION_BITS}: use more steps or less guidance")
    return integer


def euler_plan(times: list[float], guidance: float, residual_fraction_bits: int) -> SamplerPlan:
    """Euler's method with classifier-free guidance (arXiv 2207.12598): x <- x + dt (v_u + w (v_c - v_u)).

    times: steps + 1 of them, from noise at 0 to the image at 1.
    """
    pixel = float(1 << numbers.PIXEL_FRACTION_BITS)
    velocity = pixel / 2.0**residual_fraction_bits
    rows = [(0, 0, 0, coefficient(pixel / numbers.NOISE_DEVIATION))]
    for start, stop in zip(times, times[1:], strict=False):
        change = (stop - start) * velocity
        rows.append((coefficient(1.0), coefficient(change * guidance), coefficient(change * (1 - guidance)), 0))
    return SamplerPlan(tuple(rows))
