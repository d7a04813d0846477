"""What is done to a core: one injection for each number, the same for the same seed."""

from __future__ import annotations

import random
from typing import NamedTuple

from golden.spec.check import BURST_BITS
from sim.faults.stores import CHECKED, UNCHECKED, Store

PATTERNS = ("one bit", "two bits", "neighbours", "many words")
MANY_WORDS = 16
USED_SHARE = 0.8
"""Share of the flips in words that the image fills; the rest are anywhere."""
LATE_SHARE, LATE_CYCLES = 0.1, 24
"""Share of the flips in the last words of a program, in the last cycles of a drawing."""


class Flip(NamedTuple):
    """Bits of one stored word."""

    store: int
    index: int
    mask: int


class Flips(NamedTuple):
    """Flips of one injection, in a cycle of the drawing; before its start where the cycle is negative."""

    memory: str
    pattern: str
    cycle: int
    flips: tuple[Flip, ...]


def generator(seed: int, kind: str, number: int) -> random.Random:
    """Randomness of one injection, whatever came before it."""
    return random.Random(f"{seed}/{kind}/{number}")


def pattern_mask(draw: random.Random, pattern: str, bits: int) -> int:
    """Which bits of a word flip."""
    if pattern == "two bits":
        return sum(1 << place for place in draw.sample(range(bits), 2))
    if pattern == "neighbours":
        width = min(BURST_BITS, bits)
        return draw.randrange(1, 1 << width) << draw.randrange(bits - width + 1)
    return 1 << draw.randrange(bits)


def draw_flips(draw: random.Random, stores: list[Store], used: dict[str, int], cycles: int, before: bool,
               memories: tuple[str, ...] = CHECKED) -> Flips:
    """Any pattern in any of these memories; ``used``: words that the image fills, of each memory."""
    memory, pattern = draw.choice(memories), draw.choice(PATTERNS)
    places = [place for place, store in enumerate(stores) if store.memory == memory]
    count = draw.randrange(2, MANY_WORDS + 1) if pattern == "many words" else 1
    late = memory == "program" and not before and draw.random() < LATE_SHARE
    flips: dict[tuple[int, int], int] = {}
    for _ in range(count):
        place = draw.choice(places)
        store = stores[place]
        scale = store.depth // max(1, used.get(f"{memory} depth", store.depth))
        filled = min(store.depth, max(1, used.get(memory, store.depth) * max(1, scale)))
        index = draw.randrange(filled if draw.random() < USED_SHARE else store.depth)
        if late:
            index = filled - 1 - draw.randrange(2)      # a part of the last descriptor
        flips[place, index] = pattern_mask(draw, pattern, store.bits)
    cycle = -1 if before else cycles - draw.randrange(LATE_CYCLES) if late else draw.randrange(cycles)
    return Flips(memory, pattern, cycle, tuple(Flip(*where, mask) for where, mask in flips.items()))


def draw_unchecked(draw: random.Random, stores: list[Store], used: dict[str, int], cycles: int) -> Flips:
    """The same in a memory without check bits, while the core runs."""
    return draw_flips(draw, stores, used, cycles, False, UNCHECKED)


def damage_segment(draw: random.Random, content: bytes, word_bytes: int) -> tuple[str, bytes]:
    """A segment with flipped bits, words lost, doubled or changed, or cut; and what was done."""
    words = len(content) // word_bytes
    place = draw.randrange(words) * word_bytes
    header = draw.random() < 0.2        # the first words more often than their share
    place = draw.randrange(min(words, 8)) * word_bytes if header else place
    what = draw.choice(("one bit", "two bits", "many bits", "word lost", "word doubled", "cut"))
    if what == "word lost":
        return what, content[:place] + content[place + word_bytes:]
    if what == "word doubled":
        return what, content[:place + word_bytes] + content[place:]
    if what == "cut":
        return what, content[:place]
    changed = bytearray(content)
    for bit in range({"one bit": 1, "two bits": 2}.get(what, draw.randrange(3, 40))):
        position = place * 8 + draw.randrange(8 * word_bytes) if bit == 0 else draw.randrange(len(content) * 8)
        changed[position // 8] ^= 1 << position % 8
    return what, bytes(changed)
