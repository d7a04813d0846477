"""Models of zeros: what a shape needs and costs, before there are weights."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from golden.compile.layout import CompileError
from golden.integer.model import IntegerBlock, IntegerLinear, IntegerModel
from golden.spec.model import ModelConfig
from golden.spec.precision import ATTENTION, EIGHT_BIT_LAYERS, group_name, group_names

FRACTION_BITS = 15
"""Of the residual stream. Cycles do not depend on it; with the most, every sampler's coefficients fit."""


def blank_layer(outputs: int, terms: int, eight_bit: bool) -> IntegerLinear:
    """A layer of zeros."""
    nothing = np.zeros(outputs, dtype=np.int64)
    return IntegerLinear(np.zeros((outputs, terms), dtype=np.int64), nothing, nothing, 0, eight_bit)


def blank_block(config: ModelConfig, eight_bit: Collection[str]) -> IntegerBlock:
    """A block of zeros; ``eight_bit`` names groups within a block."""
    channels, hidden = config.channels, config.hidden_channels
    shapes = {"query": (channels, channels), "key": (channels, channels), "value": (channels, channels),
              "projection": (channels, channels), "expand": (hidden, channels), "contract": (channels, hidden)}
    wide = {layer for group in eight_bit for layer in EIGHT_BIT_LAYERS[group]}
    return IntegerBlock(**{name: blank_layer(*shape, name in wide) for name, shape in shapes.items()},
                        score_multiplier=0, score_shift=0, attention_multiplier=0, attention_shift=0)


def blank(config: ModelConfig, eight_bit: Collection[str] = ()) -> IntegerModel:
    """A model of zeros with these 8-bit groups, which takes as much room and time as any of its shape.

    Raises ``CompileError`` for a name that is no group of the model.
    """
    known = group_names(config)
    for name in eight_bit:
        if name not in known:
            raise CompileError(f"there is no group of layers '{name}' in model {config.name}; expected "
                               f"{group_name(0, ATTENTION)} to {known[-1]}")
    chosen = [[group for group in EIGHT_BIT_LAYERS if group_name(number, group) in eight_bit]
              for number in range(config.blocks)]
    return IntegerModel(
        config=config, residual_fraction_bits=FRACTION_BITS,
        convolution=blank_layer(config.channels, config.patch_terms, True),
        blocks=tuple(blank_block(config, groups) for groups in chosen),
        decoder=blank_layer(config.token_pixels, config.channels, True), norm_shifts=(0,) * config.norms)
