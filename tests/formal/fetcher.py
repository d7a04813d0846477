"""Fetcher fetches exactly the row of a token, each word once a pass and in order: for all time, by induction.

Tokens of 1 to 5 words, 1 or 4 nibble passes, at any address, at any pace of the lanes; 2 lanes, lines of 4 words of 8
channels, a tile whose depth is no power of two. Of the tokens of any lane, chosen freely: each line is fetched in a
slot of that lane, with space for it; it begins where the one before it ended and holds the words from there to its end
or to that of the row; passes read the high plane twice and then the low one twice; a new token is taken when the last
line of the one before is fetched. Mask, tile row, flags and tags fit the line. Slots go round, from lane 0 on.
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Assert, Assume, Module, Mux, Signal
from amaranth.lib import data

from golden.spec.hardware import REGISTER_BITS
from rtl.array.fetcher import Fetcher, Walk
from rtl.array.layouts import OperandRecord, Token
from rtl.bench.bugs_array import AlignedFetcher, ForgetfulFetcher, UnshiftedFetcher, UnwrappedFetcher
from tests.formal.prove import SMALL, Monitor, Property, fixed, free, inside, previous

CONFIG = dataclasses.replace(SMALL, lanes=2, line_words=4, slots=2, slot_rows=96)
LANES, LINE, WIDTH = CONFIG.lanes, CONFIG.line_words, CONFIG.width
LARGEST_WORDS = 5
PASSES = 4


class FetcherMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        self.own = inside(m, unit)
        free(m, unit.busy, unit.space, unit.offered, unit.token, unit.operand)
        self.lane = fixed(m, "lane", range(LANES))
        self.active = Signal()            # lines of its token are not fetched
        self.token = Signal(Token(CONFIG))
        self.operand = Signal(OperandRecord())
        self.word = Signal(range(LARGEST_WORDS + 1))   # words of this pass that are fetched
        self.number = Signal(2)           # of the pass
        self.fetched = Signal(range(PASSES * LARGEST_WORDS + 1))  # words of all passes
        self.now = Signal(Token(CONFIG))  # the token of this slot: its own, or the one that it takes
        self.what = Signal(OperandRecord())
        self.served = Signal()
        self.count = Signal(range(LINE + 1))
        self.address = Signal(REGISTER_BITS)
        self.ends_pass = Signal()
        self.ends = Signal()
        self.environment(m)
        self.follow(m)
        self.check(m)
        self.check_line(m)
        self.strengthen(m)

    def environment(self, m: Module) -> None:
        """The engine around it: a token's operand stays; what is fetched is in flight."""
        unit = self.unit
        walking = Signal(range(LANES + 1))  # lanes with lines to fetch
        token_end = unit.reserve & unit.token_end
        m.d.sync += walking.eq(walking + unit.taken - token_end)
        m.d.comb += [
            Assume(unit.busy | ((walking == 0) & ~unit.offered)),
            Assume((unit.operand.words != 0) & (unit.operand.words <= LARGEST_WORDS)),
            Assume(unit.token.row + LARGEST_WORDS * PASSES * WIDTH <= CONFIG.tile_rows),
            Assume(~(self.served & self.active) | (unit.operand == self.operand)),
            Assert(walking == sum(self.walk(place).active for place in range(LANES))),
        ]
        slot = previous(m, unit.slot)
        busy = previous(m, unit.busy)
        m.d.comb += [self.served.eq(unit.slot == self.lane),
                     Assert(unit.slot == Mux(busy, (slot + 1)[:len(slot)], 0), "slots go round")]

    def follow(self, m: Module) -> None:
        """What the lane's next line must be."""
        unit = self.unit
        low = Mux(self.number[1], self.what.words, 0)
        word = Mux(self.active, self.word, 0)
        reach = Signal(range(LINE + 1))
        m.d.comb += [
            self.now.eq(Mux(self.active, self.token, unit.token)),
            self.what.eq(Mux(self.active, self.operand, unit.operand)),
            self.address.eq(self.now.address + word + Mux(self.active, low, 0)),
            reach.eq(LINE - self.address[:2]),
            self.count.eq(Mux(self.what.words - word < reach, self.what.words - word, reach)),
            self.ends_pass.eq(word + self.count == self.what.words),
            self.ends.eq(self.ends_pass & (~self.what.nibble_passes | (self.active & (self.number == PASSES - 1)))),
        ]
        with m.If(self.served & unit.reserve):
            m.d.sync += [
                self.active.eq(~self.ends), self.token.eq(self.now), self.operand.eq(self.what),
                self.word.eq(Mux(self.ends_pass, 0, word + self.count)),
                self.number.eq(Mux(self.active, self.number, 0) + self.ends_pass),
                self.fetched.eq(Mux(self.active, self.fetched, 0) + self.count),
            ]

    def check(self, m: Module) -> None:
        """In the lane's slot."""
        unit = self.unit
        total = Mux(self.what.nibble_passes, PASSES, 1) * self.what.words
        m.d.comb += [Assert(~unit.taken | unit.reserve), Assert(~unit.reserve | unit.space, "a line has space")]
        with m.If(self.served):
            m.d.comb += [
                Assert(unit.taken == (~self.active & unit.offered & unit.space), "a token after another"),
                Assert(unit.reserve == (unit.space & (self.active | unit.offered)), "a line in each slot"),
            ]
        with m.If(self.served & unit.reserve):
            m.d.comb += [
                Assert(unit.entry == self.now.entry),
                Assert((unit.words == self.count) & (self.count != 0), "words that are fetched"),
                Assert(self.ends == (Mux(self.active, self.fetched, 0) + self.count == total), "each word once a pass"),
            ]

    def check_line(self, m: Module) -> None:
        """In the cycle after: what goes to memory and lane."""
        unit, control = self.unit, self.unit.control
        valid = previous(m, self.served & unit.reserve)
        address, count = previous(m, self.address), previous(m, self.count)
        now, what = previous(m, self.now), previous(m, self.what)
        number = previous(m, named(m, Mux(self.active, self.number, 0), self.number))
        begins = previous(m, named(m, Mux(self.active, self.word == 0, 1), self.ends))
        fetched = previous(m, named(m, Mux(self.active, self.fetched, 0), self.fetched))
        last = previous(m, self.ends)
        row = Signal(range(2 * CONFIG.tile_rows))
        m.d.comb += row.eq(now.row + fetched * WIDTH)
        with m.If(valid):
            m.d.comb += [
                Assert(unit.line_valid & (unit.line_lane == self.lane)),
                Assert(unit.line_memory == what.left_memory),
                Assert(unit.line_address == address >> 2, "the words' line"),
                *(Assert(control.words[place] == ((address[:2] <= place) & (place < address[:2] + count)), "mask")
                  for place in range(LINE)),
                *(Assert(~((address[:2] == place) & control.words[place])
                         | (self.wrapped(control.row + place * WIDTH) == row), "tile row") for place in range(LINE)),
                Assert(control.row < CONFIG.tile_rows),
                Assert(control.first == (begins & (number == 0)), "first"),
                Assert(control.shift == (begins & number[0]), "shift"),
                Assert(control.last == last, "last"),
                Assert(control.signed == Mux(what.nibble_passes, number < 2, what.left_signed), "signed"),
                Assert((control.skip == what.skip) & (control.entry == now.entry) & (control.token == now.token)),
            ]

    @staticmethod
    def wrapped(row: object) -> object:
        return Mux(row >= CONFIG.tile_rows, row - CONFIG.tile_rows, row)

    def walk(self, place: int) -> data.View:
        return data.View(Walk(CONFIG), self.own[f"walk_{place}"])

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: the lane's walk, where it stands in the ring."""
        unit = self.unit
        words = Mux(self.number[1], self.operand.words, 0)
        with m.If(self.active):
            m.d.comb += [
                Assert((self.operand.words != 0) & (self.operand.words <= LARGEST_WORDS)),
                Assert((self.word < self.operand.words) & (self.operand.nibble_passes | (self.number == 0))),
                Assert(self.token.row + LARGEST_WORDS * PASSES * WIDTH <= CONFIG.tile_rows),
                *(Assert((self.number != number) | (self.fetched == number * self.operand.words + self.word))
                  for number in range(PASSES)),
            ]
        for place in range(LANES):
            walk = self.walk(place)
            with m.If((self.lane - unit.slot)[:1] == place):
                m.d.comb += Assert(walk.active == self.active)
                with m.If(self.active):
                    m.d.comb += [
                        Assert(walk.next.address == (self.token.address + words + self.word)[:REGISTER_BITS]),
                        Assert(walk.next.row == self.token.row + self.fetched * WIDTH),
                        Assert((walk.next.entry == self.token.entry) & (walk.next.token == self.token.token)),
                        Assert(walk.words_left == self.operand.words - self.word),
                        Assert(walk.nibble_pass == self.number),
                    ]


def named(m: Module, value: object, like: Signal) -> Signal:
    """A signal that holds ``value``."""
    signal = Signal.like(like)
    m.d.comb += signal.eq(value)
    return signal


PROPERTIES = [Property("fetcher", FetcherMonitor, Fetcher, (ForgetfulFetcher, AlignedFetcher, UnshiftedFetcher,
                                                             UnwrappedFetcher), depth=10, induction=True, quick=True)]
