"""The quantised model as integers: everything that the compiler lays out and the reference evaluates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from golden.spec.model import ModelConfig
from golden.spec.precision import EIGHT_BIT_LAYERS, group_name


@dataclass(frozen=True)
class IntegerLinear:
    """One linear layer.

    weight (O, K): int4 in -7..7, or 8-bit balanced nibbles where ``eight_bit``; multiplier (O,) 14-bit unsigned,
    bias (O,) 18-bit signed in sixteenths of the output's step, one shift.
    """

    weight: np.ndarray
    multiplier: np.ndarray
    bias: np.ndarray
    shift: int
    eight_bit: bool = False

    @property
    def terms(self) -> int:
        """K: terms of each dot product."""
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """O."""
        return self.weight.shape[0]


@dataclass(frozen=True)
class IntegerBlock:
    """One core block; query, key and value are 8-bit together, or none of them is.

    Shifts that descriptors hold are the same in every block whose layers have the same bits; the rest may differ.
    """

    query: IntegerLinear
    key: IntegerLinear
    value: IntegerLinear
    projection: IntegerLinear
    expand: IntegerLinear
    contract: IntegerLinear
    score_multiplier: int       # 14-bit: accumulator of query . key to sixteenths of a nat
    score_shift: int
    attention_multiplier: int   # 14-bit: value step over attention step, divided by the row's sum on the chip
    attention_shift: int

    @property
    def eight_bit(self) -> tuple[str, ...]:
        """Groups of 8 bits, by their names in a block."""
        return tuple(group for group, (first, *_) in EIGHT_BIT_LAYERS.items() if getattr(self, first).eight_bit)


@dataclass(frozen=True)
class IntegerModel:
    """The whole network."""

    config: ModelConfig
    residual_fraction_bits: int  # residual stream and velocity: one is 2^this
    convolution: IntegerLinear   # (D, 9C + coordinates), 8-bit
    blocks: tuple[IntegerBlock, ...]
    decoder: IntegerLinear       # (S*S*C, D), 8-bit
    norm_shifts: tuple[int, ...]  # of each norm: two a block, then the decoder's

    @property
    def eight_bit(self) -> tuple[str, ...]:
        """Names of the 8-bit groups of all blocks, sorted."""
        return tuple(sorted(group_name(number, group)
                            for number, block in enumerate(self.blocks) for group in block.eight_bit))


@dataclass(frozen=True)
class Modulation:
    """Gains and biases of every norm for one label (or none) at every step.

    gain and bias: (steps, norms, D) int8; bias in eighths of the norm's output step, whole steps for 8-bit outputs.
    """

    gain: np.ndarray
    bias: np.ndarray
