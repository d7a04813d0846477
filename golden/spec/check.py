"""Check bits of stored words: what a memory keeps beside a word, so that flipped bits are found when it is read.

A word is cut into blocks of at most BLOCK_BITS bits. Each has check bits of its own, one for eight bits and at least
LEAST_CHECK_BITS: as many as a block RAM of 36 bits has to spare. Each check bit is the parity of some of the block's
bits; each bit of the block is in a set of two or three parities, its *column*, which no other bit has. So a flip of one
or two bits, data or check, never goes unseen: it would take two equal columns, or one like a check bit's own. As
columns are as small as can be, each parity is of few bits. Any BURST_BITS bits that follow each other, in the order of
a block's bits and then its check bits, have linearly independent columns, so that no pattern of flips among them goes
unseen either. Three flips anywhere in a word go unseen in one of 105 cases with 32 bits, 166 with 64 and 689 with 128;
any bits in place of a word in one of 2 to the power of the number of check bits.

A word of zeros has check bits of zero, so a memory that was never written is intact.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

BLOCK_BITS = 256
LEAST_CHECK_BITS = 8
DATA_BITS_A_CHECK_BIT = 8
BURST_BITS = 8
"""Neighbouring bits in which every pattern of flips is seen."""
COLUMN_SIZES = (2, 3)
"""Parities that a bit is in: two, until all pairs are taken."""


def block_sizes(bits: int) -> tuple[int, ...]:
    """Bits of each block of a word, the lowest first, as even as they can be."""
    count = -(-bits // BLOCK_BITS)
    return tuple((bits + place) // count for place in range(count))


def block_check_bits(bits: int) -> int:
    """Check bits of one block."""
    return max(LEAST_CHECK_BITS, -(-bits // DATA_BITS_A_CHECK_BIT))


def check_bits(bits: int) -> int:
    """Check bits of a word."""
    return sum(block_check_bits(size) for size in block_sizes(bits))


def stored_bits(bits: int) -> int:
    """Bits that a memory keeps for a word: the word, and above it its check bits."""
    return bits + check_bits(bits)


@lru_cache
def parity_masks(bits: int) -> tuple[int, ...]:
    """For each check bit of a word, a mask of the word's bits that it is the parity of."""
    masks = []
    first = 0
    for size in block_sizes(bits):
        columns = block_columns(size)
        masks += [sum(1 << first + bit for bit, column in enumerate(columns) if column >> check & 1)
                  for check in range(block_check_bits(size))]
        first += size
    return tuple(masks)


@lru_cache
def block_columns(bits: int) -> tuple[int, ...]:
    """For each bit of a block, a mask of the check bits that it counts for.

    From the highest bit down, next to which the check bits lie, each takes one of the smallest columns left that is
    independent of those of its BURST_BITS - 1 neighbours above; of these the one whose parities have the fewest bits.
    """
    checks = block_check_bits(bits)
    window = [1 << check for check in reversed(range(checks))]
    loads = [0] * checks
    left = {size: list(combinations(range(checks), size)) for size in COLUMN_SIZES}
    columns: list[int] = []
    for _ in range(bits):
        size, places = _next_column(left, loads, window[-(BURST_BITS - 1):])
        left[size].remove(places)
        for place in places:
            loads[place] += 1
        columns.append(_mask(places))
        window.append(columns[-1])
    return tuple(reversed(columns))


def _next_column(left: dict[int, list[tuple[int, ...]]], loads: list[int],
                 neighbours: list[int]) -> tuple[int, tuple[int, ...]]:
    """Size and check bits of the column that the next bit takes."""
    basis = _reduced(neighbours)
    for size in COLUMN_SIZES:
        found = [places for places in left[size] if _rest(_mask(places), basis)]
        if found:
            return size, min(found, key=lambda places: (sum(loads[place] ** 2 for place in places), places))
    raise AssertionError("more bits than columns: LEAST_CHECK_BITS and DATA_BITS_A_CHECK_BIT allow for all")


def _mask(places: tuple[int, ...]) -> int:
    return sum(1 << place for place in places)


def _rest(vector: int, basis: list[int]) -> int:
    """What is left of a vector over GF(2) beside a basis; 0 if it depends on it."""
    for known in basis:
        vector = min(vector, vector ^ known)
    return vector


def _reduced(vectors: list[int]) -> list[int]:
    """A basis of vectors that are independent, each with a highest bit that no later one has."""
    basis: list[int] = []
    for vector in vectors:
        basis.append(_rest(vector, basis))
        basis.sort(reverse=True)
    return basis


def check_of(word: int, bits: int) -> int:
    """The check bits of a word."""
    return sum(((word & mask).bit_count() & 1) << place for place, mask in enumerate(parity_masks(bits)))


def stored(word: int, bits: int) -> int:
    """What a memory keeps for a word: the word, and its check bits above it."""
    return word | check_of(word, bits) << bits


def intact(kept: int, bits: int) -> bool:
    """Whether the check bits that a memory kept belong to the word below them."""
    return stored(kept & (1 << bits) - 1, bits) == kept
