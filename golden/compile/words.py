"""Packing of channels into memory words. A word is a Python integer, channel 0 in its lowest bits."""

from __future__ import annotations

import numpy as np

from golden.integer.model import IntegerLinear
from golden.integer.plan import StepRow
from golden.integer.product import weight_planes
from golden.spec import numbers
from golden.spec.step import STEP_FIELDS, STEP_SLOT_BITS


def pack(values: np.ndarray, bits: int) -> list[int]:
    """(n, channels) integers -> n words of ``bits`` bits a channel, two's complement."""
    mask = (1 << bits) - 1
    words = []
    for row in (values.astype(np.int64) & mask).tolist():
        word = 0
        for position, value in enumerate(row):
            word |= value << (position * bits)
        words.append(word)
    return words


def pad_columns(values: np.ndarray, multiple: int) -> np.ndarray:
    """Zero columns up to the next multiple."""
    return np.pad(values, ((0, 0), (0, -values.shape[1] % multiple)))


def weight_sequence(layer: IntegerLinear, width: int) -> np.ndarray:
    """Weights in the order in which the array wants a row's terms: (O, rows).

    An 8-bit layer is four nibble passes: high, low, high, low weights against high, high, low, low activations.
    """
    if not layer.eight_bit:
        return pad_columns(layer.weight, width)
    high, low = (pad_columns(plane, width) for plane in weight_planes(layer.weight))
    return np.concatenate([high, low, high, low], axis=1)


def parameter_words(multiplier: np.ndarray, bias: np.ndarray, width: int) -> list[int]:
    """(width,) multipliers and biases -> PARAMETER_ROWS words; row r holds nibble r of each channel's 32 bits."""
    mask = (1 << numbers.BIAS_BITS) - 1
    values = multiplier.astype(np.int64) | ((bias.astype(np.int64) & mask) << numbers.MULTIPLIER_BITS)
    rows = np.stack([values >> (numbers.NIBBLE_BITS * row) for row in range(numbers.PARAMETER_ROWS)])
    assert rows.shape == (numbers.PARAMETER_ROWS, width)
    return pack(rows, numbers.NIBBLE_BITS)


def layer_rows(layer: IntegerLinear, width: int) -> int:
    """Words of the weight store that a layer's tiles take."""
    planes = 4 if layer.eight_bit else 1
    padded = -(-layer.terms // width) * width
    return -(-layer.outputs // width) * (numbers.PARAMETER_ROWS + planes * padded)


def tile_words(layer: IntegerLinear, width: int) -> list[list[int]]:
    """Weight tiles of a layer, one for each ``width`` outputs: parameters, then one word a term."""
    padding = -layer.outputs % width
    sequence = np.pad(weight_sequence(layer, width), ((0, padding), (0, 0)))
    multiplier = np.pad(layer.multiplier, (0, padding))
    bias = np.pad(layer.bias, (0, padding))
    tiles = []
    for start in range(0, len(sequence), width):
        outputs = slice(start, start + width)
        parameters = parameter_words(multiplier[outputs], bias[outputs], width)
        tiles.append(parameters + pack(sequence[outputs].T, numbers.NIBBLE_BITS))
    return tiles


def modulation_words(gain: np.ndarray, bias: np.ndarray, width: int) -> list[int]:
    """gain and bias (..., D) int8 -> words of ``width`` (gain, bias) pairs, 16 bits each."""
    mask = (1 << numbers.GAIN_BITS) - 1
    pairs = (gain.astype(np.int64) & mask) | ((bias.astype(np.int64) & mask) << numbers.GAIN_BITS)
    return pack(pairs.reshape(-1, width), 2 * numbers.GAIN_BITS)


def step_word(row: StepRow) -> int:
    """A row's fields -> a word of the step memory."""
    return pack(np.array([[getattr(row, field.name) for field in STEP_FIELDS]]), STEP_SLOT_BITS)[0]


def coordinate_words(grid: int, channels: int) -> list[int]:
    """One word a grid line: pair k in bits 8k to 8k + 7."""
    return pack(np.array(numbers.coordinate_channels(grid, channels)).reshape(grid, -1), 8)
