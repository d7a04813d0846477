"""Softmax engine: scores to unnormalised uint4 probabilities, and each row's scale."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, REGISTER_BITS, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import tree_stages
from rtl.control.engine import descriptor_layout, engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.units.exponential import Exponential
from rtl.units.iterations import Iterations
from rtl.units.pipeline import chain
from rtl.units.reciprocal import Reciprocal
from rtl.units.row_scale import RowScale

START = 1
"""Cycles from accepting a descriptor to its first read."""
SELECT = 1
"""Cycles of the stage that holds a word and its row's maximum."""
WRITE_DELAY = READ_LATENCY + SELECT + Exponential.LATENCY
"""Cycles from a score's read to the write of its probability."""


def tail(config: HardwareConfig) -> int:
    """Cycles from a descriptor's last read to ``give``; the last row's registers hold their value one cycle later."""
    scale = tree_stages(config.width) + 1 + Reciprocal.LATENCY + 1
    return WRITE_DELAY + scale


def iteration_cycles(config: HardwareConfig, words: int) -> int:
    """Cycles of a descriptor, a read in each."""
    return config.lanes * words


class Tag(data.StructLayout):
    """What goes along with a word, beside its flags."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "row": range(2 * config.lanes),
            "multiplier": numbers.MULTIPLIER_BITS,
            "give": ENGINES,
        })


class SoftmaxEngine(wiring.Component):
    """Exponentials relative to the row's maximum, and the row's scale; opcode SOFTMAX.

    Matches ``golden.integer.softmax.exponentials`` and ``row_scale`` bit for bit. A descriptor is one iteration, the
    rows of all ``lanes`` tokens, one word a cycle, no gap between rows: it reads in cycles s + START to s + START +
    lanes * words - 1 after being accepted in cycle s, and the next descriptor is accepted in the cycle after that at
    the earliest. A word's probability is written WRITE_DELAY (5) cycles after its read. ``give`` (each and last) comes
    ``tail`` cycles (12 with width 8 or 16) after the last read.

    Scores and probabilities of lane i word j are at slot * (score_words // 2) + i * words + j. ``maxima``,
    ``row_multiplier`` and ``row_exponent`` have index slot * lanes + lane. ``clear`` comes with ``give``: the maxima of
    ``clear_slot`` have been read.

    Stages, from a word's read: 2 data; 3 word and maximum; 4 difference; 5 exponential, written; adder tree; sum;
    then for a whole row 3 of reciprocal; product; row register.
    """

    exponential_unit = Exponential

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        rows = 2 * config.lanes
        super().__init__({
            **engine_members(Opcode.SOFTMAX),
            "score": Out(ReadPort(config.score_words, config.width * numbers.SCORE_BITS)),
            "probability": Out(WritePort(config.score_words, config.word_bits)),
            "maxima": In(data.ArrayLayout(signed(numbers.SCORE_BITS), rows)),
            "clear": Out(1),
            "clear_slot": Out(1),
            "row_multiplier": Out(data.ArrayLayout(unsigned(numbers.MULTIPLIER_BITS), rows)),
            "row_exponent": Out(data.ArrayLayout(unsigned(Reciprocal.EXPONENT_BITS), rows)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.held = Signal(descriptor_layout(Opcode.SOFTMAX), reset_less=True)
        m.submodules.iterations = self.iterations = Iterations(1)
        self.read_word = Signal(self.held.words.shape())    # position of the word that is read
        self.read_lane = Signal(range(self.config.lanes))
        self.last_word = Signal()
        self.last_cycle = Signal()
        self.handshake(m)
        self.read_scores(m)
        self.send_flags(m)
        self.send_tags(m)
        self.hold_scores(m)
        self.write_probabilities(m)
        self.scale_rows(m)
        self.hold_scales(m)
        return m

    def handshake(self, m: Module) -> None:
        """Descriptors and semaphores; the next descriptor follows without a gap."""
        offered, iterations = self.descriptor.payload, self.iterations
        m.d.comb += [
            iterations.valid.eq(self.descriptor.valid),
            iterations.clear.eq(1),
            iterations.wait_first.eq(offered.wait_first),
            iterations.wait_each.eq(offered.wait_each),
            iterations.count.eq(1),
            iterations.available.eq(self.available),
            iterations.last_cycle.eq(self.last_cycle),
            self.descriptor.ready.eq(iterations.accept),
            self.take.eq(iterations.take),
            self.busy.eq(iterations.running),
        ]
        with m.If(iterations.accept):
            m.d.sync += self.held.eq(offered)

    def read_scores(self, m: Module) -> None:
        """Stage 1: reads, word after word, lane after lane."""
        address = Signal(REGISTER_BITS, reset_less=True)
        m.d.comb += [
            self.last_word.eq(self.read_word == self.held.words - 1),
            self.last_cycle.eq(self.last_word & (self.read_lane == self.config.lanes - 1)),
            self.score.enable.eq(self.iterations.running),
            self.score.address.eq(bounded(address, self.score.address)),
        ]
        with m.If(self.iterations.running):
            m.d.sync += address.eq(address + 1)
            m.d.sync += self.read_word.eq(Mux(self.last_word, 0, self.read_word + 1))
            m.d.sync += self.read_lane.eq(self.read_lane + self.last_word)
        with m.If(self.iterations.accept):
            m.d.sync += address.eq(Mux(self.descriptor.payload.slot, self.config.score_words // 2, 0))

    def send_flags(self, m: Module) -> None:
        """Flags that go along with a word, index i in the cycle i after its read; zero where nothing is."""
        running = self.iterations.running
        cycles = tail(self.config)
        self.valid = chain(m, running, WRITE_DELAY, "valid")
        self.row_end = chain(m, running & self.last_word, cycles, "row_end")
        self.end = chain(m, running & self.last_cycle, cycles, "end")
        self.row_start = chain(m, running & (self.read_word == 0), WRITE_DELAY, "row_start")
        m.d.comb += self.idle.eq(~running & ~Cat(self.end).any())

    def send_tags(self, m: Module) -> None:
        """What else goes along with a word, index i in the cycle i after its read."""
        layout = Tag(self.config)
        read_tag = Signal(layout)
        m.d.comb += [
            read_tag.row.eq(Cat(self.read_lane, self.held.slot)),
            read_tag.multiplier.eq(self.held.multiplier),
            read_tag.give.eq(self.held.signal_each | self.held.signal_last),
        ]
        copies = chain(m, read_tag, tail(self.config), "tag", reset_less=True)
        self.tags = [data.View(layout, copy) for copy in copies]
        self.addresses = chain(m, self.score.address, WRITE_DELAY, "address", reset_less=True)

    def hold_scores(self, m: Module) -> None:
        """Stage 3: the word and its row's maximum."""
        maxima = Array(self.maxima[i] for i in range(2 * self.config.lanes))
        self.scores = Signal(data.ArrayLayout(signed(numbers.SCORE_BITS), self.config.width), reset_less=True)
        self.maximum = Signal(signed(numbers.SCORE_BITS), reset_less=True)
        with m.If(self.valid[READ_LATENCY]):
            m.d.sync += self.scores.as_value().eq(self.score.data)
            m.d.sync += self.maximum.eq(maxima[self.tags[READ_LATENCY].row])

    def write_probabilities(self, m: Module) -> None:
        """Stages 4 and 5: probabilities."""
        m.submodules.exponential = self.exponential = exponential = self.exponential_unit(self.config)
        m.d.comb += [
            exponential.valid.eq(self.valid[READ_LATENCY + SELECT]),
            exponential.maximum.eq(self.maximum),
            exponential.scores.eq(self.scores),
            self.probability.enable.eq(self.valid[WRITE_DELAY]),
            self.probability.address.eq(self.addresses[WRITE_DELAY]),
            self.probability.data.eq(exponential.probabilities),
        ]

    def scale_rows(self, m: Module) -> None:
        """From a row's probabilities to its scale; a signal comes with the last row's."""
        m.submodules.row_scale = self.row_scale = row_scale = RowScale(self.config)
        m.d.comb += [
            row_scale.valid.eq(self.valid[WRITE_DELAY]),
            row_scale.first.eq(self.row_start[WRITE_DELAY]),
            row_scale.last.eq(self.row_end[WRITE_DELAY]),
            row_scale.probabilities.eq(self.exponential.probabilities),
            row_scale.multiplier.eq(self.tags[tail(self.config) - 1].multiplier),
            self.give.eq(Mux(self.end[-1], self.tags[-1].give, 0)),
            self.clear.eq(self.end[-1]),
            self.clear_slot.eq(self.cleared_slot()),
        ]

    def cleared_slot(self) -> Value:
        """The slot of the descriptor that ends."""
        return self.tags[-1].row[-1]

    def hold_scales(self, m: Module) -> None:
        """The last stage: the registers of the rows."""
        rows = range(2 * self.config.lanes)
        multipliers = [Signal(numbers.MULTIPLIER_BITS, name=f"row_multiplier_{i}", reset_less=True) for i in rows]
        exponents = [Signal(Reciprocal.EXPONENT_BITS, name=f"row_exponent_{i}", reset_less=True) for i in rows]
        with m.If(self.row_end[-1]), m.Switch(self.tags[-1].row):
            for i in rows:
                with m.Case(i):
                    m.d.sync += multipliers[i].eq(self.row_scale.scale)
                    m.d.sync += exponents[i].eq(self.row_scale.exponent)
        m.d.comb += [self.row_multiplier[i].eq(multipliers[i]) for i in rows]
        m.d.comb += [self.row_exponent[i].eq(exponents[i]) for i in rows]
