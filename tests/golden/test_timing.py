"""The array's timing in closed form: by hand, and against its rules cycle by cycle."""

from __future__ import annotations

import random

import numpy as np
import pytest

from golden.spec.array_timing import NO_TOKENS, ArrayClock, Group, LineReader
from golden.spec.descriptors import Destination, Engine, Opcode, encode
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import (
    ARRAY_TAIL,
    DRAIN_LATENCY,
    FETCH_CYCLES,
    GROUPS_IN_FLIGHT,
    LINE_LATENCY,
    LINES_HELD,
    QUEUE_LATENCY,
    drain_latency,
    key_hold,
)
from golden.spec.timing import estimate, predict
from tests.golden import slow_array
from tests.golden.slow_array import SlowArray, SlowPairs, Work

SHAPES = [(2, 8), (4, 8), (8, 8), (4, 16), (16, 16), (8, 32)]


def run(config: HardwareConfig, works: list[Work]) -> tuple[list[int], list[int], int]:
    """Allocations, retirements and busy cycles in closed form."""
    clock, allocated, retired = ArrayClock(config), [], []
    for work in works:
        allocated.append(clock.allocation(work.earliest, work.keys, work.fence))
        retired.append(clock.run(allocated[-1], Group(work.tokens, 0, 0, work.dense), work.keys))
    return allocated, retired, clock.busy


def random_works(generator: random.Random, config: HardwareConfig, groups: int) -> list[Work]:
    """Groups of tokens of a few lines, alike within a stretch; pauses, fences, keys and empty descriptors between."""
    works: list[Work] = []
    earliest = 0
    while len(works) < groups:
        longest = generator.choice([1, 3, 20, 64])
        lines = generator.choice([1, 1, 2, 5, 16])
        keys = generator.random() < 0.3
        earliest = max(earliest, generator.choice([0, 0, earliest + generator.randrange(400), 150 * len(works)]))
        for number in range(generator.randrange(1, 9)):
            empty = not keys and generator.random() < 0.1
            tokens = [[max(1, generator.randrange(longest + 1)) for _ in range(lines)] for _ in range(config.lanes)]
            works.append(Work([] if empty else tokens, keys, number == 0 and generator.random() < 0.3, earliest))
    return works


@pytest.mark.parametrize(("lanes", "width"), SHAPES)
@pytest.mark.parametrize("seed", range(12))
def test_the_closed_form_is_the_array_cycle_by_cycle(lanes, width, seed):
    config = HardwareConfig(lanes=lanes, width=width)
    works = random_works(random.Random(1000 * seed + lanes + width), config, 40)
    slow = SlowArray(lanes, width)
    slow.run(works)
    assert run(config, works) == (slow.allocated, slow.retired, slow.busy)


def random_pairs(generator: random.Random, config: HardwareConfig, groups: int) -> list[Work]:
    """The same with dense channels in some groups; in others, tokens that differ in their lines."""
    works = random_works(generator, config, groups)
    for work in works:
        if work.tokens and generator.random() < 0.6:
            longest = generator.choice([0, 3, 20, 64])
            work.dense = [generator.randrange(longest + 1) for _ in work.tokens[0]]
        elif generator.random() < 0.4:
            work.tokens = [lines[:generator.randrange(1, len(lines) + 1)] for lines in work.tokens]
    return works


@pytest.mark.parametrize(("lanes", "width"), SHAPES)
@pytest.mark.parametrize("seed", range(12))
def test_the_same_with_dense_lanes(lanes, width, seed):
    config = HardwareConfig(lanes=lanes, width=width, dense_lanes=lanes)
    works = random_pairs(random.Random(1000 * seed + lanes + width), config, 40)
    slow = SlowPairs(lanes, width)
    slow.run(works)
    assert run(config, works) == (slow.allocated, slow.retired, slow.busy)


