"""What a model asks of the array: useful multiply-accumulates, and how many of their left operands are zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from statistics import mean

import numpy as np

from golden.integer.evaluate import Step, Tensors
from golden.integer.product import activation_planes
from golden.spec.model import ModelConfig
from golden.spec.precision import ATTENTION, HIDDEN, group_name

PLANE_PRODUCTS = 4
"""4-bit products in the product of two 8-bit numbers."""
LEFT_OPERANDS = {"query_key_value": "norm_attention", "scores": "query", "mix": "probabilities",
                 "projection": "attention", "expand": "norm_hidden", "contract": "hidden"}
"""Of each matrix product of a block, the tensor on its left."""
PLANE_OPERANDS = {"convolution": "patches", "decoder": "decoder_norm"}
"""The same of the layers that always have 8 bits."""
GROUP_PRODUCTS = {ATTENTION: "query_key_value", HIDDEN: "expand"}
"""Matrix product of a block by its group of layers that can have 8 bits."""


def block_macs(config: ModelConfig) -> dict[str, int]:
    """Multiply-accumulates of one block by matrix product."""
    tokens, channels, hidden = config.tokens, config.channels, config.hidden_channels
    return {"query_key_value": 3 * tokens * channels**2, "scores": tokens**2 * channels,
            "mix": tokens**2 * channels, "projection": tokens * channels**2,
            "expand": tokens * channels * hidden, "contract": tokens * channels * hidden}


def products(config: ModelConfig) -> dict[str, int]:
    """Multiply-accumulates of one evaluation by matrix product, whatever their bits, padding not among them."""
    block = block_macs(config)
    return {"convolution": config.tokens * config.patch_terms * config.channels,
            **{f"blocks.{number}.{name}": macs for number in range(config.blocks) for name, macs in block.items()},
            "decoder": config.tokens * config.channels * config.token_pixels}


def plane_products(blocks: int, eight_bit: Collection[str]) -> frozenset[str]:
    """Matrix products of 8-bit numbers; ``eight_bit`` names groups of layers (``IntegerModel.eight_bit``)."""
    return frozenset(PLANE_OPERANDS) | {
        f"blocks.{number}.{product}" for number in range(blocks) for group, product in GROUP_PRODUCTS.items()
        if group_name(number, group) in eight_bit}


def useful_macs(config: ModelConfig, eight_bit: Collection[str] = ()) -> dict[str, int]:
    """4-bit multiply-accumulates of one evaluation by matrix product; padding and empty lanes are not among them."""
    planes = plane_products(config.blocks, eight_bit)
    return {name: macs * (PLANE_PRODUCTS if name in planes else 1) for name, macs in products(config).items()}


def left_operands(tensors: Tensors, blocks: int, eight_bit: Collection[str] = ()) -> Iterator[tuple[str, np.ndarray]]:
    """The 4-bit left operand of every matrix product of one evaluation; 8-bit ones as their nibbles."""
    planes = plane_products(blocks, eight_bit)
    operands = PLANE_OPERANDS | {f"blocks.{number}.{name}": f"blocks.{number}.{tensor}"
                                 for number in range(blocks) for name, tensor in LEFT_OPERANDS.items()}
    for name, tensor in operands.items():
        yield name, np.stack(activation_planes(tensors[tensor])) if name in planes else tensors[tensor]


class ZeroShares:
    """Counts zeros of the left operands over the steps of a drawing."""

    def __init__(self, config: ModelConfig, eight_bit: Collection[str] = ()) -> None:
        self.config = config
        self.eight_bit = eight_bit
        self.zeros: Counter = Counter()
        self.values: Counter = Counter()

    def add(self, step: Step) -> None:
        """Count one step, each context that it evaluates."""
        for tensors in step.contexts:
            for name, operand in left_operands(tensors, self.config.blocks, self.eight_bit):
                self.count(name, operand)

    def count(self, name: str, operand: np.ndarray) -> None:
        """Count the left operand of one matrix product, of any shape."""
        self.add_count(name, operand.size - int(np.count_nonzero(operand)), operand.size)

    def add_count(self, name: str, zeros: int, values: int) -> None:
        """Add what was counted elsewhere: zeros among so many values."""
        self.zeros[name] += zeros
        self.values[name] += values

    def merge(self, other: ZeroShares) -> None:
        """Count what ``other`` counted."""
        self.zeros.update(other.zeros)
        self.values.update(other.values)

    def shares(self) -> dict[str, float]:
        """Share of zeros by matrix product."""
        return {name: self.zeros[name] / count for name, count in self.values.items()}

    def by_layer(self) -> dict[str, float]:
        """The same, averaged over the blocks."""
        shares = self.shares()
        layers = {name: [f"blocks.{number}.{name}" for number in range(self.config.blocks)] for name in LEFT_OPERANDS}
        layers |= {name: [name] for name in PLANE_OPERANDS}
        return {layer: mean(shares[name] for name in names if name in shares)
                for layer, names in layers.items() if any(name in shares for name in names)}

    def mean(self) -> float | None:
        """Share of the useful multiply-accumulates whose left operand is zero; None before the first step."""
        shares, weights = self.shares(), useful_macs(self.config, self.eight_bit)
        total = sum(weights[name] for name in shares)
        return sum(share * weights[name] for name, share in shares.items()) / total if total else None
