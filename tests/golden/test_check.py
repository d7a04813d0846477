"""Check bits: which flips they find, by trying them all."""

import random
from itertools import combinations
from math import comb

import pytest

from golden.spec import check
from golden.spec.check import (
    BLOCK_BITS,
    BURST_BITS,
    COLUMN_SIZES,
    LEAST_CHECK_BITS,
    block_check_bits,
    block_columns,
    block_sizes,
    check_bits,
    check_of,
    intact,
    parity_masks,
    stored,
    stored_bits,
)
from golden.spec.hardware import HardwareConfig

BLOCKS = (8, 32, 64, 88, 128, 176, 256)
"""Bits of the blocks of every width from 8 to 64 and of the step memory, and some others."""


def changes(bits: int) -> list[int]:
    """What a flip of each kept bit of a block does to its check: the bits' columns, then the check bits themselves."""
    return [*block_columns(bits), *(1 << check for check in range(block_check_bits(bits)))]


@pytest.mark.parametrize("bits", BLOCKS)
def test_every_flip_of_one_or_two_bits_is_found(bits):
    assert all(changes(bits))
    assert all(one ^ other for one, other in combinations(changes(bits), 2))


@pytest.mark.parametrize("bits", BLOCKS)
def test_every_pattern_of_flips_among_neighbours_is_found(bits):
    columns = changes(bits)
    for first in range(len(columns) - BURST_BITS + 1):
        sums = [0]
        for column in columns[first:first + BURST_BITS]:
            sums += [before ^ column for before in sums]
        assert sums.count(0) == 1, f"bits {first} to {first + BURST_BITS - 1}"


@pytest.mark.parametrize(("bits", "cases"), [(32, 105), (64, 166), (128, 689)])
def test_three_flips_go_unseen_as_seldom_as_the_contract_says(bits, cases):
    columns = changes(bits)
    unseen = sum(one ^ other in columns for one, other in combinations(columns, 2)) // 3
    assert round(comb(len(columns), 3) / unseen) == cases
    assert str(cases) in check.__doc__


@pytest.mark.parametrize("bits", BLOCKS)
def test_columns_are_small_and_parities_even(bits):
    assert {column.bit_count() for column in block_columns(bits)} <= set(COLUMN_SIZES)
    loads = [mask.bit_count() for mask in parity_masks(bits)]
    assert max(loads) - min(loads) <= 6


@pytest.mark.parametrize("bits", [*BLOCKS, 1024])
def test_a_stored_word_is_intact_until_bits_flip(bits):
    generator = random.Random(bits)
    assert stored(0, bits) == 0 and len(parity_masks(bits)) == check_bits(bits)
    for _ in range(50):
        word = generator.getrandbits(bits)
        kept = stored(word, bits)
        assert kept & (1 << bits) - 1 == word and kept >> bits == check_of(word, bits) and intact(kept, bits)
        for count in (1, 2):
            flipped = sum(1 << place for place in generator.sample(range(stored_bits(bits)), count))
            assert not intact(kept ^ flipped, bits)


def test_wide_words_are_cut_into_even_blocks():
    assert block_sizes(1024) == (BLOCK_BITS,) * 4 and sum(block_sizes(300)) == 300 and len(block_sizes(300)) == 2
    assert check_bits(32) == check_bits(64) == LEAST_CHECK_BITS and check_bits(128) == 16


def test_a_program_image_fits_a_core_with_checks_and_one_without():
    checked, plain = HardwareConfig(), HardwareConfig(word_checks=0)
    assert (checked.kept_bits(64), plain.kept_bits(64)) == (stored_bits(64), 64)
    assert plain.fingerprint == checked.fingerprint
