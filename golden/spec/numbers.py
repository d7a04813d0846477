"""Number formats and rounding: the one definition that golden, compiler, RTL and sim share.

Every shift right is arithmetic (floor); rounding is adding half before it. Nothing here depends on a configuration.
"""

from __future__ import annotations

import enum
import math

NIBBLE_BITS = 4
NIBBLE_MAXIMUM = 7
"""int4 right operands and weights use -7..7: -8 has no exact packed product (two products in one multiplier)."""
UNSIGNED_NIBBLE_MAXIMUM = 15
OPERAND_BITS = 5
"""Bits of a left operand in the array: int4 and uint4 both fit a signed 5-bit value."""
BALANCED_MAXIMUM = 16 * NIBBLE_MAXIMUM + NIBBLE_MAXIMUM
"""Largest 8-bit weight, 119: w = 16 * high + low with both digits in -7..7."""

WIDE_BITS = 16
"""Residual stream, velocity and pixels: int16."""
PIXEL_FRACTION_BITS = 12
"""Pixels: one is 4096."""
INPUT_SHIFT = 7
"""Pixel to the initial convolution's int8 operand: one operand step is 1/32."""
COORDINATE_MAXIMUM = 127
COORDINATE_FREQUENCIES = (1, 2, 4, 8)
"""Coordinate channel 2k is cos(f_k * theta_y) and 2k + 1 is cos(f_k * theta_x)."""

MULTIPLIER_BITS = 14
"""Requantise multiplier, unsigned."""
BIAS_BITS = 18
"""Requantise bias, signed, in sixteenths of the output's step."""
BIAS_FRACTION_BITS = 4
PARAMETER_BITS = MULTIPLIER_BITS + BIAS_BITS
PARAMETER_ROWS = PARAMETER_BITS // NIBBLE_BITS
"""Tile rows that hold the multiplier and bias of each output channel, ahead of the weights."""
SHIFT_BITS = 6

SCORE_BITS = 9
SCORE_FRACTION_BITS = 4
"""Attention scores: one nat is 16."""
EXPONENTIAL_INDEX_BITS = 6

RECIPROCAL_INDEX_BITS = 9
RECIPROCAL_BITS = MULTIPLIER_BITS
SQUARE_ROOT_FRACTION_BITS = 8
SQUARE_ROOT_BITS = 16
"""Mantissa of the reciprocal square root: unsigned, one is 2^15."""
NORMALISED_FRACTION_BITS = 14
"""x / sqrt(sum of squares): int16, one is 2^14."""
NORMALISED_BITS = 16
GAIN_BITS = 8
MODULATION_FRACTION_BITS = 3
"""Norm output before the last shift: eighths of the output's step."""

STEP_COEFFICIENT_BITS = 18
STEP_FRACTION_BITS = 12
NOISE_BYTES = 8
NOISE_BITS = 12
"""Sum of eight bytes less its mean, signed: -1020..1020."""
NOISE_DEVIATION = math.sqrt(NOISE_BYTES * (256**2 - 1) / 12)
NOISE_MEAN = NOISE_BYTES * 255 // 2


class Format(enum.IntEnum):
    """What a requantised value saturates to."""

    INT4 = 0    # -7..7
    UINT4 = 1   # 0..15, ReLU
    SCORE = 2   # -256..255
    WIDE = 3    # int16


LIMITS = {
    Format.INT4: (-NIBBLE_MAXIMUM, NIBBLE_MAXIMUM),
    Format.UINT4: (0, UNSIGNED_NIBBLE_MAXIMUM),
    Format.SCORE: (-(1 << (SCORE_BITS - 1)), (1 << (SCORE_BITS - 1)) - 1),
    Format.WIDE: (-(1 << (WIDE_BITS - 1)), (1 << (WIDE_BITS - 1)) - 1),
}
"""Smallest and largest value of each format."""


def exponential_table() -> tuple[int, ...]:
    """uint4 exponentials: entry i is round(15 * exp(-i / 16)); score differences past the end use the last, 0."""
    scale = 1 << SCORE_FRACTION_BITS
    return tuple(round(UNSIGNED_NIBBLE_MAXIMUM * math.exp(-i / scale)) for i in range(1 << EXPONENTIAL_INDEX_BITS))


def reciprocal_table() -> tuple[int, ...]:
    """Mantissas of 1/u for u in [1, 2): entry i is round(2^14 / (1 + (i + 1/2) / 512)), 14 bits."""
    entries = 1 << RECIPROCAL_INDEX_BITS
    return tuple(round((1 << RECIPROCAL_BITS) / (1 + (i + 0.5) / entries)) for i in range(entries))


def square_root_table() -> tuple[int, ...]:
    """Mantissas of 1/sqrt(u) for u in [1, 4): entry i is round(2^15 / sqrt((i + 1/2) / 256)); i < 256 is never used."""
    one = 1 << SQUARE_ROOT_FRACTION_BITS
    scale = 1 << (SQUARE_ROOT_BITS - 1)
    return tuple(round(scale / math.sqrt((max(i, one) + 0.5) / one)) for i in range(4 * one))


def coordinate_channels(grid: int, channels: int) -> tuple[tuple[int, ...], ...]:
    """int8 coordinate values: [grid line][channel pair]; pair k is round(127 * cos(f_k * pi * (line + 1/2) / grid))."""
    pairs = (channels + 1) // 2
    return tuple(
        tuple(round(COORDINATE_MAXIMUM * math.cos(COORDINATE_FREQUENCIES[k] * math.pi * (line + 0.5) / grid))
              for k in range(pairs))
        for line in range(grid)
    )
