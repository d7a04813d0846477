"""Timing of the array, token by token, in closed form.

Lanes never meet: slots serve them in turn, one a cycle, and in its slot a lane has its sums granted to the drain and
gets one line of operands. So the fate of a token follows from its own lane's past and the non-zero channels of its
lines alone, and a group's from its tokens'. With dense lanes two lanes and the dense pair beside them share that fate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

from golden.spec.hardware import REGISTER_BITS, HardwareConfig
from golden.spec.latency import ARRAY_TAIL, GROUPS_IN_FLIGHT, LINE_LATENCY, drain_latency, key_hold

Fields = dict[str, int]
NEVER = -1 << 40
"""A cycle long before the first one."""
NIBBLE_PASSES = (0, 0, 1, 1)
"""Planes of the left operand (0 high, 1 low) in the order in which an 8-bit product reads them."""
REMEMBERED = 256
"""Products whose lines are kept: weight tiles of one layer read the same operands."""


class Operands(Protocol):
    """Who knows the left operands of a program's matrix products."""

    def counts(self, address: int, fields: Fields, registers: Sequence[int]) -> Sequence[int] | None:
        """Non-zero channels of each word of a product's left memory, by word address, as the product finds them.

        ``address`` is the ARRAY descriptor's in the program, ``fields`` it as issued, ``registers`` the sequencer's.
        Only the words that the product reads count; with ``split``, channels of dense lanes do not. The same object
        stands for the same content: its lines are remembered. None: every channel counts.
        """

    def dense(self, address: int, fields: Fields, registers: Sequence[int]) -> Sequence[int] | None:
        """Channels of dense lanes in each word of a token's row, of a product with ``split``. None: there are none.

        Only of operands with ``counts``. The same object stands for the same content, as there.
        """


class DenseOperands:
    """Operands without a zero: what a program takes at most, more or less."""

    def counts(self, address: int, fields: Fields, registers: Sequence[int]) -> None:
        """Every channel counts."""

    def dense(self, address: int, fields: Fields, registers: Sequence[int]) -> None:
        """Sparse lanes multiply all."""


class Group(NamedTuple):
    """What one group of tokens asks of the lanes."""

    tokens: list[list[int]]     # cycles of each line of each token
    channels: int               # that sparse lanes multiply
    words: int                  # of operands, zeros included
    dense: Sequence[int] = ()   # channels of each line that dense lanes multiply, for every token; empty: none


class LineReader:
    """Cuts the operands of a product into the lines that lanes read."""

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.dense = range(0, (1 << REGISTER_BITS) * config.width, config.width)
        self.known: dict[tuple, tuple[Sequence[int] | None, Sequence[int] | None, list[Group]]] = {}

    def groups(self, fields: Fields, counts: Sequence[int] | None, dense: Sequence[int] | None = None) -> list[Group]:
        """The groups of a product, one for each iteration."""
        counts = counts if fields["skip"] else None
        names = ("count", "words", "nibble_passes", "left_base", "left_step", "lane_stride")
        key = (id(counts), id(dense), *(fields[name] for name in names))
        if key not in self.known:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            # the counts are kept too, so that no other object gets their identity
            self.known[key] = counts, dense, self.cut(fields, counts, dense)
        return self.known[key][2]

    def cut(self, fields: Fields, counts: Sequence[int] | None, dense: Sequence[int] | None) -> list[Group]:
        """The same, not remembered."""
        sums = self.dense if counts is None else [0, *accumulate(counts)]
        base, step = fields["left_base"], fields["left_step"]
        bases = [base + number * step for number in range(fields["count"] if step else 1)]
        groups = [self.group(fields, base, sums) for base in bases]
        if dense is not None:
            lines = [sum(dense[first - base:stop - base]) for first, stop in self.lines(base, fields["words"])]
            groups = [self.split(group, lines, counts is None) for group in groups]
        return groups if step else groups * fields["count"]

    @staticmethod
    def split(group: Group, dense: list[int], whole: bool) -> Group:
        """The group with so many channels of each line on dense lanes; ``whole``: they are still among its own."""
        if not whole:
            return group._replace(dense=dense)
        tokens = [[every - taken or 1 for every, taken in zip(lines, dense, strict=True)] for lines in group.tokens]
        return group._replace(tokens=tokens, channels=group.channels - len(tokens) * sum(dense), dense=dense)

    def group(self, fields: Fields, base: int, sums: Sequence[int]) -> Group:
        """One group, from the sums of counts of all words below an address."""
        words, lanes = fields["words"], self.config.lanes
        planes = NIBBLE_PASSES if fields["nibble_passes"] else (0,)
        tokens, channels = [], 0
        for token in range(lanes):
            address = base + token * fields["lane_stride"]
            lines = []
            for plane in planes:
                start = address + plane * words
                channels += sums[start + words] - sums[start]
                lines += [sums[stop] - sums[first] or 1 for first, stop in self.lines(start, words)]
            tokens.append(lines)
        return Group(tokens, channels, lanes * words * len(planes))

    def lines(self, start: int, words: int) -> Iterator[tuple[int, int]]:
        """First and last (exclusive) word of each line of a row of words."""
        unit = self.config.line_words
        return pairwise([start, *range(start + unit - start % unit, start + words, unit), start + words])


