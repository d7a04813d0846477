"""One seed for everything random in a run, so that one number replays it."""

from __future__ import annotations

import functools
import os
import random
import secrets

import numpy

VARIABLE = "HALFTONE_SEED"


@functools.cache
def seed() -> int:
    """The seed of this process: ``HALFTONE_SEED``, or a fresh one, printed once.

    Raises:
        ValueError: ``HALFTONE_SEED`` is not a non-negative integer.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        value = secrets.randbits(31)
    elif text.isdecimal():
        value = int(text)
    else:
        raise ValueError(f"{VARIABLE} must be a non-negative integer, not {text!r}")
    return announce(value)


def announce(value: int) -> int:
    """Print a seed as the setting that repeats it, and return it."""
    print(f"{VARIABLE}={value}", flush=True)
    return value


def generator(name: str) -> random.Random:
    """A random generator for one user of randomness, independent of what others draw."""
    return random.Random(f"{seed()}:{name}")


def numpy_generator(name: str) -> numpy.random.Generator:
    """The same for arrays."""
    return numpy.random.default_rng([seed(), *name.encode()])
