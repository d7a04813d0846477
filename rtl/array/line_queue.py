"""The lines that a lane holds, and the choice of the channel that it multiplies next."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig, address_bits
from golden.spec.latency import LINES_HELD
from rtl.array.layouts import ENTRY_BITS, LineControl

BUFFERS = LINES_HELD

Step = data.StructLayout({
    "valid": unsigned(1),  # a channel is multiplied
    "first": unsigned(1),  # first of a dot product: forget the accumulator
    "shift": unsigned(1),  # first of the second or fourth nibble pass: accumulator times 16
    "last": unsigned(1),   # last of the token: the sums are complete
})
"""What accompanies a channel from its issue to the accumulators."""


class LineWork(data.StructLayout):
    """Which channels of a line are multiplied; the same for whatever lane takes it."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "channels": unsigned(config.line_words * config.width),
            "words": unsigned(config.line_words),  # those with such a channel; the token's first word where none has
        })


def find_nonzero(m: Module, config: HardwareConfig, line: Value) -> Signal:
    """Channels of a line that are not zero, whether they belong to the token or not."""
    nonzero = Signal(config.line_words * config.width)
    m.d.comb += [nonzero[place].eq(line.word_select(place, numbers.NIBBLE_BITS).any()) for place in range(len(nonzero))]
    return nonzero


def find_work(m: Module, config: HardwareConfig, nonzero: Value, control: data.View,
              dense: Value | None = None) -> data.View:
    """Channels of the token's words that are not zero, or all of them where zeros are not skipped; no dense ones."""
    work = Signal(LineWork(config))
    used = Signal(config.line_words)
    mask = control.words
    width = config.width
    for word in range(config.line_words):
        found = nonzero.word_select(word, width)
        counted = found | (~control.skip).replicate(width)
        some = found.any() | ~control.skip
        if dense is not None:
            counted &= ~dense.word_select(word, width)
            some = counted.any()
        m.d.comb += [
            work.channels.word_select(word, width).eq(counted & mask[word].replicate(width)),
            used[word].eq(mask[word] & some),
        ]
    m.d.comb += work.words.eq(Mux(used.any(), used, mask & ~without_lowest(mask)))
    return work


def without_lowest(value: Value) -> Value:
    """All but the lowest bit that is set."""
    return value & (value - 1)[:len(value)]


def lowest(value: Value) -> Value:
    """Number of the lowest bit that is set; 0 where none is."""
    single = value & ~without_lowest(value)
    count = len(value)
    bits = address_bits(count)
    return Cat((single & sum(1 << place for place in range(count) if place >> bit & 1)).any() for bit in range(bits))


def wrapped_row(config: HardwareConfig, row: Value) -> Value:
    """A tile row modulo the tile's depth; it lies below twice that."""
    depth = config.tile_rows
    if depth & (depth - 1):
        row = Mux(row >= depth, row - depth, row)
    return row[:address_bits(depth)]