NO_TOKENS = Group([], 0, 0)
"""Of an empty descriptor."""


class ArrayClock:
    """Groups of tokens in flight, and the lanes that work on them. Every time is a cycle.

    A lane holds two lines: it gets the next one in its first slot after the end of the line before the last. It
    multiplies a channel a cycle, and the last channel of a token waits until the token before it is granted.

    With dense lanes, a pair of lanes takes two tokens at once. The n-th lines of both are one turn of their dense pair,
    which begins when both are there; a line ends when both kinds of lane are done with it.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.lanes = config.lanes
        self.paired = bool(config.dense_lanes)
        self.drain_latency = drain_latency(config)
        self.hold = key_hold(config)
        self.key_window = min(GROUPS_IN_FLIGHT, config.width // config.lanes + 1)
        self.free = 0                 # first cycle in which the next group can be allocated
        self.channels = self.words = 0      # channels of both kinds of lane
        self.dense_channels = 0
        self.retired = deque([NEVER] * GROUPS_IN_FLIGHT, GROUPS_IN_FLIGHT)       # the last groups
        self.keys_retired = deque([NEVER] * GROUPS_IN_FLIGHT, GROUPS_IN_FLIGHT)  # the last groups of keys
        self.origin = self.finished = 0     # first cycle of the current slots; cycles of those before
        self.restart(0)

    @property
    def idle(self) -> int:
        """First cycle in which no group is in flight, every result is written and no keys are in the transposer."""
        return max(self.retired[-1] + ARRAY_TAIL, self.keys_retired[-1] + self.hold) + 1

    @property
    def busy(self) -> int:
        """Cycles with a group in flight."""
        return self.finished + max(0, self.retired[-1] + 1 - self.origin)

    def allocation(self, earliest: int, keys: bool, fence: bool) -> int:
        """The first cycle from ``earliest`` on that can allocate a group."""
        cycle = max(earliest, self.free, self.retired[-(self.key_window if keys else GROUPS_IN_FLIGHT)] + 1)
        if fence:
            return max(cycle, self.idle)
        if keys:
            for retired in self.keys_retired:
                if retired < cycle <= retired + self.hold:
                    cycle = retired + self.hold + 1
        return cycle

    def run(self, start: int, group: Group, keys: bool) -> int:
        """Run a group that is allocated in cycle ``start``; returns the cycle in which it retires."""
        if start > self.retired[-1]:
            self.restart(start + 1)
        dense = len(group.tokens) * sum(group.dense)
        self.channels += group.channels + dense
        self.dense_channels += dense
        self.words += group.words
        drained = self.drained(start + 1, group) if group.tokens else start
        retired = max(self.retired[-1], drained) + 1
        if not group.tokens:
            self.free = start + 1
        self.retired.append(retired)
        if keys:
            self.keys_retired.append(retired)
        return retired

    def restart(self, origin: int) -> None:
        """Slots start anew when nothing is in flight."""
        self.finished = self.busy
        self.origin = origin
        # of each lane, counted from the origin: slot that can take a token, end of its last line, last grant
        self.takes, self.ends, self.grants = [0] * self.lanes, [-1] * self.lanes, [-1] * self.lanes
        # with dense lanes: the same of dense pairs, and when each lane's last line is done with by both
        self.dense_ends, self.releases = [-1] * (self.lanes // 2), [-1] * self.lanes

    def drained(self, first: int, group: Group) -> int:
        """The cycle in which the last sums of a group are drained whose tokens wait from cycle ``first`` on."""
        granted = self.dispatch_pairs(first, group) if self.paired else self.dispatch(first, group.tokens)
        return granted + self.drain_latency

    def dispatch(self, first: int, tokens: list[list[int]]) -> int:
        """Give tokens to lanes from cycle ``first`` on; returns the last one's grant. The innermost loop of all."""
        lanes, mask, latency = self.lanes, self.lanes - 1, LINE_LATENCY
        takes, ends, grants = self.takes, self.ends, self.grants
        cycle = first - self.origin
        latest = 0
        for lines in tokens:
            while takes[lane := cycle & mask] > cycle:
                cycle += 1
            slot, end = cycle, ends[lane]
            for length in lines:
                before = end
                end = slot + latency if slot + latency > end else end + 1
                end += length - 1
                slot += lanes
                if slot <= before:
                    slot = before + 1 + (lane - before - 1 & mask)
            if end < grants[lane]:
                end = grants[lane]
            takes[lane], ends[lane] = slot, end
            grants[lane] = grant = end + 1 + (lane - end - 1 & mask)
            if grant > latest:
                latest = grant
            cycle += 1
        self.free = self.origin + cycle - 1
        return self.origin + latest

    def dispatch_pairs(self, first: int, group: Group) -> int:
        """The same with dense lanes: two tokens at a time, in the slot of a pair's first lane."""
        takes, mask = self.takes, self.lanes - 1
        cycle = first - self.origin
        latest = 0
        for number in range(0, self.lanes, 2):
            while cycle & 1 or takes[cycle & mask] > cycle:
                cycle += 1
            latest = max(latest, self.run_pair(cycle, group.tokens[number:number + 2], group.dense))
            cycle += 2
        self.free = self.origin + cycle - 1
        return self.origin + latest

    def run_pair(self, cycle: int, tokens: list[list[int]], dense: Sequence[int]) -> int:
        """Two tokens, the first of which is taken in ``cycle``; returns the later grant.

        A token with fewer lines than the other, which then have no dense channels, has no part in the last turns.
        """
        lanes, mask, latency = self.lanes, self.lanes - 1, LINE_LATENCY
        lane, dense_end = cycle & mask, self.dense_ends[(cycle & mask) >> 1]
        slots, held, complete = [cycle, cycle + 1], [0, 0], [0, 0]     # next slot; release of the line before the last
        for turn in range(max(map(len, tokens))):
            begin, last = dense_end + 1, 0
            for side, lines in enumerate(tokens):
                if turn < len(lines):
                    own, ready = lane + side, slots[side] + latency
                    end = max(ready, self.ends[own] + 1) + lines[turn] - 1
                    begin = max(begin, ready)
                    if turn == len(lines) - 1:
                        end, last = max(end, self.grants[own]), max(last, self.grants[own])
                    self.ends[own] = end
            dense_end = max(begin + (dense[turn] or 1 if dense else 1) - 1, last)
            for side, lines in enumerate(tokens):
                if turn < len(lines):
                    own = lane + side
                    held[side], self.releases[own] = self.releases[own], max(self.ends[own], dense_end)
                    slots[side] = self.slot_after(own, max(slots[side] + lanes - 1, held[side]))
                    complete[side] = self.releases[own]
        self.dense_ends[lane >> 1] = dense_end
        # the second lane's last slot is over before the pair's next one
        self.takes[lane] = self.slot_after(lane, max(slots[0] - 1, slots[1] - lanes, held[1]))
        for side in (0, 1):
            self.grants[lane + side] = self.slot_after(lane + side, complete[side])
        return max(self.grants[lane:lane + 2])

    def slot_after(self, lane: int, cycle: int) -> int:
        """A lane's first slot after ``cycle``."""
        return cycle + 1 + (lane - cycle - 1 & self.lanes - 1)
