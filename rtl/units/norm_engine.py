"""Norm engine: residual stream to normalised activations."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.spec import numbers
from golden.spec.descriptors import NORM_PLANES, NormFormat, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import tree_stages
from rtl.control.engine import descriptor_layout, engine_members
from rtl.memory.bounds import bounded
from rtl.memory.part_ram import PARTS, PartReadPort
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.memory.ram import Ram
from rtl.units.gather import Gather
from rtl.units.iterations import Iterations
from rtl.units.modulate import Modulate, ModulationLayout
from rtl.units.norm_control import COUNT_BITS, WORDS_BITS, NormReader, NormReplay, NormTable, NormWriter
from rtl.units.normalise import Normalise
from rtl.units.pipeline import chain
from rtl.units.reciprocal_square_root import ReciprocalSquareRoot
from rtl.units.square_sum import SquareSum

START = 1
"""Cycles from accepting a descriptor to its first read."""


def tail(config: HardwareConfig, words: int, format: NormFormat) -> int:
    """Cycles from an iteration's last cycle (``iteration_cycles``) to its ``give``, which comes with its last write."""
    select = 1
    squares = 2 + tree_stages(config.norm_channels)
    write = 1
    constant = (READ_LATENCY + select + squares + ReciprocalSquareRoot.LATENCY + Normalise.LATENCY + Modulate.LATENCY
                + write)
    if config.norm_parts == PARTS:    # the last read is in the cycle before the iteration's last
        squared, gathered = 1, 1 + Gather.LATENCY
        constant += squared + gathered + (format in NORM_PLANES) - 1
    return constant + (words - 1) * word_cycles(config, format)


def word_cycles(config: HardwareConfig, format: NormFormat) -> int:
    """Cycles between two reads."""
    return 2 if config.norm_parts == PARTS or format in NORM_PLANES else 1


def iteration_cycles(config: HardwareConfig, words: int, format: NormFormat) -> int:
    """Cycles of an iteration, one group; the last read is in its last cycle, or with two cycles a word before it."""
    return config.lanes * words * word_cycles(config, format)