class LineQueue(wiring.Component):
    """Holds two lines and issues one channel a cycle of those that count, lowest first, with no bubble between.

    A line arrives LINE_LATENCY - 2 cycles after the cycle of its ``reserve``; it lies in a buffer one cycle later, and
    its first channel is issued two later, in cycle ``reserve`` + LINE_LATENCY, or in the cycle after the last channel
    of the line before. A line with nothing to multiply takes one cycle, of value 0. ``hold`` keeps back the last
    channel of a token. Initiation interval: one channel a cycle.

    For the channel issued in cycle c, with ``step``: ``address`` of its weight row in c + 1, ``value`` in c + 3.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.word_bits = address_bits(config.line_words)
        super().__init__({
            "reserve": In(1),     # a line was fetched for this lane in this cycle
            "space": Out(1),      # fewer than two lines are fetched and not ended
            "empty": Out(1),      # none is
            "line": In(config.line_bits),
            "control": In(LineControl(config)),
            "work": In(LineWork(config)),
            "line_valid": In(1),
            "hold": In(1),
            "step": Out(Step),
            "counts": Out(1),     # the channel issued is one that ``work`` names
            "held": Out(1),       # the last channel of a token is kept back
            "idle": Out(1),       # there is no channel to issue
            "entry": Out(ENTRY_BITS),                   # of the token in ``step``
            "token": Out(address_bits(config.lanes)),
            "address": Out(address_bits(config.tile_rows)),
            "value": Out(signed(numbers.OPERAND_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        self.lines = [Signal(config.line_bits, name=f"line_{i}", reset_less=True) for i in range(BUFFERS)]
        self.controls = [Signal(LineControl(config), name=f"control_{i}", reset_less=True) for i in range(BUFFERS)]
        self.channels = [Signal(config.line_words * config.width, name=f"channels_{i}", reset_less=True)
                         for i in range(BUFFERS)]
        self.words = [Signal(config.line_words, name=f"words_{i}", reset_less=True) for i in range(BUFFERS)]
        self.full = Signal(BUFFERS)    # words of the line are still to be chosen
        self.fresh = Signal(BUFFERS)   # all of them are
        self.reading = Signal()        # buffer of the next word
        self.valid = Signal()          # the current word, whose lowest channel is issued
        self.mask = Signal(config.width, reset_less=True)
        self.word = Signal(self.word_bits, reset_less=True)
        self.buffer = Signal(reset_less=True)
        self.ends_line = Signal(reset_less=True)
        self.begins_line = Signal(reset_less=True)
        self.arrive(m)
        ended, empties = self.issue(m)
        self.choose(m, empties)
        self.count(m, ended)
        self.operand(m)
        return m

    def arrive(self, m: Module) -> None:
        """A line goes into the buffer that is free; the buffers take turns."""
        writing = Signal()
        m.d.sync += writing.eq(writing ^ self.line_valid)
        for index in range(BUFFERS):
            with m.If(self.line_valid & (writing == index)):
                m.d.sync += [
                    self.lines[index].eq(self.line),
                    self.controls[index].eq(self.control),
                    self.channels[index].eq(self.work.channels),
                    self.words[index].eq(self.work.words),
                    self.full[index].eq(1),
                    self.fresh[index].eq(1),
                ]

    def choose(self, m: Module, empties: Value) -> None:
        """The next word with work, of this line or of the next, follows the current word's last channel at once."""
        pending = Signal(self.config.line_words)
        others = Signal(self.config.line_words)
        word = Signal(self.word_bits)
        channels = Mux(self.reading, self.channels[1], self.channels[0])
        m.d.comb += [
            pending.eq(Mux(self.reading, self.words[1], self.words[0])),
            others.eq(without_lowest(pending)),
            word.eq(lowest(pending)),
        ]
        with m.If(self.full.bit_select(self.reading, 1) & self.takes_word(self.valid, empties)):
            m.d.sync += [
                self.valid.eq(1),
                self.mask.eq(channels.word_select(word, self.config.width)),
                self.word.eq(word),
                self.buffer.eq(self.reading),
                self.begins_line.eq(self.fresh.bit_select(self.reading, 1)),
                self.ends_line.eq(~others.any()),
                self.reading.eq(self.reading ^ ~others.any()),
            ]
            for index in range(BUFFERS):
                with m.If(self.reading == index):
                    m.d.sync += [self.words[index].eq(others), self.full[index].eq(others.any())]
                    m.d.sync += self.fresh[index].eq(0)
        with m.Elif(self.step.valid):
            m.d.sync += [self.mask.eq(without_lowest(self.mask)), self.begins_line.eq(0), self.valid.eq(~empties)]

    def issue(self, m: Module) -> tuple[Value, Value]:
        """Stage 0: the lowest channel of the current word; returns the end of a line, and of a word."""
        control = self.control_of(self.buffer)
        single = Signal()
        empties = Signal()
        ended = Signal()
        last = Signal()
        m.d.comb += [
            single.eq(~without_lowest(self.mask).any()),
            last.eq(single & self.ends_line & control.last),
            self.held.eq(self.valid & last & self.hold),
            self.step.valid.eq(self.valid & ~self.held),
            self.step.first.eq(self.begins_line & control.first),
            self.step.shift.eq(self.begins_line & control.shift),
            self.step.last.eq(last),
            empties.eq(self.step.valid & single),
            ended.eq(empties & self.ends_line),
            self.counts.eq(self.step.valid & self.mask.any()),
            self.idle.eq(~self.valid),
            self.entry.eq(control.entry),
            self.token.eq(control.token),
        ]
        return ended, empties

    def count(self, m: Module, ended: Value) -> None:
        """Lines fetched and not ended."""
        held = Signal(range(BUFFERS + 1), name="held_lines")
        m.d.sync += held.eq(held + self.reserve - ended)
        m.d.comb += [self.space.eq(self.has_space(held)), self.empty.eq(held == 0)]

    def operand(self, m: Module) -> None:
        """A buffer keeps its line for four cycles after its end: a line fetched in the next takes that long."""
        bits = numbers.NIBBLE_BITS
        row = self.control_of(self.buffer).row
        # stage 1: address of the weight row, and the channel of each word
        channel_1 = Signal(address_bits(self.config.width), reset_less=True)
        word_1 = Signal(self.word_bits, reset_less=True)
        buffer_1 = Signal(reset_less=True)
        row_1 = Signal(address_bits(self.config.tile_rows), reset_less=True)
        m.d.sync += [channel_1.eq(lowest(self.mask)), word_1.eq(self.word), buffer_1.eq(self.buffer), row_1.eq(row)]
        m.d.comb += self.address.eq(self.row_address(row_1 + Cat(channel_1, word_1)))
        # stage 2: the word
        word_2 = Signal(self.word_bits, reset_less=True)
        signed_2 = Signal(reset_less=True)
        nibbles = Signal(self.config.line_words * bits, reset_less=True)
        line = self.of_buffer(buffer_1, self.lines)
        for word in range(self.config.line_words):
            channels = line.word_select(word, self.config.word_bits)
            m.d.sync += nibbles.word_select(word, bits).eq(channels.word_select(channel_1, bits))
        if self.config.dense_lanes:
            self.clear_idle(m, nibbles)
        m.d.sync += [word_2.eq(word_1), signed_2.eq(self.control_of(buffer_1).signed)]
        # stage 3: the value beside its weight row
        nibble = nibbles.word_select(word_2, bits)
        m.d.sync += self.value.eq(self.operand_value(nibble, signed_2))

    def clear_idle(self, m: Module, nibbles: Signal) -> None:
        """Where a line has nothing to multiply its channel 0 need not be zero: it may be a dense one."""
        idle_1 = Signal(reset_less=True)
        m.d.sync += idle_1.eq(~self.mask.any())
        with m.If(idle_1):
            m.d.sync += nibbles.eq(0)

    def row_address(self, row: Value) -> Value:
        return wrapped_row(self.config, row)

    @staticmethod
    def takes_word(valid: Value, empties: Value) -> Value:
        return ~valid | empties

    @staticmethod
    def operand_value(nibble: Value, is_signed: Value) -> Value:
        return Cat(nibble, nibble[-1] & is_signed).as_signed()

    @staticmethod
    def has_space(held: Value) -> Value:
        return held < BUFFERS

    def control_of(self, index: Value) -> data.View:
        """Control of the line in a buffer."""
        return data.View(LineControl(self.config), self.of_buffer(index, self.controls))

    @staticmethod
    def of_buffer(index: Value, signals: list) -> Value:
        return Mux(index, Value.cast(signals[1]), Value.cast(signals[0]))
