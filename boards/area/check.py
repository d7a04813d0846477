"""Cells of check bits (``rtl.memory.word_check``), from their parities; no synthesis needed."""

from __future__ import annotations

from boards.area.memory import Counts, ceil_divide, cells
from golden.spec.check import check_bits, parity_masks
from rtl.memory.checked_ram import DAMAGE_LATENCY

ADDED_INPUTS = 3
"""That each look-up table of four inputs adds to a tree."""


def tree_luts(inputs: int) -> int:
    """Look-up tables of a tree with so many inputs."""
    return ceil_divide(inputs - 1, ADDED_INPUTS)


def verify_cells(bits: int) -> Counts:
    """What verifies one word a cycle: each parity with its check bit, and one OR of them with the word's valid bit."""
    checks = check_bits(bits)
    luts = sum(tree_luts(mask.bit_count() + 1) for mask in parity_masks(bits)) + tree_luts(checks + 1)
    return cells(LUT4=luts, TRELLIS_FF=checks + DAMAGE_LATENCY)


def encode_cells(bits: int) -> Counts:
    """What makes the check bits of one word a cycle."""
    return cells(LUT4=sum(tree_luts(mask.bit_count()) for mask in parity_masks(bits)))