def test_one_pair_by_hand():
    """Two lanes, allocated in cycle 10, lines in 11 and 12, of 3 and 1 sparse channels and 4 dense ones.

    The lanes multiply in 16 to 18 and in 17, the dense pair from 17, when both lines are there, to 20. Lane 0 is
    granted in 21, lane 1 in 22, drained in 30, so the group retires in 31.
    """
    clock = ArrayClock(HardwareConfig(lanes=2, width=8, dense_lanes=2))
    assert clock.run(10, Group([[3], [1]], 4, 2, [4]), False) == 31
    assert (clock.free, clock.channels, clock.dense_channels) == (12, 4 + 2 * 4, 2 * 4)
    assert clock.grants == [21 - 11, 22 - 11]


def test_the_cycle_by_cycle_array_has_the_latencies_of_the_contract():
    assert (LINES_HELD, LINE_LATENCY, DRAIN_LATENCY, GROUPS_IN_FLIGHT, ARRAY_TAIL) == (
        slow_array.LINES_HELD, slow_array.LINE_LATENCY, slow_array.DRAIN_LATENCY, slow_array.GROUPS_IN_FLIGHT,
        slow_array.ARRAY_TAIL)
    assert slow_array.DENSE_DRAIN_LATENCY == drain_latency(HardwareConfig(dense_lanes=16))
    for lanes, width in SHAPES:
        assert SlowArray(lanes, width).key_hold == key_hold(HardwareConfig(lanes=lanes, width=width))


def test_one_group_by_hand():
    """Two lanes, allocated in cycle 10: lane 0 is served in 11, 13, 15 ..., lane 1 in 12, 14 ...

    Lane 0 gets its line in 11, multiplies in 16 to 18, is granted in 19; lane 1 gets its line in 12, multiplies in 17,
    is granted in 18. The last is drained in 25, so the group retires in 26.
    """
    clock = ArrayClock(HardwareConfig(lanes=2, width=8))
    assert clock.allocation(10, False, False) == 10
    assert clock.run(10, Group([[3], [1]], 4, 2), False) == 26
    assert (clock.free, clock.busy, clock.idle) == (12, 16, 26 + ARRAY_TAIL + 1)
    assert clock.allocation(0, False, False) == 12
    assert clock.allocation(0, False, True) == 36


def test_the_third_line_waits_for_the_end_of_the_first_by_hand():
    """Lines of 9 cycles, two lanes, allocated in 0: lines come in 1, 3 and, as the first ends in 14, in 15.

    They are multiplied in 6 to 14, 15 to 23 and 24 to 32; the grant is in 33, the retirement in 40.
    """
    clock = ArrayClock(HardwareConfig(lanes=2, width=8))
    assert clock.run(0, Group([[9, 9, 9], [1, 1, 1]], 0, 0), False) == 40
    # counted from cycle 1: lane 0 takes a token once its second line has ended, in 22; lane 1, whose lines come in 1,
    # 3 and 7 and are multiplied in 6, 8 and 12, in its next slot
    assert clock.takes == [24, 9]
    assert clock.grants == [32, 13]


def test_an_empty_group_retires_in_the_next_cycle():
    clock = ArrayClock(HardwareConfig())
    assert clock.run(7, NO_TOKENS, False) == 8
    assert (clock.free, clock.busy) == (8, 1)


def fields(**values: int) -> dict[str, int]:
    return {"count": 1, "words": 1, "nibble_passes": 0, "left_base": 0, "left_step": 0, "lane_stride": 0, "skip": 1,
            **values}


def test_lines_of_a_row_that_begins_within_a_line():
    """Five words from word 3 on, in lines of four: word 3, words 4 to 7; the next token: words 8 to 11, word 12."""
    reader = LineReader(HardwareConfig(lanes=2, width=8))
    counts = [1 << word for word in range(16)]
    (group,) = reader.groups(fields(words=5, left_base=3, lane_stride=5), counts)
    assert group.tokens == [[8, 16 + 32 + 64 + 128], [256 + 512 + 1024 + 2048, 4096]]
    assert (group.channels, group.words) == ((1 << 13) - 8, 10)


def test_a_line_without_channels_takes_a_cycle_and_counts_none():
    reader = LineReader(HardwareConfig(lanes=2, width=8, line_words=1))
    (group,) = reader.groups(fields(words=2, lane_stride=2), [0, 3, 0, 0])
    assert group == Group([[1, 3], [1, 1]], 3, 4)
    (group,) = reader.groups(fields(words=2, lane_stride=2, skip=0), [0, 3, 0, 0])
    assert group == Group([[8, 8], [8, 8]], 32, 4)


