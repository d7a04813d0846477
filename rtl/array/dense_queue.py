"""The lines that a dense pair holds, and the channel that both of its lanes multiply next."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig, address_bits
from golden.spec.latency import LINES_HELD
from rtl.array.layouts import LineControl
from rtl.array.line_queue import LineQueue, LineWork, Step, lowest, without_lowest, wrapped_row

BUFFERS = LINES_HELD
LANES = 2
"""Lanes of a pair."""


def find_dense(m: Module, config: HardwareConfig, dense: Value, control: data.View) -> data.View:
    """Dense channels of the token's words, zero or not, and the words that have one."""
    work = Signal(LineWork(config), name="dense_work")
    for word in range(config.line_words):
        channels = dense.word_select(word, config.width) & control.words[word].replicate(config.width)
        m.d.comb += [work.channels.word_select(word, config.width).eq(channels), work.words[word].eq(channels.any())]
    return work


class DenseQueue(wiring.Component):
    """Holds two lines of each lane of a pair and issues one dense channel a cycle, lowest first, for both at once.

    The n-th lines of the two tokens are one *turn*, whose dense channels and weight rows are those of lane 0's line;
    with ``work`` other than none, both lines have the same words, and both tokens as many lines. A token with fewer
    lines than the other takes no part in the turns left. Lines arrive as ``LineQueue`` says. The first channel of a
    turn is issued LINE_LATENCY cycles after the ``reserve`` of its later line, or in the cycle after the last channel
    of the turn before; a turn without dense channels takes one cycle, of value 0. ``hold`` of a lane keeps back the
    last channel of its token, and so of the turn. Initiation interval: one channel a cycle.

    For the channel issued in cycle c, with ``steps``: ``read`` and ``address`` of its row in c + 1, ``values`` in
    c + 3.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.word_bits = address_bits(config.line_words)
        super().__init__({
            "reserve": In(LANES),     # a line was fetched for this lane in this cycle
            "space": Out(LANES),      # fewer than two lines are fetched and not ended
            "line": In(config.line_bits),
            "control": In(LineControl(config)),
            "work": In(LineWork(config)),
            "line_valid": In(LANES),
            "hold": In(LANES),
            "steps": Out(data.ArrayLayout(Step, LANES)),
            "counts": Out(1),         # the channel issued is a dense one
            "read": Out(1),           # its weight row is needed
            "address": Out(address_bits(config.tile_rows)),
            "values": Out(data.ArrayLayout(signed(numbers.OPERAND_BITS), LANES)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        channels = config.line_words * config.width
        # of each lane and buffer
        self.lines = [[Signal(config.line_bits, name=f"line_{lane}_{i}", reset_less=True) for i in range(BUFFERS)]
                      for lane in range(LANES)]
        self.controls = [[Signal(LineControl(config), name=f"control_{lane}_{i}", reset_less=True)
                          for i in range(BUFFERS)] for lane in range(LANES)]
        self.full = [Signal(BUFFERS, name=f"full_{lane}") for lane in range(LANES)]  # its turn is still to be chosen
        # of lane 0's buffers
        self.channels = [Signal(channels, name=f"channels_{i}", reset_less=True) for i in range(BUFFERS)]
        self.words = [Signal(config.line_words, name=f"words_{i}", reset_less=True) for i in range(BUFFERS)]
        # of the word to be chosen
        self.reading = Signal(LANES)        # buffer of each lane
        self.over = Signal(LANES)           # this token has no line left, but the other one has
        self.fresh = Signal(init=1)         # it is the first of its turn
        # of the current word, whose lowest channel is issued
        self.valid = Signal()
        self.mask = Signal(config.width, reset_less=True)
        self.word = Signal(self.word_bits, reset_less=True)
        self.buffers = Signal(LANES, reset_less=True)
        self.takes_part = Signal(LANES, reset_less=True)
        self.ends_turn = Signal(reset_less=True)
        self.begins_turn = Signal(reset_less=True)
        self.arrive(m)
        go, ended, empties = self.issue(m)
        self.choose(m, go, empties)
        self.count(m, ended)
        self.operands(m)
        return m

    def arrive(self, m: Module) -> None:
        """A line goes into the buffer of its lane that is free; the buffers take turns."""
        writing = Signal(LANES)
        m.d.sync += writing.eq(writing ^ self.line_valid)
        for lane in range(LANES):
            for index in range(BUFFERS):
                with m.If(self.line_valid[lane] & (writing[lane] == index)):
                    m.d.sync += [
                        self.lines[lane][index].eq(self.line),
                        self.controls[lane][index].eq(self.control),
                        self.full[lane][index].eq(1),
                    ]
                    if lane == 0:
                        m.d.sync += [self.channels[index].eq(self.work.channels), self.words[index].eq(self.work.words)]

    def choose(self, m: Module, go: Value, empties: Value) -> None:
        """The next word with dense channels, of this turn or of the next, follows the current word at once."""
        pending = Signal(self.config.line_words)
        others = Signal(self.config.line_words)
        word = Signal(self.word_bits)
        mask = Signal(self.config.width)
        ready = Signal()
        channels = self.of_buffer(self.reading[0], self.channels)
        there = Cat(self.full[lane].bit_select(self.reading[lane], 1) for lane in range(LANES))
        m.d.comb += [
            pending.eq(self.of_buffer(self.reading[0], self.words) & ~self.over[0].replicate(len(pending))),
            others.eq(without_lowest(pending)),
            word.eq(lowest(pending)),
            mask.eq(channels.word_select(word, self.config.width) & ~self.over[0].replicate(len(mask))),
            ready.eq(self.is_ready(there, self.over)),
        ]
        with m.If(ready & (~self.valid | empties)):
            m.d.sync += [
                self.valid.eq(1),
                self.mask.eq(mask),
                self.word.eq(word),
                self.buffers.eq(self.reading),
                self.takes_part.eq(~self.over),
                self.begins_turn.eq(self.fresh),
                self.ends_turn.eq(~others.any()),
                self.fresh.eq(~others.any()),
            ]
            for index in range(BUFFERS):
                with m.If(~self.over[0] & (self.reading[0] == index)):
                    m.d.sync += self.words[index].eq(others)
            with m.If(~others.any()):
                self.end_turn(m)
        with m.Elif(go):
            m.d.sync += [self.mask.eq(self.after(self.mask)), self.begins_turn.eq(0), self.valid.eq(~empties)]

    def end_turn(self, m: Module) -> None:
        """All words of the turn are chosen: each lane that takes part goes on to its next line."""
        finished = Signal(LANES)
        for lane in range(LANES):
            control = self.control_of(lane, self.reading[lane])
            m.d.comb += finished[lane].eq(self.over[lane] | control.last)
            with m.If(~self.over[lane]):
                m.d.sync += self.reading[lane].eq(~self.reading[lane])
                for index in range(BUFFERS):
                    with m.If(self.reading[lane] == index):
                        m.d.sync += self.full[lane][index].eq(0)
        m.d.sync += self.over.eq(Mux(finished.all(), 0, finished))

    def issue(self, m: Module) -> tuple[Value, Value, Value]:
        """Stage 0: the lowest channel of the current word; returns it, and the ends of lines and word."""
        single = Signal()
        go = Signal()
        empties = Signal()
        held = Signal(LANES)
        ended = Signal(LANES)
        m.d.comb += [
            single.eq(~self.after(self.mask).any()),
            go.eq(self.valid & ~held.any()),
            empties.eq(go & single),
            ended.eq(self.takes_part & (empties & self.ends_turn).replicate(LANES)),
            self.counts.eq(go & self.mask.any()),
        ]
        for lane in range(LANES):
            control = self.control_of(lane, self.buffers[lane])
            step = self.steps[lane]
            m.d.comb += [
                step.valid.eq(go & self.takes_part[lane]),
                step.first.eq(self.begins_turn & control.first),
                step.shift.eq(self.begins_turn & control.shift),
                step.last.eq(single & self.ends_turn & control.last),
                held[lane].eq(self.takes_part[lane] & step.last & self.hold[lane]),
            ]
        return go, ended, empties

    def count(self, m: Module, ended: Value) -> None:
        """Lines of each lane that are fetched and not ended."""
        for lane in range(LANES):
            held = Signal(range(BUFFERS + 1), name=f"held_lines_{lane}")
            m.d.sync += held.eq(held + self.reserve[lane] - ended[lane])
            m.d.comb += self.space[lane].eq(held < BUFFERS)

    def operands(self, m: Module) -> None:
        """A buffer keeps its line for four cycles after its end, as that of a ``LineQueue`` does."""
        bits = numbers.NIBBLE_BITS
        # stage 1: address of the weight row, and the channel of each word
        channel_1 = Signal(address_bits(self.config.width), reset_less=True)
        word_1 = Signal(self.word_bits, reset_less=True)
        buffers_1 = Signal(LANES, reset_less=True)
        row_1 = Signal(address_bits(self.config.tile_rows), reset_less=True)
        m.d.sync += [channel_1.eq(lowest(self.mask)), word_1.eq(self.word), buffers_1.eq(self.buffers),
                     row_1.eq(self.control_of(0, self.buffers[0]).row), self.read.eq(self.counts)]
        m.d.comb += self.address.eq(wrapped_row(self.config, row_1 + Cat(channel_1, word_1)))
        # stage 2: the word, or nothing
        word_2 = Signal(self.word_bits, reset_less=True)
        m.d.sync += word_2.eq(word_1)
        for lane in range(LANES):
            signed_2 = Signal(name=f"signed_2_{lane}", reset_less=True)
            nibbles = Signal(self.config.line_words * bits, name=f"nibbles_{lane}", reset_less=True)
            line = self.of_buffer(buffers_1[lane], self.lines[lane])
            for word in range(self.config.line_words):
                channels = line.word_select(word, self.config.word_bits)
                m.d.sync += nibbles.word_select(word, bits).eq(channels.word_select(channel_1, bits))
            with m.If(~self.read):
                m.d.sync += nibbles.eq(0)
            m.d.sync += signed_2.eq(self.control_of(lane, buffers_1[lane]).signed)
            # stage 3: the value beside its weight row
            m.d.sync += self.values[lane].eq(LineQueue.operand_value(nibbles.word_select(word_2, bits), signed_2))

    @staticmethod
    def is_ready(there: Value, over: Value) -> Value:
        """Both lines of a turn are there, or the one that it has."""
        return (there | over).all()

    @staticmethod
    def after(mask: Value) -> Value:
        """The channels left of a word when its lowest was issued."""
        return without_lowest(mask)

    def control_of(self, lane: int, index: Value) -> data.View:
        """Control of the line in a lane's buffer."""
        return data.View(LineControl(self.config), self.of_buffer(index, self.controls[lane]))

    @staticmethod
    def of_buffer(index: Value, signals: list) -> Value:
        return Mux(index, Value.cast(signals[1]), Value.cast(signals[0]))
