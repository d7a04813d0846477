"""Each token goes to exactly one lane: dispatcher and fetcher as the array connects them, by induction.

The k-th token that is taken, for any k (numbers wrap), is that of one lane, in whose slot it was taken. From then on to
its last line, every line with its tag goes to that lane and to no other; its last line comes once; and no lane begins a
token but in the cycle in which it is taken. The grid gives the line to the lane that is named, and to that one alone.
That tokens are offered once, in order, is ``dispatcher``; which words a line holds, ``fetcher``; that each token's sums
are granted once, ``lane_sums``.

2 lanes, lines of 2 words, 1 or 2 words a token. Assumed: a group's entry is not that of another group in flight, as
``in_flight`` proves; a token's operand stays.
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, Value
from amaranth.lib import data

from rtl.array.dispatcher import Dispatcher
from rtl.array.fetcher import Fetcher, Walk
from rtl.array.layouts import OperandRecord, Token
from tests.formal.prove import SMALL, Monitor, Property, fixed, free, previous

CONFIG = dataclasses.replace(SMALL, lanes=2, line_words=1, slots=2, slot_rows=96)
LANES = CONFIG.lanes
NUMBER_BITS = 4
MOST_WORDS = 3


class WanderingFetcher(Fetcher):
    """Sends a token's later lines to the next lane."""

    def fetch(self, m: Module) -> None:
        super().fetch(m)
        with m.If(self.walk.line != 0):
            m.d.sync += self.line_lane.eq(self.slot + 1)


class RepeatingFetcher(Fetcher):
    """Lane 0 begins a token and leaves it to the next lane too."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(self.slot == 0):
            m.d.comb += self.taken.eq(0)
        return m


class TokenMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.fetcher = unit(CONFIG)
        self.dispatcher = Dispatcher(CONFIG)

    def claim(self, m: Module) -> None:
        fetcher = self.fetcher
        self.walks = self.place(m)
        self.connect(m)
        chosen = fixed(m, "chosen", NUMBER_BITS)
        self.number = Signal(NUMBER_BITS)        # tokens that were taken
        self.under_way = Signal()                # the chosen one was taken, and has lines to come
        self.mine = Signal(Token(CONFIG))
        self.lane = Signal(range(LANES))
        self.operand = Signal(OperandRecord())
        takes = fetcher.taken & (self.number == chosen)
        ends = self.under_way & fetcher.reserve & (fetcher.slot == self.lane) & fetcher.token_end
        m.d.sync += self.number.eq(self.number + fetcher.taken)
        with m.If(takes & ~self.under_way):
            m.d.sync += [self.under_way.eq(~fetcher.token_end), self.mine.eq(fetcher.token),
                         self.lane.eq(fetcher.slot), self.operand.eq(fetcher.operand)]
        with m.Elif(ends):
            m.d.sync += self.under_way.eq(0)
        self.check(m, takes, ends)
        self.strengthen(m)

    def place(self, m: Module) -> list[data.View]:
        """Both units; returns the fetcher's walks."""
        m.submodules.dispatcher = self.dispatcher
        m.submodules.fetcher = body = self.fetcher.elaborate(None)
        self.fetcher._MustUse__used = True
        signals = {signal.name: signal for signal in body._driving}
        return [data.View(Walk(CONFIG), Value.cast(signals[f"walk_{number}"])) for number in range(LANES)]

    def connect(self, m: Module) -> None:
        """As the array does; lanes have space, and groups room, at any time."""
        fetcher, dispatcher = self.fetcher, self.dispatcher
        free(m, fetcher.busy, fetcher.space, fetcher.operand, dispatcher.descriptor.valid,
             dispatcher.descriptor.payload, dispatcher.available, dispatcher.room, dispatcher.key_room,
             dispatcher.quiet, dispatcher.entry)
        m.d.comb += [fetcher.offered.eq(dispatcher.offered), fetcher.token.eq(dispatcher.token),
                     dispatcher.taken.eq(fetcher.taken)]
        active = sum(walk.active for walk in self.walks)
        m.d.comb += [Assume(fetcher.busy | ((active == 0) & ~dispatcher.offered)),
                     Assume((fetcher.operand.words != 0) & (fetcher.operand.words <= MOST_WORDS))]

    def check(self, m: Module, takes: Value, ends: Value) -> None:
        fetcher, dispatcher = self.fetcher, self.dispatcher
        m.d.comb += [
            *(Assume(~(dispatcher.allocate & walk.active) | (dispatcher.entry != walk.next.entry))
              for walk in self.walks),
            Assume(~(dispatcher.allocate & dispatcher.offered) | (dispatcher.entry != dispatcher.token.entry)),
            Assume(~(self.under_way & (fetcher.slot == self.lane)) | (fetcher.operand == self.operand)),
        ]
        control = fetcher.control
        tag = (control.entry == previous(m, self.mine.entry)) & (control.token == previous(m, self.mine.token))
        was = previous(m, self.under_way)
        mine = was & (fetcher.line_lane == previous(m, self.lane))
        m.d.comb += [
            Assert(~(was & fetcher.line_valid & tag) | mine, "its lines go to its lane"),
            Assert(~(mine & fetcher.line_valid) | tag, "and its lane has no others"),
            Assert(~(mine & fetcher.line_valid) | (control.last == previous(m, ends)), "its last line is its last"),
            Assert(~(fetcher.line_valid & control.first & (previous(m, self.fresh(m)))) | previous(m, fetcher.taken),
                   "a token begins where it is taken"),
            Assert(~fetcher.taken | dispatcher.offered, "one that is offered"),
        ]

    def fresh(self, m: Module) -> Signal:
        """The lane that is served had no lines left."""
        fresh = Signal()
        m.d.comb += fresh.eq(~self.walks[0].active)
        return fresh

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: its lane's walk, and that no other token has its tag."""
        fetcher, dispatcher = self.fetcher, self.dispatcher
        m.d.comb += Assert(self.lane < LANES)
        for walk in self.walks:
            same_group = walk.active & dispatcher.offered & (dispatcher.token.entry == walk.next.entry)
            m.d.comb += Assert(~same_group | (dispatcher.token.token > walk.next.token), "later ones of its group")
        for place in range(LANES):
            walk = self.walks[place]
            own = (self.lane - fetcher.slot)[:1] == place
            tag = (walk.next.entry == self.mine.entry) & (walk.next.token == self.mine.token)
            m.d.comb += Assert(~self.under_way | Mux(own, walk.active & tag, ~walk.active | ~tag))


PROPERTIES = [Property("tokens", TokenMonitor, Fetcher, (WanderingFetcher, RepeatingFetcher), depth=6, induction=True,
                       quick=True)]
