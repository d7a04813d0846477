"""Groups of layers that have 4 or 8 bits by choice: those behind one norm of a block, together with its output."""

from __future__ import annotations

from golden.spec.model import ModelConfig

ATTENTION, HIDDEN = "attention", "hidden"
EIGHT_BIT_LAYERS = {ATTENTION: ("query", "key", "value"), HIDDEN: ("expand",)}
"""Layers of a block behind one norm, by the group's name."""
EIGHT_BIT_NORMS = {ATTENTION: "norm_attention", HIDDEN: "norm_hidden"}
"""The norm of each group, which is their left operand."""


def group_name(block: int, group: str) -> str:
    """Name of a block's group in a list of 8-bit ones."""
    return f"blocks.{block}.{group}"


def group_names(config: ModelConfig) -> tuple[str, ...]:
    """Every group that can have 8 bits, block by block."""
    return tuple(group_name(block, group) for block in range(config.blocks) for group in EIGHT_BIT_LAYERS)
