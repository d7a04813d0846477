"""From a seed to the noise generator's state, on the host."""

from __future__ import annotations

from golden.spec.validation import ConfigError

_MASK = (1 << 64) - 1
SEED_MAXIMUM = _MASK


def generator_state(seed: int) -> tuple[int, int, int, int]:
    """Four 32-bit words of xoshiro128++ from two splitmix64 outputs (Steele, Lea and Flood, OOPSLA 2014).

    Raises ``ConfigError`` for a seed that is not an integer from 0 to 2^64 - 1.
    """
    if not isinstance(seed, int) or not 0 <= seed <= SEED_MAXIMUM:
        raise ConfigError(f"seed is {seed!r}; expected an integer from 0 to {SEED_MAXIMUM}")
    words = []
    state = seed
    for _ in range(2):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
        words += [mixed & 0xFFFFFFFF, mixed >> 32]
    return words[0], words[1], words[2], words[3]
