"""Random integer models: any shape that the hardware holds, any weights, any sampler."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from golden.integer.model import IntegerBlock, IntegerLinear, IntegerModel, Modulation
from golden.integer.plan import SamplerPlan, StepRow
from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ModelConfig
from golden.spec.precision import EIGHT_BIT_LAYERS
from golden.spec.step import COEFFICIENTS

LABEL = "label"
MOST_LIMIT = 1 << 20
"""Of a step's change: many change by less."""
MOST_TOKENS = 256
TYPICAL = 6.0
"""Mean square root of random operands and weights, roughly."""
MIXED = 0.5
"""Share of the guided systems whose guidance covers some steps only."""
PLANES_TYPICAL = 600.0
"""The same of an 8-bit operand, times what 8-bit weights are larger."""
QUIET, QUIET_SHIFT = 0.8, 6
"""Share of outputs and of modulated channels that are mostly zero where there are many zeros; their multipliers."""


def random_config(generator: np.random.Generator, hardware: HardwareConfig) -> ModelConfig:
    """A shape at random."""
    width = hardware.width
    heads = int(generator.integers(1, 4))
    grids = [grid for grid in (4, 8, 12, 16) if grid**2 % (2 * width) == 0 and grid**2 <= MOST_TOKENS]
    stride = int(generator.integers(1, 3))
    return ModelConfig(
        name="random", image_channels=int(generator.choice([1, 2, 3])),
        image_size=int(generator.choice(grids)) * stride, stride=stride,
        channels=heads * width * int(generator.integers(1, 3)), blocks=int(generator.integers(1, 4)), heads=heads,
        expansion=int(generator.integers(1, 5)), coordinate_channels=int(generator.integers(0, 9)), labels=(LABEL,),
        rectified_query=bool(generator.integers(2)))


def random_layer(generator: np.random.Generator, outputs: int, terms: int, shift: int,
                 eight_bit: bool = False) -> IntegerLinear:
    """Weights over their whole range; multipliers and biases that reach saturation now and then.

    Some layers have small multipliers for most outputs, which then are often zero.
    """
    weight = generator.integers(-numbers.NIBBLE_MAXIMUM, numbers.NIBBLE_MAXIMUM + 1, (outputs, terms))
    if eight_bit:
        weight = 16 * weight + generator.integers(-numbers.NIBBLE_MAXIMUM, numbers.NIBBLE_MAXIMUM + 1, weight.shape)
    limit = 1 << (numbers.BIAS_BITS - 1)
    spread = int(generator.choice([64, limit]))
    multiplier = generator.integers(0, 1 << numbers.MULTIPLIER_BITS, outputs)
    bias = generator.integers(-spread, spread, outputs)
    quiet = generator.random(outputs) < generator.choice([0.0, QUIET])
    return IntegerLinear(weight, np.where(quiet, multiplier >> QUIET_SHIFT, multiplier), np.where(quiet, 0, bias),
                         shift, eight_bit)


def random_shift(generator: np.random.Generator, terms: int, target: float, operand: float = TYPICAL) -> int:
    """A shift that brings typical sums of ``terms`` products near ``target``, give or take a factor of four."""
    typical = math.sqrt(terms) * operand * TYPICAL * (1 << (numbers.MULTIPLIER_BITS - 1))
    exact = math.log2(typical / (target * (1 << numbers.BIAS_FRACTION_BITS)))
    return max(0, round(exact) + int(generator.integers(-2, 3)))


def random_eight_bit(generator: np.random.Generator, blocks: int) -> list[frozenset[str]]:
    """8-bit layers of each block: of no block, or of any groups at random."""
    share = float(generator.choice([0.0, 0.5]))
    drawn = generator.random((blocks, len(EIGHT_BIT_LAYERS))) < share
    return [frozenset(layer for layers, chosen in zip(EIGHT_BIT_LAYERS.values(), row, strict=True) if chosen
                      for layer in layers) for row in drawn.tolist()]


