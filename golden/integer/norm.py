"""Norm: root-mean-square norm with a gain and bias of each channel, in integers."""

from __future__ import annotations

import numpy as np

from golden.spec import numbers

_SQUARE_ROOT = np.array(numbers.square_root_table(), dtype=np.int64)


def bit_length(value: np.ndarray) -> np.ndarray:
    """Bits of each positive integer below 2^53, like ``int.bit_length``; same shape int64."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)


def reciprocal_square_root(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mantissa, exponent) with 1/sqrt(square) ~ mantissa * 2^-15 * 2^-exponent; relative error below 0.2 %.

    square: integers from 1 to 2^52 - 1, any shape -> mantissa 16-bit, exponent 0..25, same shape.
    """
    exponent = (bit_length(square) - 1) >> 1
    fraction = numbers.SQUARE_ROOT_FRACTION_BITS
    index = (square << fraction) >> (2 * exponent)
    return _SQUARE_ROOT[index], exponent


def normalise(residual: np.ndarray) -> np.ndarray:
    """residual (..., D) int16 -> residual / sqrt(1 + sum of squares) as (..., D) int16, one is 2^14."""
    square = (residual.astype(np.int64) ** 2).sum(axis=-1, keepdims=True) + 1
    mantissa, exponent = reciprocal_square_root(square)
    shift = exponent + (numbers.SQUARE_ROOT_BITS - 1 - numbers.NORMALISED_FRACTION_BITS)
    return (residual * mantissa + (1 << (shift - 1))) >> shift


def modulate(normalised: np.ndarray, gain: np.ndarray, bias: np.ndarray, shift: int, bias_shift: int,
             limits: tuple[int, int]) -> np.ndarray:
    """saturate((((normalised * gain) >> shift) + (bias << bias_shift) + 4) >> 3) to ``limits``.

    normalised (..., D) int16, gain and bias (D,) int8 -> (..., D) int64. The limits are 0..15 or
    0..127 in front of a core block's matrix product and -128..127 in front of the decoder's.
    """
    half = 1 << (numbers.MODULATION_FRACTION_BITS - 1)
    scaled = ((normalised * gain) >> shift) + (bias << bias_shift) + half
    return np.clip(scaled >> numbers.MODULATION_FRACTION_BITS, *limits)
