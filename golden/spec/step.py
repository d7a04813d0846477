"""The step word: what the pixel engine's STEP reads of the step memory, one word a row of the sampler.

    x'     = saturate16((keep x + guided g + unguided u + noise n + history clean + 2048) >> 12)
    clean' = saturate16((clean_keep x + clean_guided g + clean_unguided u + 2048) >> 12)

x is the latent image, clean the predicted clean image, both as they were before the step; g and u are the guided and
the unguided velocity, n the noise.
"""

from __future__ import annotations

from typing import NamedTuple

from golden.spec import numbers


class StepField(NamedTuple):
    """One slot of the word; the value lies in the slot's lowest bits, and the rest of the slot does not count."""

    name: str
    bits: int
    signed: bool
    meaning: str


STEP_SLOT_BITS = 32
"""Bits of a slot."""
UPDATE_BITS = 32
"""Bits of the update, the sum over pixels of |clean' - clean|, which saturates."""


def _coefficient(name: str, meaning: str) -> StepField:
    return StepField(name, numbers.STEP_COEFFICIENT_BITS, True, meaning)


STEP_FIELDS = (
    _coefficient("keep", "of x in x'"),
    _coefficient("guided", "of the guided velocity in x'"),
    _coefficient("unguided", "of the unguided velocity in x'"),
    _coefficient("noise", "of the noise in x'"),
    _coefficient("history", "of clean, as it was before the step, in x'"),
    _coefficient("clean_keep", "of x in clean'"),
    _coefficient("clean_guided", "of the guided velocity in clean'"),
    _coefficient("clean_unguided", "of the unguided velocity in clean'"),
    StepField("stop_below", UPDATE_BITS, False, "the program ends at the step's end if the update is less; 0: never"),
)
"""Slots of the word, lowest first."""
COEFFICIENTS = tuple(field.name for field in STEP_FIELDS if field.signed)
STEP_WORD_BITS = STEP_SLOT_BITS * len(STEP_FIELDS)
STEP_KEPT_BITS = sum(field.bits for field in STEP_FIELDS)
"""Bits of the word that count, and that the memory keeps."""
