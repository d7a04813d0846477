"""Noise: xoshiro128++ and the sum of eight bytes.

Generator: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (arXiv 1805.01407), xoshiro128++.
Seeding: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), splitmix64.
"""

from __future__ import annotations

import numpy as np

from golden.spec import numbers
from golden.spec.seed import generator_state

_MASK = 0xFFFFFFFF


def rotate_left(value: int, count: int) -> int:
    """Rotate a 32-bit integer."""
    return ((value << count) | (value >> (32 - count))) & _MASK


class NoiseGenerator:
    """One xoshiro128++ stream; two outputs make one value that is close to normal (Irwin-Hall, 8 bytes)."""

    def __init__(self, state: tuple[int, int, int, int]) -> None:
        if not any(state):
            raise ValueError("noise state is all zero; expected at least one bit set, as zero repeats for ever")
        self.state = list(state)

    @classmethod
    def from_seed(cls, seed: int) -> NoiseGenerator:
        """The generator that the host's seed selects."""
        return cls(generator_state(seed))

    def word(self) -> int:
        """Next 32-bit output."""
        s = self.state
        result = (rotate_left((s[0] + s[3]) & _MASK, 7) + s[0]) & _MASK
        shifted = (s[1] << 9) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate_left(s[3], 11)
        return result

    def value(self) -> int:
        """Sum of the bytes of two outputs less its mean: -1020..1020, deviation ``numbers.NOISE_DEVIATION``."""
        return sum(self.word().to_bytes(4, "little")) + sum(self.word().to_bytes(4, "little")) - numbers.NOISE_MEAN

    def values(self, count: int) -> np.ndarray:
        """The next ``count`` values, (count,) int64."""
        return np.array([self.value() for _ in range(count)], dtype=np.int64)
