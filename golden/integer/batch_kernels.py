"""The hardware units' formulas as compiled loops over many tokens, for the batched reference.

Each kernel computes what the function that its docstring names defines, in 64-bit integers. Operands (F) and sums (S)
have the types that the matrix products between the kernels take and give, ``golden.integer.batch.Numbers``. Compiled on
first use, and kept on disk beside this file. No kernel checks its bounds.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from golden.spec import numbers
from golden.spec.numbers import Format

_FRACTION = numbers.BIAS_FRACTION_BITS
_HALF = 1 << (_FRACTION - 1)
_INT4_LOW, _INT4_HIGH = numbers.LIMITS[Format.INT4]
_SCORE_LOW, _SCORE_HIGH = numbers.LIMITS[Format.SCORE]
_WIDE_LOW, _WIDE_HIGH = numbers.LIMITS[Format.WIDE]
_MODULATION_FRACTION = numbers.MODULATION_FRACTION_BITS
_NOISE_BYTES = numbers.NOISE_BYTES
_NOISE_MEAN = numbers.NOISE_MEAN
_SQUARE_ROOT_FRACTION = numbers.SQUARE_ROOT_FRACTION_BITS
_NORMALISED_SHIFT = numbers.SQUARE_ROOT_BITS - 1 - numbers.NORMALISED_FRACTION_BITS
_RECIPROCAL_INDEX = numbers.RECIPROCAL_INDEX_BITS
_MULTIPLIER_BITS = numbers.MULTIPLIER_BITS
_SHIFT_MAXIMUM = 63
"""A shift of 64 bits or more leaves only the sign in the reference, and nothing defined in a 64-bit register."""
_WORD = 0xFFFFFFFF

_EXPONENTIAL = np.array(numbers.exponential_table(), dtype=np.int64)
_RECIPROCAL = np.array(numbers.reciprocal_table(), dtype=np.int64)
_SQUARE_ROOT = np.array(numbers.square_root_table(), dtype=np.int64)


@njit(cache=True)
def _bit_length(value: int) -> int:
    """Bits of a positive integer below 2^53."""
    return math.frexp(float(value))[1]


@njit(cache=True)
def zeros(values: np.ndarray) -> int:
    """How many of the values (N, K) F are zero."""
    found = np.int64(0)
    for n in range(values.shape[0]):
        row, total = values[n], np.int32(0)
        for k in range(row.size):                                           # in 32 bits this becomes vector code
            total += np.int32(row[k] == 0)
        found += total
    return found


@njit(cache=True)
def requantise(accumulator: np.ndarray, multiplier: np.ndarray, bias: np.ndarray, shift: np.ndarray,
               low: np.ndarray, high: np.ndarray, result: np.ndarray) -> None:
    """``requantise.requantise``: saturate((((accumulator * multiplier) >> shift) + bias + 8) >> 4).

    accumulator (N, O) S; multiplier, bias, shift and the limits of the output's format (O,) int64; result (N, O), of a
    type that holds the format, is written.
    """
    for n in range(accumulator.shape[0]):
        row, out = accumulator[n], result[n]
        for o in range(accumulator.shape[1]):
            scaled = (np.int64(row[o]) * multiplier[o]) >> shift[o]
            out[o] = min(max((scaled + bias[o] + _HALF) >> _FRACTION, low[o]), high[o])


@njit(cache=True)
def requantise_mix(sums: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, result: np.ndarray) -> None:
    """``requantise.requantise`` to int4 with a multiplier and shift of each row and head and no bias.

    sums (heads, T, d) S; multiplier and shift (heads, T) int64; result (T, heads, d) F is written.
    """
    for head in range(sums.shape[0]):
        for t in range(sums.shape[1]):
            row, out, row_multiplier, row_shift = sums[head, t], result[t, head], multiplier[head, t], shift[head, t]
            for c in range(row.size):
                rounded = (((np.int64(row[c]) * row_multiplier) >> row_shift) + _HALF) >> _FRACTION
                out[c] = min(max(rounded, _INT4_LOW), _INT4_HIGH)


@njit(cache=True)
def add_residual(residual: np.ndarray, branch: np.ndarray) -> None:
    """``evaluate.add_residual``: saturate16(residual + branch), in place; both (N, D) int32."""
    for n in range(residual.shape[0]):
        for c in range(residual.shape[1]):
            total = np.int64(residual[n, c]) + np.int64(branch[n, c])
            residual[n, c] = min(max(total, _WIDE_LOW), _WIDE_HIGH)


@njit(cache=True)
def norm(residual: np.ndarray, gain: np.ndarray, bias: np.ndarray, shift: int, limits: tuple[int, int],
         operand: np.ndarray) -> None:
    """``norm.normalise`` and ``norm.modulate``, from the residual stream to the operand of a matrix product.

    saturate((((x * gain) >> shift) + bias + 4) >> 3), x = (residual * mantissa + 2^(s - 1)) >> s, the mantissa and
    s = exponent + 1 from the table of 1 / sqrt(1 + sum of squares).
    residual (B, T, D) int32; gain and bias (B, D) int64, the bias shifted already; operand (B, T, D) F is written.
    """
    half = 1 << (_MODULATION_FRACTION - 1)
    for b in range(residual.shape[0]):
        gains, biases = gain[b], bias[b]
        for t in range(residual.shape[1]):
            row, out = residual[b, t], operand[b, t]
            square = np.int64(1)
            for c in range(row.size):
                square += np.int64(row[c]) * np.int64(row[c])
            exponent = (_bit_length(square) - 1) >> 1
            mantissa = _SQUARE_ROOT[(square << _SQUARE_ROOT_FRACTION) >> (2 * exponent)]
            places = exponent + _NORMALISED_SHIFT
            rounding = np.int64(1) << (places - 1)
            for c in range(row.size):
                normalised = (row[c] * mantissa + rounding) >> places
                scaled = ((normalised * gains[c]) >> shift) + biases[c] + half
                out[c] = min(max(scaled >> _MODULATION_FRACTION, limits[0]), limits[1])


@njit(cache=True)
def softmax(scores: np.ndarray, multiplier: int, shift: int, mix_multiplier: int, mix_shift: int,
            probabilities: np.ndarray, row_multiplier: np.ndarray, row_shift: np.ndarray) -> None:
    """``requantise.requantise`` to scores, ``softmax.exponentials`` and ``softmax.row_scale``, row by row.

    scores (heads, T, T) S: accumulators of query times key, which multiplier and shift bring to int9 scores.
    probabilities (heads, T, T) F is written: uint4 exponentials relative to the row's maximum; so are row_multiplier
    and row_shift (heads, T) int64: what divides the product with the values by the row's sum, ``mix_multiplier`` and
    ``mix_shift`` included.
    """
    width = scores.shape[2]
    table = _EXPONENTIAL.astype(np.int32)
    last = np.int32(table.size - 1)
    line = np.empty(width, dtype=np.int32)
    for head in range(scores.shape[0]):
        for t in range(scores.shape[1]):
            row, out = scores[head, t], probabilities[head, t]
            maximum = np.int32(_SCORE_LOW)
            for j in range(width):
                rounded = (((np.int64(row[j]) * multiplier) >> shift) + _HALF) >> _FRACTION
                line[j] = np.int32(min(max(rounded, _SCORE_LOW), _SCORE_HIGH))
                maximum = max(maximum, line[j])
            for j in range(width):
                line[j] = table[np.uint64(min(maximum - line[j], last))]    # unsigned: no look for a negative index
            total = np.int32(0)
            for j in range(width):                                          # apart: this loop becomes vector code
                out[j] = line[j]
                total += line[j]
            total = np.int64(total)
            exponent = _bit_length(total) - 1
            mantissa = _RECIPROCAL[((total << _RECIPROCAL_INDEX) >> exponent) - (1 << _RECIPROCAL_INDEX)]
            row_multiplier[head, t] = (mantissa * mix_multiplier + (1 << (_MULTIPLIER_BITS - 1))) >> _MULTIPLIER_BITS
            row_shift[head, t] = min(mix_shift + exponent, _SHIFT_MAXIMUM)


@njit(cache=True)
def _rotate_left(value: int, count: int) -> int:
    return ((value << count) | (value >> (32 - count))) & _WORD


@njit(cache=True)
def noise(state: np.ndarray, values: np.ndarray) -> None:
    """``noise.NoiseGenerator.values`` of many generators: xoshiro128++ (arXiv 1805.01407), eight bytes a value.

    state (B, 4) int64, each a 32-bit word, is advanced; values (B, count) int64 are written.
    """
    for b in range(state.shape[0]):
        s0, s1, s2, s3 = state[b]
        for n in range(values.shape[1]):
            total = -np.int64(_NOISE_MEAN)
            for _ in range(_NOISE_BYTES // 4):
                word = (_rotate_left((s0 + s3) & _WORD, 7) + s0) & _WORD
                shifted = (s1 << 9) & _WORD
                s2 ^= s0
                s3 ^= s1
                s1 ^= s2
                s0 ^= s3
                s2 ^= shifted
                s3 = _rotate_left(s3, 11)
                total += (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255) + (word >> 24)
            values[b, n] = total
        state[b, 0], state[b, 1], state[b, 2], state[b, 3] = s0, s1, s2, s3
