"""The array: exact integer matrix products of channel-last operands."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from golden.spec import numbers

EXACT_FLOAT32 = 1 << 24
BYTES_ARE_FASTER = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
"""Whether products of bytes run on instructions made for them. Where the processor adds pairs of byte products in 16
bits, they stay exact too as long as the operands have 4 bits, which is all that they are used for."""
MULTIPLICATIONS_AT_ONCE = 1 << 18
"""What OpenBLAS, which numpy's wheels bring, takes for a small product: it runs it in one thread and without packing
its operands. Threads would gain little here, and wait for each other for long where other processes have the cores."""


@cache
def rows_at_once(rows: int, multiplications: int) -> int:
    """The largest divisor of ``rows``, from 4 on, that keeps to MULTIPLICATIONS_AT_ONCE; all rows if there is none."""
    fitting = [count for count in range(4, rows + 1)
               if rows % count == 0 and count * multiplications <= MULTIPLICATIONS_AT_ONCE]
    return max(fitting, default=max(1, rows))


def multiply_bytes(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """left (T, K) @ right (K, O), 4-bit values in int8, into out (T, O) int32."""
    torch._int_mm(torch.from_numpy(left), torch.from_numpy(right), out=torch.from_numpy(out))


def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """left (..., T, K) @ right (..., K, O) into out (..., T, O), all of one floating-point type."""
    *batch, tokens, terms = left.shape
    rows = rows_at_once(tokens, terms * right.shape[-1])
    np.matmul(left.reshape(*batch, tokens // rows, rows, terms), right[..., None, :, :],
              out=out.reshape(*out.shape[:-2], tokens // rows, rows, -1))


def matrix_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Accumulators of ``left @ right.T``.

    left (..., T, K) and right (..., O, K) integers -> (..., T, O) int64. Runs as a floating-point product, which is
    exact as long as every partial sum is: the bound of the operands chooses the width.
    """
    bound = left.shape[-1] * int(np.abs(left).max(initial=0)) * int(np.abs(right).max(initial=0))
    kind = np.float32 if bound < EXACT_FLOAT32 else np.float64
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    product = np.empty((*batch, left.shape[-2], right.shape[-2]), dtype=kind)
    multiply(left.astype(kind), np.ascontiguousarray(np.swapaxes(right, -1, -2), dtype=kind), product)
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
