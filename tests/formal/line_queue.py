"""The queue of lines issues every channel that counts once, in order and without a bubble: for all time, by induction.

Lines are fetched in any cycle in which there is space and hold anything, two words of eight channels; the last channel
of a token may be held in any cycle. The monitor keeps the two lines as they arrived, and of each the set of channels
still to come. The lowest of it, or channel 0 of the line's first word where none counts, is what is issued, unless it
must be held. It begins in the second cycle in which the line lies there, or when the line before has ended. Its row's
address comes one cycle later and its value three. There is space while fewer than two lines are fetched and not ended.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value
from amaranth.lib import data

from golden.spec import numbers
from golden.spec.latency import LINE_LATENCY
from rtl.array.layouts import LineControl
from rtl.array.line_queue import LineQueue, find_nonzero, find_work, lowest, without_lowest
from rtl.bench.bugs_lane import GreedyQueue, PausingQueue, UnsignedQueue
from tests.formal.lane import FEW_ROWS
from tests.formal.prove import Monitor, Property, free, inside, previous

BITS = numbers.NIBBLE_BITS
WIDTH = FEW_ROWS.width
CHANNELS = FEW_ROWS.line_words * WIDTH
ARRIVAL = LINE_LATENCY - 2


class QueueMonitor(Monitor):
    config = FEW_ROWS

    def __init__(self, unit: type) -> None:
        self.unit = unit(self.config)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        fetch = Signal()
        free(m, fetch, unit.line, unit.control, unit.hold)
        work = find_work(m, FEW_ROWS, find_nonzero(m, FEW_ROWS, unit.line), unit.control, self.excluded(m))
        coming = [unit.reserve, *(previous(m, unit.reserve, cycles) for cycles in range(1, ARRIVAL + 1))]
        m.d.comb += [
            Assume(unit.control.words != 0),
            unit.reserve.eq(fetch & unit.space),
            unit.line_valid.eq(coming[ARRIVAL]),
            unit.work.eq(work),
        ]
        self.lines = [Signal(FEW_ROWS.line_bits, name=f"sent_line_{i}") for i in range(2)]
        self.controls = [Signal(LineControl(FEW_ROWS), name=f"sent_control_{i}") for i in range(2)]
        self.todo = [Signal(CHANNELS, name=f"todo_{i}") for i in range(2)]
        self.front = Signal()        # buffer of the line that is issued
        self.count = Signal(2)       # lines that have arrived and not ended
        self.begun = Signal(2)       # for each buffer: a channel was issued
        self.young = Signal()        # the line in front arrived in the cycle before, when there was none
        todo = Mux(self.front, self.todo[1], self.todo[0])
        control = data.View(LineControl(FEW_ROWS), Mux(self.front, *map(Value.cast, reversed(self.controls))))
        begun = self.begun.bit_select(self.front, 1)
        place, final, issue = Signal(range(CHANNELS)), Signal(), Signal()
        m.d.comb += [
            place.eq(Mux(todo.any(), lowest(todo), lowest(control.words) * WIDTH)),
            final.eq(~without_lowest(todo).any()),
            issue.eq((self.count != 0) & ~self.young & ~(final & control.last & unit.hold)),
        ]
        self.keep(m, issue, final, work)
        self.compare(m, issue, final, place, todo, control, begun)
        in_flight = sum(coming[1:])
        m.d.comb += [
            Assert(unit.space == (in_flight + self.count < 2), "space"),
            Assert(in_flight + self.count <= 2, "never more than two"),
            Assert(own["held_lines"] == in_flight + self.count),
            Assert(own["writing"] == self.front ^ self.count[0]),
        ]
        self.strengthen(m)

    def excluded(self, m: Module) -> Value | None:
        """Channels that other lanes multiply."""
        return None

    @staticmethod
    def operand(todo: Value, value: Value) -> Value:
        """The value that is multiplied; channel 0 of a line without work is zero."""
        return value

    def keep(self, m: Module, issue: Value, final: Value, work: data.View) -> None:
        """Lines arrive in the buffer that is free; a channel issued leaves the line in front."""
        arrives = self.unit.line_valid
        into = self.front ^ self.count[0]
        m.d.sync += [
            self.count.eq(self.count + arrives - (issue & final)),
            self.front.eq(self.front ^ (issue & final)),
            self.young.eq(arrives & ((self.count == 0) | ((self.count == 1) & issue & final))),
        ]
        for i in range(2):
            with m.If(issue & (self.front == i)):
                m.d.sync += [self.todo[i].eq(without_lowest(self.todo[i])), self.begun[i].eq(1)]
            with m.If(arrives & (into == i)):
                m.d.sync += [self.lines[i].eq(self.unit.line), self.controls[i].eq(self.unit.control),
                             self.todo[i].eq(work.channels), self.begun[i].eq(0)]

    def compare(self, m: Module, issue: Value, final: Value, place: Value, todo: Value, control: data.View,
                begun: Value) -> None:
        """What the queue shows."""
        unit = self.unit
        step = unit.step
        line = Mux(self.front, self.lines[1], self.lines[0])
        nibble = line.word_select(place, BITS)
        m.d.comb += [
            Assert(step.valid == issue, "issue"),
            Assert(unit.idle == ((self.count == 0) | self.young), "idle"),
            Assert(unit.held == ((self.count != 0) & ~self.young & ~issue), "held"),
            Assert(unit.counts == (issue & todo.any()), "counts"),
            Assert(~issue | (step.first == (control.first & ~begun)), "first"),
            Assert(~issue | (step.shift == (control.shift & ~begun)), "shift"),
            Assert(~issue | (step.last == (control.last & final)), "last"),
            Assert(~issue | ((unit.entry == control.entry) & (unit.token == control.token)), "tag"),
        ]
        row = (control.row + place)[:len(unit.address)]
        value = Cat(nibble, nibble[-1] & control.signed).as_signed()
        shown = [Signal(len(unit.address), name="row"), Signal(unit.value.shape(), name="operand")]
        m.d.comb += [shown[0].eq(row), shown[1].eq(self.operand(todo, value))]
        issued = [issue, *(previous(m, issue, cycles) for cycles in range(1, 4))]
        m.d.comb += [
            Assert(~issued[1] | (unit.address == previous(m, shown[0], 1)), "address"),
            Assert(~issued[3] | (unit.value == previous(m, shown[1], 3)), "value"),
        ]

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: where the channels to come are."""
        unit = self.unit
        back = Signal(2)    # for each buffer: a line lies there of which no word was chosen
        within = Signal(2)  # or one of which a word was
        m.d.comb += [
            Assert(unit.valid == ((self.count != 0) & ~self.young)),
            Assert(unit.reading == (self.front ^ (unit.valid & ~unit.full.bit_select(self.front, 1)))),
            Assert(~self.young | (self.count == 1)),
        ]
        for i in range(2):
            in_front = self.front == i
            m.d.comb += [
                within[i].eq((self.count == 2) | ((self.count == 1) & in_front)),
                back[i].eq(within[i] & (~in_front | self.young)),
            ]
            words = unit.words[i]
            busy = Cat(self.todo[i].word_select(word, WIDTH).any() for word in range(FEW_ROWS.line_words))
            mask = data.View(LineControl(FEW_ROWS), Value.cast(self.controls[i])).words
            fitting = Mux(self.todo[i].any(), busy, mask & ~without_lowest(mask))
            later = Cat(words[word].replicate(WIDTH) for word in range(FEW_ROWS.line_words)) & unit.channels[i]
            current = (unit.mask << (unit.word * WIDTH))[:CHANNELS]
            chosen = within[i] & ~back[i]
            expected = current | Mux(unit.full[i], later, 0)
            kept = Mux(self.todo[i].any(), 1, ~unit.full[i] & (unit.word == lowest(mask)) & ~unit.mask.any())
            m.d.comb += [
                Assert(~within[i] | (mask != 0)),
                Assert(unit.lines[i] == self.lines[i]),
                Assert(Value.cast(unit.controls[i]) == Value.cast(self.controls[i])),
                Assert(unit.full[i] == (back[i] | (chosen & unit.full[i]))),
                Assert(~back[i] | (unit.fresh[i] & (words == fitting) & (unit.channels[i] == self.todo[i])
                                   & ~self.begun[i])),
                Assert(~chosen | ((self.todo[i] == expected) & kept & (unit.ends_line == ~unit.full[i])
                                  & (unit.begins_line == ~self.begun[i]) & (unit.buffer == i) & ~unit.fresh[i])),
                Assert(~(chosen & self.todo[i].any()) | unit.mask.any()),
                Assert(~(chosen & unit.full[i]) | (words.any() & ((words & ((2 << unit.word) - 1)) == 0)
                                                   & ((words & ~busy) == 0))),
            ]


PROPERTIES = [Property("line_queue", QueueMonitor, LineQueue, (GreedyQueue, PausingQueue, UnsignedQueue), depth=8,
                       induction=True)]