def test_nibble_passes_read_the_high_plane_twice_and_then_the_low_one():
    reader = LineReader(HardwareConfig(lanes=2, width=8))
    (group,) = reader.groups(fields(words=2, lane_stride=4, nibble_passes=1), [1, 2, 3, 4, 5, 6, 7, 8])
    assert group.tokens == [[3, 3, 7, 7], [11, 11, 15, 15]]
    assert (group.channels, group.words) == (2 * 3 + 2 * 7 + 2 * 11 + 2 * 15, 16)


def test_lines_against_a_plain_count():
    generator = np.random.default_rng(3)
    for line_words in (1, 2, 4, 8):
        config = HardwareConfig(lanes=4, width=8, line_words=line_words)
        for _ in range(20):
            words, base, step, stride = (int(v) for v in generator.integers(1, 12, 4))
            counts = generator.integers(0, 9, 200).tolist()
            groups = LineReader(config).groups(
                fields(count=3, words=words, left_base=base, left_step=step, lane_stride=stride), counts)
            for number, group in enumerate(groups):
                for token, lines in enumerate(group.tokens):
                    row = range(base + number * step + token * stride, base + number * step + token * stride + words)
                    expected: dict[int, int] = {}
                    for word in row:
                        expected[word // line_words] = expected.get(word // line_words, 0) + counts[word]
                    assert lines == [max(1, count) for count in expected.values()]


class Given:
    """Operands that are the same for every product."""

    def __init__(self, counts: list[int]) -> None:
        self.given = counts
        self.asked: list[tuple[int, int]] = []

    def counts(self, address, fields, registers):
        self.asked.append((address, registers[0]))
        return self.given


def program(**array: int) -> list[int]:
    """One product in a loop of two."""
    product = {"count": 2, "words": 1, "lane_stride": 1, "left_step": 2, "skip": 1,
               "destination": Destination.ACTIVATION, **array}
    return [encode(Opcode.LOOP, {"count": 2}), encode(Opcode.ARRAY, product),
            encode(Opcode.SYNC, {"step_end": 1}), encode(Opcode.END, {"value0": 5}), encode(Opcode.HALT, {})]


def test_a_program_follows_its_operands():
    """LOOP executes in 3, ARRAY in 7 and is accepted in 8, its second group in 10; SYNC waits until all is written."""
    config = HardwareConfig(lanes=2, width=8)
    operands = Given([8, 8, 8, 0])
    prediction = predict(program(), config, operands)
    works = [Work([[8], [8]], False, False, 8), Work([[8], [1]], False, False, 8)]
    slow = SlowArray(2, 8)
    slow.run(works)
    first = prediction.spans[0]
    assert (first.issued, first.accepted, first.finished) == (
        2 * FETCH_CYCLES + 1, 2 * FETCH_CYCLES + 1 + QUEUE_LATENCY, slow.retired[-1])
    assert prediction.step_cycles[0] == slow.retired[-1] + ARRAY_TAIL + 2
    assert prediction.busy[Engine.ARRAY] == 2 * slow.busy
    assert (prediction.macs, prediction.macs_offered) == (2 * 24 * 8, 2 * 4 * 8 * 8)
    assert operands.asked == [(1, 0), (1, 5)]


def test_without_skipping_zeros_take_their_time():
    config = HardwareConfig(lanes=2, width=8)
    dense = predict(program(), config)
    assert predict(program(skip=0), config, Given([0] * 4)).cycles == dense.cycles
    assert dense.macs == dense.macs_offered == 2 * 4 * 8 * 8
    assert predict(program(), config, Given([0] * 4)).cycles < dense.cycles


def test_an_estimate_takes_every_step_for_the_same():
    config = HardwareConfig(lanes=2, width=8)
    words = [encode(Opcode.SYNC, {"step_end": 1}), *program()]
    ends = predict(words, config).step_cycles
    made = estimate(words, config, steps=2)
    assert made.step_cycles[:2] == ends[:2]
    assert made.cycles == ends[0] + 2 * (ends[1] - ends[0])
