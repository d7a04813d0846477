"""What dense pairs do in each cycle, in closed form, and random lines for the two lanes beside them."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from golden.spec.hardware import HardwareConfig
from golden.spec.latency import LINE_LATENCY
from sim.lane_model import FORGET, LaneModel, Line, TokenSource

SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Of dense channels in a line."""


@dataclass
class Turn:
    """The n-th lines of both tokens, or of the one that has so many, in the dense pair."""

    begin: int
    natural_end: int
    end: int
    channels: int


@dataclass
class PairModel:
    """A dense pair and the two lanes beside it: when each line is released and each token granted."""

    config: HardwareConfig
    lanes: tuple[LaneModel, LaneModel]
    end: int = -1
    turns: deque[Turn] = field(default_factory=deque)
    waiting: tuple[deque[Line], deque[Line]] = field(default_factory=lambda: (deque(), deque()))
    over: list[bool] = field(default_factory=lambda: [False, False])
    reads: dict[int, int] = field(default_factory=dict)     # cycle -> row of the pair's tile memory

    def fetch(self, cycle: int, lane: int, line: Line) -> None:
        """Give one of the lanes its next line."""
        self.lanes[lane].fetch(cycle, line)
        self.waiting[lane].append(line)
        while all(over or lines for over, lines in zip(self.over, self.waiting, strict=True)):
            self.take_turn([None if over else lines.popleft()
                            for over, lines in zip(self.over, self.waiting, strict=True)])

    def take_turn(self, lines: list[Line | None]) -> None:
        """Both lines are there. The last channel of a token waits until its lane's token before is granted."""
        there = [(lane, line) for lane, line in zip(self.lanes, lines, strict=True) if line]
        channels = lines[0].dense_channels(self.config.width) if lines[0] else []
        count = len(channels)
        begin = max(self.end + 1, *(line.fetched + LINE_LATENCY for _, line in there))
        natural_end = begin + max(1, count) - 1
        self.end = max(natural_end, *(lane.grant if line.last else 0 for lane, line in there))
        self.turns.append(Turn(begin, natural_end, self.end, count))
        for number, place in enumerate(channels):       # a channel's row is read in the cycle after its issue
            cycle = self.end if number + 1 == count else begin + number
            self.reads[cycle + 1] = (lines[0].row + place) % self.config.tile_rows
        self.over = [over or bool(line and line.last) for over, line in zip(self.over, lines, strict=True)]
        if all(self.over):
            self.over = [False, False]
        for lane, line in there:
            lane.release(line, max(line.end, self.end))

    def issues(self, cycle: int) -> bool:
        """Whether the pair multiplies a dense channel."""
        while self.turns and self.turns[0].end + FORGET < cycle:
            self.turns.popleft()
        return any(turn.channels and (turn.begin <= cycle < turn.natural_end or cycle == turn.end)
                   for turn in self.turns)


@dataclass
class PairSource:
    """Random tokens for both lanes of a pair.

    Args:
        source: of the lines of either.
        loose: probability of tokens that differ in their lines, which have no dense channels.
    """

    source: TokenSource
    generator: random.Random
    loose: float = 0.3

    def next_tokens(self) -> list[deque[Line]]:
        """All lines of the next two tokens."""
        draw = self.generator
        count = draw.randint(1, self.source.lines)
        loose = draw.random() < self.loose
        first, second = (self.source.whole_token(draw.randint(1, self.source.lines) if loose else count)
                         for _ in range(2))
        if not loose:
            for one, other in zip(first, second, strict=True):
                one.dense = other.dense = self.mask(len(one.values))
                other.words, other.row = one.words, one.row
        return [deque(first), deque(second)]

    def mask(self, channels: int) -> int:
        """Dense channels of a line, in words that are the token's or not."""
        share = self.generator.choice(SHARES)
        return sum(1 << place for place in range(channels) if self.generator.random() < share)
