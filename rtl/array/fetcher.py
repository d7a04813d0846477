"""Fetcher: serves the lanes in turn with lines of their tokens."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import REGISTER_BITS, SPLIT_ENTRY_BITS, HardwareConfig, address_bits
from rtl.array.layouts import ENTRY_BITS, LineControl, OperandRecord, Token


class Walk(data.StructLayout):
    """How far a lane's token is fetched."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "active": unsigned(1),        # lines of the token are left
            "next": Token(config),
            "words_left": unsigned(8),    # of this nibble pass
            "nibble_pass": unsigned(2),
            "line": unsigned(8),          # lines of the row that are fetched
        })


class Fetcher(wiring.Component):
    """One line a cycle: lane ``slot`` gets the next line of its token, or the first of the next token.

    The walks of all lanes go round in a shift register, the served lane's in front, so there is nothing to arbitrate.
    A served lane without ``space`` keeps its walk. A token has 1 or 4 nibble passes (high x high, high x low,
    low x high, low x low) over ``words`` words; its tile rows follow each other through all passes.

    With dense lanes, lanes 2p and 2p + 1 are a pair that takes two tokens one after the other: only in the slot of the
    first, when neither has lines left to fetch and both have space.

    ``taken`` and ``reserve`` are of the served cycle, ``line_address`` to ``control`` of the next one. Initiation
    interval 1.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "busy": In(1),                   # groups are in flight; lane 0 is served in the first such cycle
            "slot": Out(range(config.lanes)),
            "space": In(1),                  # the served lane can hold another line
            "partner_space": In(1),          # so can the other lane of its pair
            "offered": In(1),
            "token": In(Token(config)),
            "taken": Out(1),
            "entry": Out(ENTRY_BITS),        # group of the line that is fetched
            "operand": In(OperandRecord()),  # of that group
            "reserve": Out(1),
            "words": Out(range(config.line_words + 1)),  # words that are fetched in this cycle
            "line_valid": Out(1),
            "line_lane": Out(range(config.lanes)),
            "line_memory": Out(2),
            "line_address": Out(REGISTER_BITS),
            "control": Out(LineControl(config)),
            "split": Out(1),                 # the line's dense channels are in the split table
            "split_entry": Out(SPLIT_ENTRY_BITS),          # in this entry of it
            "sample": Out(1),                # the line is a sample
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layout = Walk(self.config)
        walks = [Signal(layout, name=f"walk_{i}") for i in range(self.config.lanes)]
        self.walk = Signal(layout)       # of the served lane, as it is before this cycle
        self.following = Signal(layout)  # and after it
        self.count = Signal(range(self.config.line_words + 1))
        self.pass_end = Signal()
        self.token_end = Signal()
        with m.If(self.busy):
            m.d.sync += self.slot.eq(self.slot + 1)
        with m.Else():
            m.d.sync += self.slot.eq(0)
        m.d.sync += walks[-1].eq(self.following)
        for walk, behind in zip(walks, walks[1:], strict=False):
            m.d.sync += walk.eq(behind)
        self.choose(m, walks[0], walks[1])
        self.measure(m)
        self.advance(m)
        self.fetch(m)
        return m

    def choose(self, m: Module, front: data.View, partner: data.View) -> None:
        """Stage 0: the served lane's own token, or a new one."""
        due = Signal()          # an idle lane may take a token
        m.d.comb += due.eq(1)
        if self.config.dense_lanes:
            second = Signal()   # the pair's first lane took a token in the last cycle
            m.d.sync += second.eq(self.taken & ~self.slot[0])
            m.d.comb += due.eq(Mux(self.slot[0], second, self.pair_is_due(partner)))
        m.d.comb += [
            self.walk.eq(front),
            self.taken.eq(self.space & ~front.active & self.offered & due),
            self.reserve.eq(self.space & (front.active | (self.offered & due))),
            self.entry.eq(self.walk.next.entry),
        ]
        with m.If(~front.active):
            m.d.comb += [self.walk.next.eq(self.token), self.walk.nibble_pass.eq(0), self.walk.line.eq(0),
                         self.walk.words_left.eq(self.operand.words)]

    def pair_is_due(self, partner: data.View) -> Value:
        """Whether the other lane of the pair can take a token in the next cycle."""
        return ~partner.active & self.partner_space

    def measure(self, m: Module) -> None:
        """Stage 0: how many words of the line belong to the token's row."""
        left, words = self.walk.words_left, self.config.line_words
        reach = Signal(range(words + 1))     # to the end of the line
        m.d.comb += [
            reach.eq(words - self.offset()),
            self.pass_end.eq(left <= reach),
            self.count.eq(Mux(self.pass_end, left, reach)),
            self.token_end.eq(self.pass_end & (~self.operand.nibble_passes | (self.walk.nibble_pass == 3))),
            self.words.eq(Mux(self.reserve, self.count, 0)),
        ]

    def offset(self) -> Value | int:
        """Place of the next word in its line."""
        return self.walk.next.address[:address_bits(self.config.line_words)] if self.config.line_words > 1 else 0

    def advance(self, m: Module) -> None:
        """Stage 0: the walk after this line; the high plane is read twice, then the low one."""
        walk, following = self.walk, self.following
        replay = self.pass_end & self.operand.nibble_passes & self.is_replayed(walk.nibble_pass)
        m.d.comb += following.eq(walk)
        with m.If(self.reserve):
            m.d.comb += [
                following.active.eq(~self.token_end),
                following.next.address.eq(walk.next.address + self.count - Mux(replay, self.operand.words, 0)),
                following.next.row.eq(self.row_after(walk.next.row)),
                following.words_left.eq(Mux(self.pass_end, self.operand.words, walk.words_left - self.count)),
                following.nibble_pass.eq(walk.nibble_pass + self.pass_end),
                following.line.eq(Mux(self.pass_end, 0, walk.line + 1)),
            ]
        with m.Else():
            m.d.comb += following.active.eq(walk.active)

    def is_replayed(self, nibble_pass: Value) -> Value:
        """Whether the plane of a pass is read once more."""
        return ~nibble_pass[0]

    def row_after(self, row: Value) -> Value:
        """Tile row that follows those of the line; below the tile's depth where there is another line."""
        return row + self.count * self.config.width

    def first_row(self, row: Value) -> Value:
        """Tile row of the line's first word, be it before the token's, modulo the tile's depth."""
        before = self.offset() * self.config.width
        return row - before + Mux(row < before, self.config.tile_rows, 0)

    def mask(self) -> Value:
        """The line's words that belong to the token's row."""
        return ((1 << self.count) - 1) << self.offset()

    def shifts(self, nibble_pass: Value) -> Value:
        """Whether a pass begins with the accumulator times 16."""
        return nibble_pass[0]

    def fetch(self, m: Module) -> None:
        """Stage 1: the line's address, and what accompanies it."""
        walk, operand = self.walk, self.operand
        pass_start = walk.words_left == operand.words
        bits = address_bits(self.config.line_words) if self.config.line_words > 1 else 0
        m.d.sync += [
            self.line_valid.eq(self.reserve),
            self.line_lane.eq(self.slot),
            self.line_memory.eq(operand.left_memory),
            self.line_address.eq(walk.next.address >> bits),
            self.control.words.eq(self.mask()),
            self.control.row.eq(self.first_row(walk.next.row)),
            self.control.first.eq(pass_start & (walk.nibble_pass == 0)),
            self.control.shift.eq(pass_start & self.shifts(walk.nibble_pass)),
            self.control.last.eq(self.token_end),
            self.control.signed.eq(Mux(operand.nibble_passes, ~walk.nibble_pass[1], operand.left_signed)),
            self.control.skip.eq(operand.skip),
            self.control.entry.eq(walk.next.entry),
            self.control.token.eq(walk.next.token),
            self.split.eq(operand.split & ~operand.nibble_passes),
            self.split_entry.eq(operand.split_base + walk.line),
            self.sample.eq(operand.detect & (walk.next.token == 0) & self.reserve),
        ]
