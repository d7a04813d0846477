"""Softmax: unnormalised uint4 exponentials relative to the row's maximum; the division follows the product with V."""

from __future__ import annotations

import numpy as np

from golden.integer.norm import bit_length
from golden.spec import numbers

_EXPONENTIAL = np.array(numbers.exponential_table(), dtype=np.int64)
_RECIPROCAL = np.array(numbers.reciprocal_table(), dtype=np.int64)


def exponentials(scores: np.ndarray) -> np.ndarray:
    """scores (..., T) int9 in sixteenths of a nat -> round(15 exp(score - maximum)) as (..., T) uint4."""
    difference = scores.max(axis=-1, keepdims=True) - scores
    return _EXPONENTIAL[np.minimum(difference, len(_EXPONENTIAL) - 1)]


def reciprocal(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mantissa, exponent) with 1/total ~ mantissa * 2^-14 * 2^-exponent; relative error below 0.1 %.

    total: positive integers below 2^31, any shape -> mantissa 14-bit, exponent 0..30, same shape.
    """
    exponent = bit_length(total) - 1
    index = ((total << numbers.RECIPROCAL_INDEX_BITS) >> exponent) - (1 << numbers.RECIPROCAL_INDEX_BITS)
    return _RECIPROCAL[index], exponent


def row_scale(probabilities: np.ndarray, multiplier: int) -> tuple[np.ndarray, np.ndarray]:
    """The requantise multiplier and shift that divide a row by its sum.

    probabilities (..., T) uint4, multiplier 14-bit -> (multiplier / sum as a 14-bit mantissa, exponent), each (...,).
    """
    mantissa, exponent = reciprocal(probabilities.sum(axis=-1))
    half = 1 << (numbers.MULTIPLIER_BITS - 1)
    return (mantissa * multiplier + half) >> numbers.MULTIPLIER_BITS, exponent