def random_integers(generator: np.random.Generator, config: ModelConfig,
                    eight_bit: Sequence[frozenset[str]] | None = None) -> IntegerModel:
    """A whole model; shifts are the same in every block with the same bits, as descriptors hold them.

    ``eight_bit``: 8-bit layers of each block; at random unless given.
    """
    stream, channels, hidden = 500.0, config.channels, config.hidden_channels
    shapes = {"query": (channels, channels, 4.0), "key": (channels, channels, 4.0), "value": (channels, channels, 4.0),
              "projection": (channels, channels, stream), "expand": (hidden, channels, 6.0),
              "contract": (channels, hidden, stream)}
    shifts = {name: random_shift(generator, terms, target) for name, (_, terms, target) in shapes.items()}
    wide_shifts = {name: random_shift(generator, shapes[name][1], shapes[name][2], PLANES_TYPICAL)
                   for layers in EIGHT_BIT_LAYERS.values() for name in layers}
    score_shift = random_shift(generator, config.head_channels, 30.0)
    attention_shift = int(generator.integers(7, 11))
    blocks = tuple(
        IntegerBlock(**{name: random_layer(generator, outputs, terms, (wide_shifts if name in wide else shifts)[name],
                                           name in wide)
                        for name, (outputs, terms, _) in shapes.items()},
                     score_multiplier=int(generator.integers(1, 1 << numbers.MULTIPLIER_BITS)), score_shift=score_shift,
                     attention_multiplier=int(generator.integers(1, 1 << numbers.MULTIPLIER_BITS)),
                     attention_shift=attention_shift)
        for wide in (random_eight_bit(generator, config.blocks) if eight_bit is None else eight_bit))
    convolution_shift = random_shift(generator, config.patch_terms, stream, PLANES_TYPICAL)
    decoder_shift = random_shift(generator, channels, stream, PLANES_TYPICAL)
    return IntegerModel(
        config=config, residual_fraction_bits=8,
        convolution=random_layer(generator, channels, config.patch_terms, convolution_shift, True), blocks=blocks,
        decoder=random_layer(generator, config.token_pixels, channels, decoder_shift, True),
        norm_shifts=tuple(int(shift) for shift in generator.integers(8, 14, config.norms)))


def random_modulation(generator: np.random.Generator, config: ModelConfig, steps: int) -> Modulation:
    """Gains and biases over their whole range; for some models, most channels are mostly zero."""
    shape = (steps, config.norms, config.channels)
    gain, bias = generator.integers(-128, 128, shape), generator.integers(-128, 128, shape)
    quiet = generator.random(shape) < generator.choice([0.0, QUIET])
    return Modulation(np.where(quiet, 0, gain), np.where(quiet, np.minimum(bias, 0), bias))


def random_plan(generator: np.random.Generator, contexts: Sequence[int], draws_noise: bool | None = None,
                stops: bool = True) -> SamplerPlan:
    """First a draw of noise; then a step for each number of contexts, with any coefficients, with noise or without.

    Now and then a step ends the drawing if the clean image changes by less than some limit, unless ``stops`` is False.
    """
    one = 1 << numbers.STEP_FRACTION_BITS
    rows = [StepRow(noise=int(generator.integers(1, 30 * one)))]
    draws_noise = generator.random() < 0.5 if draws_noise is None else draws_noise
    for evaluated in contexts:
        values = {name: int(generator.integers(-one, one + 1)) for name in COEFFICIENTS}
        values["keep"] = int(generator.integers(one // 2, one + 1))
        values["noise"] *= 20 * draws_noise
        limit = int(generator.choice([0, 0, 0, MOST_LIMIT])) * stops
        rows.append(StepRow(**values, stop_below=int(generator.integers(limit, endpoint=True)), contexts=evaluated))
    return SamplerPlan(tuple(rows), tuple(n / len(contexts) for n in range(len(contexts))))


def random_masks(generator: np.random.Generator, entries: int, channels: int) -> list[int]:
    """Masks of the dense lanes' channels for the first step, one for each entry of the split table."""
    bits = generator.random((entries, channels)) < generator.choice([0.1, 0.5, 0.9])
    return [int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little") for mask in bits]


def random_contexts(generator: np.random.Generator, steps: int, guidance: float) -> list[int]:
    """Contexts of each step: as guidance has it, or with guidance in some steps only."""
    if guidance != 1 and generator.random() < MIXED:
        return generator.integers(1, 3, steps).tolist()
    return [1 if guidance == 1 else 2] * steps
