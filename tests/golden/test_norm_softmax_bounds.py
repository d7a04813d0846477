"""Integer root, reciprocal and exponential against float64, over their whole input range."""

import numpy as np
import pytest

from golden.integer.norm import bit_length, modulate, normalise, reciprocal_square_root
from golden.integer.softmax import exponentials, reciprocal, row_scale
from golden.spec import numbers

ROOT_BOUND = 0.0020
"""Relative: half a table step at u = 1 is 1 / (4 * 256), rounding of the mantissa adds 2^-16 of the smallest."""
RECIPROCAL_BOUND = 0.0011
"""Relative: half a table step at u = 1 is 1 / (2 * 512), rounding of the mantissa adds 2^-14 of the smallest."""
SQUARE_BITS = 52
TOTAL_BITS = 31


def test_bit_length_is_that_of_python():
    values = np.array([1 << i for i in range(52)] + [(1 << i) - 1 for i in range(1, 53)])
    assert bit_length(values).tolist() == [int(value).bit_length() for value in values]


@pytest.mark.parametrize("exponent", range(SQUARE_BITS // 2))
def test_root_at_both_ends_of_every_table_index(exponent):
    """Every exponent and index: the first, last and middle square that share a table entry."""
    fraction = numbers.SQUARE_ROOT_FRACTION_BITS
    index = np.arange(1 << fraction, 4 << fraction, dtype=np.int64)
    scale = 1 << 2 * exponent
    first = -(-index * scale >> fraction) if exponent else index >> fraction
    last = ((index + 1) * scale - 1) >> fraction
    squares = np.concatenate([first, last, (first + last) >> 1])
    squares = squares[(squares >= scale) & (squares < 4 * scale)]
    mantissa, found = reciprocal_square_root(squares)
    assert (found == exponent).all()
    assert mantissa.min() > 0 and mantissa.max() < 1 << numbers.SQUARE_ROOT_BITS
    value = mantissa * 2.0 ** -(numbers.SQUARE_ROOT_BITS - 1) * 2.0 ** -exponent
    assert np.abs(value * np.sqrt(squares.astype(np.float64)) - 1).max() < ROOT_BOUND


def test_root_of_every_small_square():
    squares = np.arange(1, 1 << 18)
    mantissa, exponent = reciprocal_square_root(squares)
    value = mantissa * 2.0 ** -(numbers.SQUARE_ROOT_BITS - 1 + exponent)
    assert np.abs(value * np.sqrt(squares) - 1).max() < ROOT_BOUND


def test_reciprocal_of_every_total_to_16_bits():
    totals = np.arange(1, (1 << 16) + 1)
    mantissa, exponent = reciprocal(totals)
    assert mantissa.min() > 0 and mantissa.max() < 1 << numbers.RECIPROCAL_BITS
    assert np.abs(mantissa * 2.0 ** -(numbers.RECIPROCAL_BITS + exponent) * totals - 1).max() < RECIPROCAL_BOUND


@pytest.mark.parametrize("exponent", range(numbers.RECIPROCAL_INDEX_BITS, TOTAL_BITS))
def test_reciprocal_at_both_ends_of_every_table_index(exponent):
    index = np.arange(1 << numbers.RECIPROCAL_INDEX_BITS, 2 << numbers.RECIPROCAL_INDEX_BITS, dtype=np.int64)
    step = exponent - numbers.RECIPROCAL_INDEX_BITS
    totals = np.concatenate([index << step, ((index + 1) << step) - 1])
    mantissa, found = reciprocal(totals)
    assert (found == exponent).all()
    value = mantissa * 2.0 ** -numbers.RECIPROCAL_BITS * 2.0 ** -exponent
    assert np.abs(value * totals - 1).max() < RECIPROCAL_BOUND


def test_exponential_of_every_difference():
    """Within half a step of 15 exp(difference), for every pair of scores."""
    scores = np.arange(-256, 256)
    rows = np.stack([np.broadcast_to(scores[:, None], (512, 512)), np.broadcast_to(scores, (512, 512))], axis=-1)
    got = exponentials(rows.reshape(-1, 2))
    flat = rows.reshape(-1, 2)
    difference = (flat - flat.max(axis=-1, keepdims=True)) / (1 << numbers.SCORE_FRACTION_BITS)
    exact = numbers.UNSIGNED_NIBBLE_MAXIMUM * np.exp(difference)
    assert np.abs(got - exact).max() <= 0.5
    assert got.max() == numbers.UNSIGNED_NIBBLE_MAXIMUM


def test_row_scale_divides_by_the_sum():
    """The mantissa is within one step and the reciprocal's bound of multiplier / sum."""
    random = np.random.default_rng(0)
    for multiplier in (1, 100, 8191, 16383):
        probabilities = random.integers(0, 16, (500, 256)) * random.integers(0, 2, (500, 1))
        probabilities[:, 0] = 15
        mantissa, exponent = row_scale(probabilities, multiplier)
        exact = multiplier * 2.0 ** exponent / probabilities.sum(axis=-1)
        assert (np.abs(mantissa - exact) <= 0.5 + RECIPROCAL_BOUND * exact).all()


@pytest.mark.parametrize("scale", [1, 10, 1000, 32767])
@pytest.mark.parametrize("channels", [4, 96, 1024])
def test_normalised_is_close_and_fits(scale, channels):
    random = np.random.default_rng([scale, channels])
    residual = random.integers(-scale, scale + 1, (200, channels))
    residual[0] = 0
    residual[1] = 0
    residual[1, 0] = -32768
    residual[2] = -32768
    got = normalise(residual)
    exact = residual / np.sqrt((residual.astype(np.float64) ** 2).sum(axis=-1, keepdims=True) + 1)
    one = 1 << numbers.NORMALISED_FRACTION_BITS
    assert (np.abs(got - exact * one) <= 0.5 + ROOT_BOUND * np.abs(exact) * one).all()
    assert np.abs(got).max() < 1 << (numbers.NORMALISED_BITS - 1)


def test_modulation_is_within_a_step_of_float():
    random = np.random.default_rng(1)
    normalised = random.integers(-16400, 16401, (300, 64))
    gain = random.integers(-128, 128, 64)
    bias = random.integers(-128, 128, 64)
    for shift in range(8, 16):
        for bias_shift in range(4):
            got = modulate(normalised, gain, bias, shift, bias_shift, (-128, 127))
            exact = np.clip((normalised * gain / 2.0 ** shift + bias * 2.0 ** bias_shift) / 8, -128, 127)
            assert np.abs(got - exact).max() <= 0.5 + 1 / 8
