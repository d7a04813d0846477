"""The array: exact integer matrix products of channel-last operands."""

from __future__ import annotations

import numpy as np

from golden.spec import numbers

EXACT_FLOAT32 = 1 << 24


def matrix_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Accumulators of ``left @ right.T``.

    left (..., T, K) and right (..., O, K) integers -> (..., T, O) int64. Runs as a floating-point product, which is
    exact as long as every partial sum is: the bound of the operands chooses the width.
    """
    bound = left.shape[-1] * int(np.abs(left).max(initial=0)) * int(np.abs(right).max(initial=0))
    kind = np.float32 if bound < EXACT_FLOAT32 else np.float64
    product = left.astype(kind) @ np.swapaxes(right, -1, -2).astype(kind)
    return product.astype(np.int64)


def activation_planes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 -> (high int4, low uint4) with value = 16 * high + low; same shape."""
    return values >> numbers.NIBBLE_BITS, values & numbers.UNSIGNED_NIBBLE_MAXIMUM


def weight_planes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """8-bit balanced-nibble weights -> (high, low), both in -7..7, with value = 16 * high + low; same shape.

    Raises ``ValueError`` for a value off the grid (beyond +-119, or 8 modulo 16).
    """
    low = ((values + 8) & numbers.UNSIGNED_NIBBLE_MAXIMUM) - 8
    high = (values - low) >> numbers.NIBBLE_BITS
    if values.size and (low.min() < -numbers.NIBBLE_MAXIMUM or np.abs(high).max() > numbers.NIBBLE_MAXIMUM):
        raise ValueError("8-bit weights hold a value off their grid; expected -119..119, never 8 modulo 16")
    return high, low
