"""A dense pair issues every dense channel once, in order and without a bubble: for all time, by induction.

Lines come in any cycle with space, one a cycle, and hold anything, two words of eight channels. The monitor keeps the
two lines of either lane as they arrived, and of each of lane 0's the set of dense channels still to come. A turn can be
issued in the second cycle in which its lines lie there, or when the turn before has ended; its lowest channel is, for
every token that takes part, unless it is the last one of a token whose lane must be held. The row's address comes one
cycle later and the values three, 0 where there is no dense channel.
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value
from amaranth.lib import data

from golden.spec import numbers
from golden.spec.latency import LINE_LATENCY
from rtl.array.dense_queue import LANES, DenseQueue, find_dense
from rtl.array.layouts import LineControl
from rtl.array.line_queue import lowest, without_lowest
from rtl.bench.bugs_pair import LonelyQueue, StuckQueue
from tests.formal.lane import FEW_ROWS
from tests.formal.prove import Monitor, Property, free, inside, previous

BITS = numbers.NIBBLE_BITS
PAIR = dataclasses.replace(FEW_ROWS, dense_lanes=LANES)
WIDTH = PAIR.width
CHANNELS = PAIR.line_words * WIDTH
ARRIVAL = LINE_LATENCY - 2


class PairMonitor(Monitor):
    """Keeps the lines of both lanes as they arrived, and of lane 0's the dense channels still to come."""

    def __init__(self, unit: type) -> None:
        self.unit = unit(PAIR)

    def claim(self, m: Module) -> None:
        unit = self.unit
        self.own = inside(m, unit)
        fetch, dense = Signal(LANES), Signal(CHANNELS)
        free(m, fetch, dense, unit.line, unit.control, unit.hold)
        self.coming = [unit.reserve, *(previous(m, unit.reserve, cycles) for cycles in range(1, ARRIVAL + 1))]
        self.work = find_dense(m, PAIR, dense, unit.control)
        m.d.comb += [
            Assume(unit.control.words != 0),
            Assume(~fetch.all()),
            unit.reserve.eq(fetch & unit.space),
            unit.line_valid.eq(self.coming[ARRIVAL]),
            unit.work.eq(self.work),
        ]
        self.lines = [[Signal(PAIR.line_bits, name=f"sent_line_{lane}_{i}") for i in range(2)] for lane in range(LANES)]
        self.controls = [[Signal(LineControl(PAIR), name=f"sent_control_{lane}_{i}") for i in range(2)]
                         for lane in range(LANES)]
        self.todo = [Signal(CHANNELS, name=f"todo_{i}") for i in range(2)]
        self.front = Signal(LANES)    # buffer of the lane's line in this turn
        self.counts = [Signal(2, name=f"count_{lane}") for lane in range(LANES)]  # lines that arrived and did not end
        self.over = Signal(LANES)     # takes no part in this turn
        self.active = Signal()        # the turn can issue
        self.begun = Signal()         # it did
        self.left, self.place, self.final, self.issue = Signal(CHANNELS), Signal(range(CHANNELS)), Signal(), Signal()
        self.ends = Signal(LANES)
        self.last = Signal(LANES)
        m.d.comb += [
            self.left.eq(Mux(self.front[0], self.todo[1], self.todo[0]) & ~self.over[0].replicate(CHANNELS)),
            self.place.eq(lowest(self.left)),
            self.final.eq(~without_lowest(self.left).any()),
            self.last.eq(Cat(self.control(lane).last & ~self.over[lane] & self.final for lane in range(LANES))),
            self.issue.eq(self.active & ~(self.last & unit.hold).any()),
            self.ends.eq(~self.over & (self.issue & self.final).replicate(LANES)),
        ]
        self.keep(m)
        self.compare(m)
        self.strengthen(m)

    def control(self, lane: int) -> data.View:
        """Control of the lane's line in this turn."""
        return data.View(LineControl(PAIR), Mux(self.front[lane], *map(Value.cast, reversed(self.controls[lane]))))

    def keep(self, m: Module) -> None:
        """Lines arrive in the buffer that is free; a turn that ends takes one from each lane that takes part."""
        finished, following, there = Signal(LANES), Signal(LANES), Signal(LANES)
        end = self.issue & self.final
        m.d.comb += [
            finished.eq(self.over | Cat(self.control(lane).last for lane in range(LANES))),
            following.eq(Mux(end, Mux(finished.all(), 0, finished), self.over)),
            there.eq(Cat((self.counts[lane] - self.ends[lane])[:2] != 0 for lane in range(LANES))),
        ]
        m.d.sync += [
            self.over.eq(following),
            self.front.eq(self.front ^ self.ends),
            self.begun.eq((self.begun | self.issue) & ~end),
            self.active.eq(Mux(self.active & ~end, 1, (there | following).all())),
        ]
        for i in range(2):
            with m.If(self.issue & ~self.over[0] & (self.front[0] == i)):
                m.d.sync += self.todo[i].eq(without_lowest(self.todo[i]))
        for lane in range(LANES):
            arrives = self.unit.line_valid[lane]
            m.d.sync += self.counts[lane].eq(self.counts[lane] + arrives - self.ends[lane])
            for i in range(2):
                with m.If(arrives & ((self.front[lane] ^ self.counts[lane][0]) == i)):
                    m.d.sync += [self.lines[lane][i].eq(self.unit.line), self.controls[lane][i].eq(self.unit.control)]
                    if lane == 0:
                        m.d.sync += self.todo[i].eq(self.work.channels)

    def compare(self, m: Module) -> None:
        """What the queue shows."""
        unit = self.unit
        counts, row = Signal(), Signal(len(unit.address))
        m.d.comb += [counts.eq(self.issue & self.left.any()), row.eq(self.control(0).row + self.place),
                     Assert(unit.counts == counts, "counts"), Assert(unit.read == previous(m, counts), "read"),
                     Assert(~previous(m, counts) | (unit.address == previous(m, row)), "address")]
        for lane in range(LANES):
            step, control, takes = unit.steps[lane], self.control(lane), self.issue & ~self.over[lane]
            nibble = Mux(self.front[lane], self.lines[lane][1], self.lines[lane][0]).word_select(self.place, BITS)
            value, sent = Signal(unit.values[lane].shape(), name=f"operand_{lane}"), Signal(name=f"sent_{lane}")
            held = sum(coming[lane] for coming in self.coming[1:]) + self.counts[lane]
            m.d.comb += [
                value.eq(Mux(counts, Cat(nibble, nibble[-1] & control.signed).as_signed(), 0)),
                sent.eq(takes),
                Assert(step.valid == takes, "issue"),
                Assert(~takes | (step.first == (control.first & ~self.begun)), "first"),
                Assert(~takes | (step.shift == (control.shift & ~self.begun)), "shift"),
                Assert(~takes | (step.last == self.last[lane]), "last"),
                Assert(~previous(m, sent, 3) | (unit.values[lane] == previous(m, value, 3)), "value"),
                Assert(unit.space[lane] == (held < 2), "space"),
                Assert(held <= 2, "never more than two"),
                Assert(self.own[f"held_lines_{lane}"] == held),
                Assert(self.own["writing"][lane] == self.front[lane] ^ self.counts[lane][0]),
            ]

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: where the channels to come are."""
        unit = self.unit
        current = (unit.mask << (unit.word * WIDTH))[:CHANNELS]
        chosen = Signal()  # all words of the turn are
        finished = self.over | Cat(self.control(lane).last for lane in range(LANES))
        m.d.comb += [
            chosen.eq(self.active & unit.ends_turn),
            Assert(unit.valid == self.active),
            Assert(self.active | ~self.begun),
            Assert(~self.over.all()),
            Assert(~self.active | (unit.takes_part == ~self.over)),
            Assert(~self.active | (unit.begins_turn == ~self.begun)),
            Assert(unit.fresh == (~self.active | unit.ends_turn)),
            Assert(unit.over == Mux(chosen, Mux(finished.all(), 0, finished), self.over)),
            Assert(~self.active | unit.mask.any() | (~self.left.any() & unit.ends_turn)),
            Assert(~(self.active & self.over[0]) | (unit.ends_turn & ~unit.mask.any())),
        ]
        for lane in range(LANES):
            takes = self.active & ~self.over[lane]
            m.d.comb += [Assert(~takes | ((unit.buffers[lane] == self.front[lane]) & (self.counts[lane] != 0))),
                         Assert(unit.reading[lane] == (self.front[lane] ^ (chosen & ~self.over[lane])))]
            for i in range(2):
                in_front = self.front[lane] == i
                within = Signal(name=f"within_{lane}_{i}")
                m.d.comb += [
                    within.eq((self.counts[lane] == 2) | ((self.counts[lane] == 1) & in_front)),
                    Assert(unit.lines[lane][i] == self.lines[lane][i]),
                    Assert(Value.cast(unit.controls[lane][i]) == Value.cast(self.controls[lane][i])),
                    Assert(unit.full[lane][i] == (within & ~(in_front & takes & unit.ends_turn))),
                ]
                if lane == 0:
                    self.strengthen_todo(m, i, within, in_front & takes, current)

    def strengthen_todo(self, m: Module, i: int, within: Value, begun: Value, current: Value) -> None:
        """Of a buffer of lane 0: its words that were not chosen, and the current word, hold the channels to come."""
        unit, todo = self.unit, self.todo[i]
        words = unit.words[i]
        busy = Cat(todo.word_select(word, WIDTH).any() for word in range(PAIR.line_words))
        later = Cat(words[word].replicate(WIDTH) for word in range(PAIR.line_words)) & unit.channels[i]
        m.d.comb += [
            Assert(~within | begun | ((words == busy) & (unit.channels[i] == todo))),
            Assert(~begun | (todo == (current | Mux(unit.ends_turn, 0, later)))),
            Assert(~begun | unit.ends_turn | (words.any() & ((words & ((2 << unit.word) - 1)) == 0)
                                              & ((words & ~busy) == 0))),
        ]


PROPERTIES = [Property("dense_queue", PairMonitor, DenseQueue, (StuckQueue, LonelyQueue), depth=8, induction=True)]
