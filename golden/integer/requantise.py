"""Requantise: accumulator to activation."""

from __future__ import annotations

import numpy as np

from golden.spec import numbers
from golden.spec.numbers import Format


def requantise(accumulator: np.ndarray, multiplier: np.ndarray | int, bias: np.ndarray | int,
               shift: np.ndarray | int, kind: Format) -> np.ndarray:
    """saturate((((accumulator * multiplier) >> shift) + bias + 8) >> 4).

    accumulator (..., O) integers; multiplier 14-bit unsigned, bias 18-bit signed in sixteenths of the output's step,
    shift 0..63, each broadcast against it -> (..., O) int64 within the limits of ``kind``.
    """
    scaled = (accumulator.astype(np.int64) * multiplier) >> shift
    half = 1 << (numbers.BIAS_FRACTION_BITS - 1)
    rounded = (scaled + bias + half) >> numbers.BIAS_FRACTION_BITS
    return np.clip(rounded, *numbers.LIMITS[kind])
