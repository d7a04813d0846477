"""Softmax engine: scores to unnormalised uint4 probabilities, and each row's scale."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, REGISTER_BITS, Opcode
from golden.spec.hardware import HardwareConfig
from rtl.control.engine import descriptor_layout, engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.units.exponential import Exponential
from rtl.units.iterations import Iterations
from rtl.units.pipeline import chain, tree_stages
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
    ``row_multiplier`` and ``row_exponent`` have index slot * lanes + lane.

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
            "row_multiplier": Out(data.ArrayLayout(unsigned(numbers.MULTIPLIER_BITS), rows)),
            "row_exponent": Out(data.ArrayLayout(unsigned(Reciprocal.EXPONENT_BITS), rows)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        offered = self.descriptor.payload
        held = Signal(descriptor_layout(Opcode.SOFTMAX), reset_less=True)
        m.submodules.iterations = iterations = Iterations(1)
        # Position of the word that is read.
        word = Signal(held.words.shape())
        lane = Signal(range(config.lanes))
        address = Signal(REGISTER_BITS, reset_less=True)
        last_word = Signal()
        last_cycle = Signal()
        m.d.comb += [
            iterations.valid.eq(self.descriptor.valid),
            iterations.clear.eq(1),
            iterations.wait_first.eq(offered.wait_first),
            iterations.wait_each.eq(offered.wait_each),
            iterations.count.eq(1),
            iterations.available.eq(self.available),
            iterations.last_cycle.eq(last_cycle),
            self.descriptor.ready.eq(iterations.accept),
            self.take.eq(iterations.take),
            self.busy.eq(iterations.running),
            last_word.eq(word == held.words - 1),
            last_cycle.eq(last_word & (lane == config.lanes - 1)),
            self.score.enable.eq(iterations.running),
            self.score.address.eq(bounded(address, self.score.address)),
        ]
        with m.If(iterations.running):
            m.d.sync += address.eq(address + 1)
            m.d.sync += word.eq(Mux(last_word, 0, word + 1))
            m.d.sync += lane.eq(lane + last_word)
        with m.If(iterations.accept):
            m.d.sync += held.eq(offered)
            m.d.sync += address.eq(Mux(offered.slot, config.score_words // 2, 0))
        # What goes along with the word; flags are zero where nothing is.
        tail_cycles = tail(config)
        read_tag = Signal(Tag(config))
        running = iterations.running
        m.d.comb += [
            read_tag.row.eq(Cat(lane, held.slot)),
            read_tag.multiplier.eq(held.multiplier),
            read_tag.give.eq(held.signal_each | held.signal_last),
        ]
        valid = chain(m, running, WRITE_DELAY, "valid")
        row_end = chain(m, running & last_word, tail_cycles, "row_end")
        end = chain(m, running & last_cycle, tail_cycles, "end")
        row_start = chain(m, running & (word == 0), WRITE_DELAY, "row_start")
        tags = [data.View(Tag(config), value)
                for value in chain(m, read_tag, tail_cycles, "tag", reset_less=True)]
        addresses = chain(m, self.score.address, WRITE_DELAY, "address", reset_less=True)
        m.d.comb += self.idle.eq(~running & ~Cat(end).any())
        # Stage 3: the word and its row's maximum.
        maxima = Array(self.maxima[i] for i in range(2 * config.lanes))
        scores = Signal(data.ArrayLayout(signed(numbers.SCORE_BITS), config.width), reset_less=True)
        maximum = Signal(signed(numbers.SCORE_BITS), reset_less=True)
        with m.If(valid[READ_LATENCY]):
            m.d.sync += scores.as_value().eq(self.score.data)
            m.d.sync += maximum.eq(maxima[tags[READ_LATENCY].row])
        # Stages 4 and 5: probabilities.
        m.submodules.exponential = exponential = self.exponential_unit(config)
        m.d.comb += [
            exponential.valid.eq(valid[READ_LATENCY + SELECT]),
            exponential.maximum.eq(maximum),
            exponential.scores.eq(scores),
            self.probability.enable.eq(valid[WRITE_DELAY]),
            self.probability.address.eq(addresses[WRITE_DELAY]),
            self.probability.data.eq(exponential.probabilities),
        ]
        # Rows.
        m.submodules.row_scale = row_scale = RowScale(config)
        m.d.comb += [
            row_scale.valid.eq(valid[WRITE_DELAY]),
            row_scale.first.eq(row_start[WRITE_DELAY]),
            row_scale.last.eq(row_end[WRITE_DELAY]),
            row_scale.probabilities.eq(exponential.probabilities),
            row_scale.multiplier.eq(tags[tail_cycles - 1].multiplier),
            self.give.eq(Mux(end[tail_cycles], tags[tail_cycles].give, 0)),
        ]
        rows = range(2 * config.lanes)
        multipliers = [Signal(numbers.MULTIPLIER_BITS, name=f"row_multiplier_{i}", reset_less=True) for i in rows]
        exponents = [Signal(Reciprocal.EXPONENT_BITS, name=f"row_exponent_{i}", reset_less=True) for i in rows]
        with m.If(row_end[tail_cycles]):
            with m.Switch(tags[tail_cycles].row):
                for i in rows:
                    with m.Case(i):
                        m.d.sync += multipliers[i].eq(row_scale.scale)
                        m.d.sync += exponents[i].eq(row_scale.exponent)
        m.d.comb += [self.row_multiplier[i].eq(multipliers[i]) for i in rows]
        m.d.comb += [self.row_exponent[i].eq(exponents[i]) for i in rows]
        return m
