"""Control of the norm engine: which word is read, replayed and written in which cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES, REGISTER_BITS
from golden.spec.hardware import HardwareConfig
from rtl.memory.part_ram import PARTS
from rtl.units.modulate import INT8_BITS

WORDS_BITS = 8
COUNT_BITS = 12


class NormReader(wiring.Component):
    """Walks over the residual stream: one word a cycle, or one every two cycles if ``slow``.

    A group of ``lanes`` tokens, ``words`` words each, is an iteration. ``load`` starts at ``base``; everything else is
    of the same cycle as ``running``.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.lanes = config.lanes
        super().__init__({
            "load": In(1),
            "base": In(REGISTER_BITS),
            "running": In(1),
            "words": In(WORDS_BITS),
            "slow": In(1),
            "enable": Out(1),
            "address": Out(REGISTER_BITS),
            "first": Out(1),
            "last": Out(1),
            "last_cycle": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        second = Signal()
        word = Signal(WORDS_BITS)
        token = Signal(range(self.lanes))
        address = Signal(REGISTER_BITS, reset_less=True)
        word_end = Signal()
        m.d.comb += [
            self.enable.eq(self.running & ~second),
            self.first.eq(word == 0),
            self.last.eq(word == self.words - 1),
            word_end.eq(self.running & (second == self.slow)),
            self.last_cycle.eq(word_end & self.last & (token == self.lanes - 1)),
            self.address.eq(address),
        ]
        with m.If(self.running):
            m.d.sync += second.eq(self.slow & ~second)
        with m.If(word_end):
            m.d.sync += word.eq(Mux(self.last, 0, word + 1))
            m.d.sync += address.eq(address + 1)
        with m.If(word_end & self.last):
            m.d.sync += token.eq(token + 1)
        with m.If(self.load):
            m.d.sync += address.eq(self.base)
        return m


class NormReplay(wiring.Component):
    """Replays a token's words from the cycle after ``start`` on: one a cycle, or one every two cycles if ``slow``.

    With PARTS ``parts`` it is always ``slow``, and ``enable`` comes for both parts of a word, with ``upper`` for the
    second. ``start`` of the next token comes ``words`` words later at the earliest.
    """

    def __init__(self, parts: int) -> None:
        self.parts = parts
        super().__init__({
            "start": In(1),
            "words": In(WORDS_BITS),
            "slow": In(1),
            "enable": Out(1),
            "upper": Out(1),
            "word": Out(WORDS_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        active = Signal()
        second = Signal()
        word = Signal(WORDS_BITS, reset_less=True)
        m.d.comb += [
            self.enable.eq(active if self.parts == PARTS else active & ~second),
            self.upper.eq(active & second),
            self.word.eq(word),
        ]
        with m.If(active):
            m.d.sync += second.eq(self.slow & ~second)
            with m.If(second == self.slow):
                m.d.sync += word.eq(word + 1)
                with m.If(word == self.words - 1):
                    m.d.sync += active.eq(0)
        with m.If(self.start):
            m.d.sync += [active.eq(1), second.eq(0), word.eq(0)]
        return m


class NormTable(wiring.Component):
    """Address of the gain and bias word of each replayed word.

    The table starts at ``base`` and moves on by ``step`` after every ``groups`` groups, if that is not 0: then one
    descriptor serves several contexts. ``address`` belongs to the same cycle as ``word``.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.lanes = config.lanes
        super().__init__({
            "load": In(1),
            "base": In(REGISTER_BITS),
            "groups": In(COUNT_BITS),
            "step": In(16),
            "words": In(WORDS_BITS),
            "valid": In(1),
            "word": In(WORDS_BITS),
            "address": Out(REGISTER_BITS + 1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        base = Signal(REGISTER_BITS, reset_less=True)
        token = Signal(range(self.lanes))
        group = Signal(COUNT_BITS)
        m.d.comb += self.address.eq(base + self.word)
        with m.If(self.valid & (self.word == self.words - 1)):
            m.d.sync += token.eq(token + 1)
            with m.If(token == self.lanes - 1):
                m.d.sync += group.eq(group + 1)
                with m.If(group + 1 == self.groups):
                    m.d.sync += [group.eq(0), base.eq(base + self.step)]
        with m.If(self.load):
            m.d.sync += [base.eq(self.base), token.eq(0), group.eq(0)]
        return m


class NormWriter(wiring.Component):
    """Writes words of uint4, or of 8 bits as two nibble planes, and gives after each group.

    ``valid`` with ``word`` in cycle t writes the word, or its high plane, in cycle t + 1; the low plane follows in
    cycle t + 2, while ``word`` holds. ``give`` comes with the last write of a group. ``active`` is high from the cycle
    after ``load`` to that of the last ``give``.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.lanes = config.lanes
        self.width = config.width
        super().__init__({
            "load": In(1),
            "base": In(REGISTER_BITS),
            "count": In(COUNT_BITS),
            "words": In(WORDS_BITS),
            "wide": In(1),
            "signal_each": In(ENGINES),
            "signal_last": In(ENGINES),
            "valid": In(1),
            "word": In(data.ArrayLayout(INT8_BITS, config.width)),
            "enable": Out(1),
            "address": Out(REGISTER_BITS),
            "data": Out(config.word_bits),
            "give": Out(ENGINES),
            "active": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pointer = Signal(REGISTER_BITS, reset_less=True)
        word = Signal(WORDS_BITS)
        token = Signal(range(self.lanes))
        remaining = Signal(COUNT_BITS, reset_less=True)
        second = Signal()
        word_end = Signal()
        token_end = Signal()
        group_end = Signal()
        last_group = Signal()
        finished = Signal()
        high = Cat(self.word[i][4:] for i in range(self.width))
        low = Cat(self.word[i][:4] for i in range(self.width))
        m.d.comb += [
            word_end.eq(Mux(self.wide, second, self.valid)),
            token_end.eq(word_end & (word == self.words - 1)),
            group_end.eq(token_end & (token == self.lanes - 1)),
            last_group.eq(remaining == 0),
        ]
        m.d.sync += [
            second.eq(self.valid & self.wide),
            self.enable.eq(self.valid | second),
            self.give.eq(Mux(group_end, self.signal_each | Mux(last_group, self.signal_last, 0), 0)),
            finished.eq(group_end & last_group),
        ]
        with m.If(self.valid | second):
            m.d.sync += self.address.eq(Mux(second, pointer + self.words, pointer))
            m.d.sync += self.data.eq(Mux(self.valid & self.wide, high, low))
        with m.If(word_end):
            m.d.sync += word.eq(Mux(token_end, 0, word + 1))
            m.d.sync += pointer.eq(Mux(token_end & self.wide, pointer + self.words + 1, pointer + 1))
        with m.If(token_end):
            m.d.sync += token.eq(token + 1)
        with m.If(group_end):
            m.d.sync += remaining.eq(remaining - 1)
        with m.If(finished):
            m.d.sync += self.active.eq(0)
        with m.If(self.load):
            m.d.sync += [self.active.eq(1), pointer.eq(self.base), remaining.eq(self.count - 1)]
        return m
