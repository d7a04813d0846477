"""What lanes do in each cycle, in closed form, and random lines for them."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import GROUPS_IN_FLIGHT, LINE_LATENCY, LINES_HELD
from sim.bench_engine import pack

FAR = 1 << 40
"""A cycle that never comes."""
FORGET = 64
"""Cycles after which a line is of no more interest."""
STATES = ("issued", "waiting_line", "waiting_drain", "waiting_token")


@dataclass(kw_only=True)
class Line:
    """One line of a token: 4-bit patterns of all its words, and its control; then when the lane works on it."""

    words: int
    row: int
    values: list[int]
    first: int = 0
    shift: int = 0
    last: int = 0
    signed: int = 0
    skip: int = 1
    dense: int = 0        # mask of channels that the dense lanes multiply
    entry: int = 0
    token: int = 0
    fetched: int = 0
    begin: int = 0
    natural_end: int = 0
    end: int = 0
    released: int = FAR   # last cycle in which the lane holds it

    def channels(self, width: int) -> list[int]:
        """Channels of the line that take a cycle of its lane."""
        return [place for place, value in enumerate(self.values)
                if self.words >> place // width & 1 and (value or not self.skip) and not self.dense >> place & 1]

    def dense_channels(self, width: int) -> list[int]:
        """Channels of the line that take a cycle of the dense lanes."""
        return [place for place in range(len(self.values)) if (self.words >> place // width & self.dense >> place) & 1]

    def nonzero(self, width: int) -> int:
        """Mask of the token's channels that are not zero."""
        return sum(1 << place for place, value in enumerate(self.values) if self.words >> place // width & 1 and value)

    def operand(self, place: int) -> int:
        """Value of a channel."""
        value = self.values[place]
        return value - 16 if self.signed and value > numbers.NIBBLE_MAXIMUM else value

    def control(self, bits: list[list]) -> int:
        """As one word, of fields with these names and bits, the first lowest."""
        word = position = 0
        for name, count in bits:
            word |= getattr(self, name) << position
            position += count
        return word


@dataclass
class LaneModel:
    """One lane: when each line begins and ends and each token is granted, and the sums of the tokens.

    Args:
        index: the cycles in which the lane is served are those that leave this remainder.
        tile: weight rows, each a list of signed weights.
        paired: dense lanes work on its lines too; ``PairModel`` tells when they are released.
    """

    config: HardwareConfig
    index: int
    tile: list[list[int]]
    paired: bool = False
    end: int = -1
    grant: int = -1
    lines: deque[Line] = field(default_factory=deque)
    sums: list[int] = field(default_factory=list)
    granted: dict[int, tuple[int, int, int]] = field(default_factory=dict)  # cycle -> entry, token, sums
    reads: dict[int, int] = field(default_factory=dict)                     # cycle -> address of the tile memory

    def has_space(self, cycle: int) -> bool:
        """Whether a line may be fetched."""
        return sum(line.fetched < cycle <= line.released for line in self.lines) < LINES_HELD

    def fetch(self, cycle: int, line: Line) -> None:
        """Give the lane its next line."""
        channels = line.channels(self.config.width)
        line.fetched = cycle
        line.begin = max(self.end + 1, cycle + LINE_LATENCY)
        line.natural_end = line.end = line.begin + max(1, len(channels)) - 1
        if line.last:
            line.end = max(line.natural_end, self.grant)
        self.end = line.end
        self.lines.append(line)
        self.read(line, channels)
        self.add(line, sorted(channels + line.dense_channels(self.config.width)))
        if not self.paired:
            self.release(line, line.end)

    def release(self, line: Line, cycle: int) -> None:
        """The line ends in this cycle; if it is the last, the next slot is the token's grant."""
        line.released = cycle
        if line.last:
            self.grant = cycle + 1 + (self.index - cycle - 1) % self.config.lanes
            self.granted[self.grant] = (line.entry, line.token, pack(self.sums, self.config.accumulator_bits))

    def read(self, line: Line, channels: list[int]) -> None:
        """A channel's row is read in the cycle after its issue."""
        lowest = (line.words & -line.words).bit_length() - 1
        for number, place in enumerate(channels or [lowest * self.config.width]):
            cycle = line.end if number + 1 >= len(channels) else line.begin + number
            self.reads[cycle + 1] = (line.row + place) % self.config.tile_rows

    def add(self, line: Line, channels: list[int]) -> None:
        """The accumulators after the line."""
        factor = 0 if line.first else 16 if line.shift else 1
        self.sums = [factor * total for total in self.sums or [0] * self.config.width]
        for place in channels:
            row = self.tile[(line.row + place) % self.config.tile_rows]
            self.sums = [total + line.operand(place) * weight for total, weight in zip(self.sums, row, strict=True)]

    def state(self, cycle: int) -> str | None:
        """One of ``STATES``, or none in the cycle of a line that has nothing to multiply."""
        while self.lines and self.lines[0].released + FORGET < cycle:
            self.lines.popleft()
        held = [line for line in self.lines if line.fetched < cycle <= line.end]
        if not held:
            return "waiting_token"
        if held[0].begin > cycle:
            return "waiting_line"
        if held[0].natural_end <= cycle < held[0].end:
            return "waiting_drain"
        return "issued" if held[0].channels(self.config.width) else None


@dataclass
class TokenSource:
    """Random tokens, a line at a time.

    Args:
        zeros: share of channels that are zero.
        lines: most lines of a token.
        skip: probability that a token's zeros take no cycle.
        extreme: values and signs at their limits only.
    """

    config: HardwareConfig
    generator: random.Random
    zeros: float
    lines: int
    skip: float = 0.8
    extreme: bool = False
    left: int = 0
    started: bool = False
    common: dict[str, int] = field(default_factory=dict)

    def next_line(self) -> Line:
        """The next line of the token, or the first of the next token."""
        config = self.config
        draw = self.generator
        if not self.left:
            self.begin(draw.randint(1, self.lines))
        self.left -= 1
        low = draw.randrange(config.line_words)
        high = draw.randint(low, config.line_words - 1)
        line = Line(words=(2 << high) - (1 << low), row=draw.randrange(config.tile_rows),
                    values=[self.value() for _ in range(config.line_words * config.width)],
                    first=int(not self.started or draw.random() < 0.05), shift=int(draw.random() < 0.3),
                    last=int(not self.left), **self.common)
        self.started = True
        return line

    def begin(self, lines: int) -> None:
        """A new token."""
        draw = self.generator
        self.left = lines
        self.common = {"signed": draw.randrange(2), "skip": int(draw.random() < self.skip),
                       "entry": draw.randrange(GROUPS_IN_FLIGHT), "token": draw.randrange(self.config.lanes)}
        self.started = False

    def whole_token(self, lines: int) -> list[Line]:
        """All lines of a new token."""
        self.begin(lines)
        return [self.next_line() for _ in range(lines)]

    def value(self) -> int:
        """A 4-bit pattern."""
        if self.generator.random() < self.zeros:
            return 0
        if not self.extreme:
            return self.generator.randrange(16)
        largest = numbers.NIBBLE_MAXIMUM
        return self.generator.choice((largest, 16 - largest) if self.common["signed"]
                                     else (numbers.UNSIGNED_NIBBLE_MAXIMUM,))


def random_tile(config: HardwareConfig, generator: random.Random, extreme: bool) -> list[list[int]]:
    """Weight rows, each of ``width`` weights."""
    largest = numbers.NIBBLE_MAXIMUM
    choices = (-largest, largest) if extreme else range(-largest, largest + 1)
    return [[generator.choice(choices) for _ in range(config.width)] for _ in range(config.tile_rows)]