def longest_words(config: HardwareConfig) -> int:
    """Longest token, in words: a group of tokens fits the residual stream."""
    return min(config.residual_words // config.lanes, (1 << WORDS_BITS) - 1)


class NormEngine(wiring.Component):
    """Root-mean-square norm with gain and bias; opcode NORM.

    Matches ``golden.integer.norm.normalise`` and ``modulate`` bit for bit. ``Iterations`` says when an iteration, one
    group of ``lanes`` tokens, starts: START cycles after accepting. Reads a word a cycle, or one every two cycles for
    planes, and where ``norm_parts`` is 2: then its halves follow each other through half of the multipliers.
    ``iteration_cycles`` and ``tail`` give the rest of the timing. With width 8 or 16 in one part the tail is 16 +
    (words - 1) * word_cycles. A descriptor is accepted no earlier than the cycle after the last ``give`` of the one
    before; ``idle`` is high from that cycle on.

    Token k word w is at residual_base + k * words + w. Modulation word w is at table_base + w, and ``table_step``
    further on after every ``table_groups`` groups. Token k word w goes to destination_base + k * words + w, and for
    planes its high one to destination_base + 2 * k * words + w and its low one ``words`` further.

    Stages, from a word's read: 2 data; 3 word, into the delay; 4 squares; adder tree; sum; then for a whole
    token 3 of reciprocal square root, while its words are replayed from the delay; 2 normalise; 3 modulate; 1 write.
    """

    reciprocal_unit = ReciprocalSquareRoot
    normalise_unit = Normalise
    modulate_unit = Modulate
    gather_unit = Gather

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        table = PartReadPort if config.norm_parts == PARTS else ReadPort
        super().__init__({
            **engine_members(Opcode.NORM),
            "residual": Out(ReadPort(config.residual_words, config.width * numbers.WIDE_BITS)),
            "modulation": Out(table(config.modulation_words, config.width * 2 * numbers.GAIN_BITS)),
            "normalised": Out(WritePort(config.normalised_words, config.word_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.held = Signal(descriptor_layout(Opcode.NORM), reset_less=True)
        self.wide = Signal()
        self.slow = Signal()      # two cycles a word
        self.parts = self.config.norm_parts
        m.submodules.iterations = self.iterations = Iterations(COUNT_BITS)
        m.submodules.reader = self.reader = NormReader(self.config)
        m.submodules.writer = self.writer = NormWriter(self.config)
        self.handshake(m)
        self.read_words(m)
        self.hold_word(m)
        self.find_root(m)
        self.delay_words(m)
        self.normalise_words(m)
        self.look_up_table(m)
        self.modulate_words(m)
        self.write_words(m)
        return m

    def handshake(self, m: Module) -> None:
        """Descriptors and semaphores; the next descriptor waits for the last write."""
        offered, iterations = self.descriptor.payload, self.iterations
        m.d.comb += [
            self.wide.eq(self.held.format.matches(*NORM_PLANES)),
            self.slow.eq(self.wide | (self.parts == PARTS)),
            iterations.valid.eq(self.descriptor.valid),
            iterations.clear.eq(~self.writer.active),
            iterations.wait_first.eq(offered.wait_first),
            iterations.wait_each.eq(offered.wait_each),
            iterations.count.eq(offered.count),
            iterations.available.eq(self.available),
            iterations.last_cycle.eq(self.reader.last_cycle),
            self.descriptor.ready.eq(iterations.accept),
            self.take.eq(iterations.take),
            self.busy.eq(iterations.running),
            self.idle.eq(~self.writer.active),
        ]
        with m.If(iterations.accept):
            m.d.sync += self.held.eq(offered)

    def read_words(self, m: Module) -> None:
        """Stage 1: reads."""
        reader = self.reader
        m.d.comb += [
            reader.load.eq(self.iterations.accept),
            reader.base.eq(self.descriptor.payload.residual_base),
            reader.running.eq(self.iterations.running),
            reader.words.eq(self.held.words),
            reader.slow.eq(self.slow),
            self.residual.enable.eq(reader.enable),
            self.residual.address.eq(bounded(reader.address, self.residual.address)),
        ]

    def hold_word(self, m: Module) -> None:
        """Stages 2 and 3: the word read; ``valid``, ``first`` and ``last`` of its token go with it, or its parts."""
        reader = self.reader
        flags = chain(m, Cat(reader.enable, reader.first, reader.last), READ_LATENCY + 1, "flags")
        self.valid, self.first, self.last = flags[-1]
        word = Signal(data.ArrayLayout(signed(numbers.WIDE_BITS), self.config.width), reset_less=True)
        with m.If(flags[READ_LATENCY][0]):
            m.d.sync += word.as_value().eq(self.residual.data)
        self.word = word.as_value()
        if self.parts == PARTS:
            lower, last = self.valid, self.last
            upper, ends = chain(m, Cat(lower, last & lower), 1, "upper")[-1]
            self.valid, self.first, self.last = lower | upper, self.first & lower, ends
            self.word = self.half(self.word, upper)

    @staticmethod
    def half(word: Value, upper: Value) -> Value:
        """One of a word's halves."""
        return word.word_select(upper, len(word) // 2)

    def find_root(self, m: Module) -> None:
        """The sum of squares and its reciprocal root, whole tokens; with the sum complete the token's replay starts."""
        m.submodules.square_sum = self.square_sum = square_sum = SquareSum(self.config, longest_words(self.config))
        m.submodules.reciprocal = self.reciprocal = self.reciprocal_unit(len(square_sum.total))
        m.submodules.replay = self.replay = NormReplay(self.parts)
        m.d.comb += [
            square_sum.valid.eq(self.valid),
            square_sum.first.eq(self.first),
            square_sum.last.eq(self.last),
            square_sum.word.as_value().eq(self.word),
            self.reciprocal.valid.eq(square_sum.complete),
            self.reciprocal.square.eq(square_sum.total),
            self.replay.start.eq(square_sum.complete),
            self.replay.words.eq(self.held.words),
            self.replay.slow.eq(self.slow),
        ]
        if 1 + READ_LATENCY != self.reciprocal.LATENCY:
            raise ValueError("the replay from the delay no longer meets the reciprocal square root")

    def delay_words(self, m: Module) -> None:
        """The delay: a ring that the words of at most two tokens share, replayed in step with the root."""
        in_flight = self.parts * longest_words(self.config) + self.square_sum.latency + 2
        depth = 1 << (in_flight - 1).bit_length()
        m.submodules.delay = self.delay = delay = Ram(depth, len(self.word))
        head = Signal(range(depth))
        oldest = Signal(range(depth))
        m.d.comb += [
            delay.write.enable.eq(self.valid),
            delay.write.address.eq(head),
            delay.write.data.eq(self.word),
            delay.read.enable.eq(self.replay.enable),
            delay.read.address.eq(oldest),
        ]
        with m.If(self.valid):
            m.d.sync += head.eq(head + 1)
        with m.If(self.replay.enable):
            m.d.sync += oldest.eq(oldest + 1)

    def normalise_words(self, m: Module) -> None:
        """The delayed word times the root; ``replayed[i]`` says that a word was replayed i cycles ago."""
        m.submodules.normalise = self.normalise = normalise = self.normalise_unit(self.config)
        self.replayed = chain(m, self.replay.enable, READ_LATENCY + Normalise.LATENCY + Modulate.LATENCY, "replayed")
        m.d.comb += [
            normalise.valid.eq(self.replayed[READ_LATENCY]),
            normalise.word.eq(self.delay.read.data),
            normalise.mantissa.eq(self.reciprocal.mantissa),
            normalise.exponent.eq(self.reciprocal.exponent),
        ]

    def look_up_table(self, m: Module) -> None:
        """Gain and bias, read so that they arrive with the normalised word."""
        m.submodules.table = table = NormTable(self.config)
        reading = self.replayed[Normalise.LATENCY]
        m.d.comb += [
            table.load.eq(self.iterations.accept),
            table.base.eq(self.descriptor.payload.table_base),
            table.groups.eq(self.held.table_groups),
            table.step.eq(self.held.table_step),
            table.words.eq(self.held.words),
            table.valid.eq(reading & self.ends_word(m)),
            table.word.eq(chain(m, self.replay.word, Normalise.LATENCY, "table_word", reset_less=True)[-1]),
            self.modulation.enable.eq(reading),
        ]
        address = self.modulation.address
        if self.parts == PARTS:
            m.d.comb += address.eq(Cat(self.upper[Normalise.LATENCY], bounded(table.address, address[1:])))
        else:
            m.d.comb += address.eq(bounded(table.address, address))

    def ends_word(self, m: Module) -> Value:
        """Whether what is looked up is a word's last part."""
        self.upper = chain(m, self.replay.upper, Normalise.LATENCY + READ_LATENCY, "replayed_upper")
        return self.upper[Normalise.LATENCY] if self.parts == PARTS else Const(1)

    def modulate_words(self, m: Module) -> None:
        """Gain, bias and format."""
        m.submodules.modulate = self.modulate = modulate = self.modulate_unit(self.config)
        table_word = data.View(data.ArrayLayout(ModulationLayout(), self.config.norm_channels), self.modulation.data)
        m.d.comb += [
            modulate.valid.eq(self.replayed[READ_LATENCY + Normalise.LATENCY]),
            modulate.normalised.eq(self.normalise.normalised),
            modulate.modulation.eq(table_word),
            modulate.shift.eq(self.held.shift),
            modulate.bias_shift.eq(self.held.bias_shift),
            modulate.wide.eq(self.wide),
            modulate.rectify.eq(self.held.format != NormFormat.INT8),
        ]

    def write_words(self, m: Module) -> None:
        """The last stage: writes, and a signal after each group's last."""
        offered, writer = self.descriptor.payload, self.writer
        valid, word = self.replayed[-1], self.modulate.modulated.as_value()
        if self.parts == PARTS:
            m.submodules.gather = gather = self.gather_unit(len(word))
            lower = chain(m, ~self.upper[-1], Modulate.LATENCY, "modulated_lower")[-1]
            m.d.comb += [gather.valid.eq(valid & lower), gather.part.eq(word)]
            valid, word = gather.word_valid, gather.word
        m.d.comb += [
            writer.load.eq(self.iterations.accept),
            writer.base.eq(offered.destination_base),
            writer.count.eq(offered.count),
            writer.words.eq(self.held.words),
            writer.wide.eq(self.wide),
            writer.signal_each.eq(self.held.signal_each),
            writer.signal_last.eq(self.held.signal_last),
            writer.valid.eq(valid),
            writer.word.as_value().eq(word),
            self.normalised.enable.eq(writer.enable),
            self.normalised.address.eq(bounded(writer.address, self.normalised.address)),
            self.normalised.data.eq(writer.data),
            self.give.eq(writer.give),
        ]
