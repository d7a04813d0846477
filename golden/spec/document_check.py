"""Check bits of stored words, as a part of the contract's page (``golden.spec.document``)."""

from __future__ import annotations

from golden.spec import check
from golden.spec.hardware import CHECKED_MEMORIES
from golden.spec.step import STEP_KEPT_BITS

WORDS = (32, 64, 128, STEP_KEPT_BITS, 256)
"""Bits of some words: rows of weights, parts of descriptors and tables, a step word."""


def check_part() -> list[str]:
    """Which words carry check bits, how many, and what they find."""
    kept = ", ".join(f"{bits} and {check.check_bits(bits)}" for bits in WORDS)
    paragraphs = [" ".join(paragraph.split()) for paragraph in check.__doc__.split("\n\n")[1:]]
    return ["### Check bits", "", f"Words of the memories {', '.join(f'`{name}`' for name in CHECKED_MEMORIES)} carry "
            "check bits, unless the configuration's `word_checks` is 0; no image depends on it. Of `program` each half "
            "of a word has its own, and of `modulation` with `norm_parts` 2; of `step` only the bits that count are "
            "kept. A word that is read and does not match stops the core with the error `MEMORY` before the image "
            "counts as done; the error's detail is a mask of memories. Bits of a word and of its check: "
            f"{kept}.", "", *(line for paragraph in paragraphs for line in (paragraph, "")),
            f"BLOCK_BITS is {check.BLOCK_BITS}, LEAST_CHECK_BITS {check.LEAST_CHECK_BITS}, BURST_BITS "
            f"{check.BURST_BITS}.", ""]
