"""Bytes to frames: flags, escapes, CRC, length."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from golden.spec.link import (
    BYTE_TIMEOUT_BITS,
    ESCAPE,
    ESCAPE_FLIP,
    FLAG,
    HEADER_BITS,
    MAX_WORDS,
    OVERHEAD_WORDS,
    WORD_BYTES,
)
from rtl.link.uart import BYTE_BITS
from rtl.memory.ports import WritePort

WORD_BITS = 8 * WORD_BYTES
HEADER_LAYOUT = data.StructLayout(HEADER_BITS)
FRAME_WORDS = MAX_WORDS + OVERHEAD_WORDS
"""Words of the longest frame: header, payload, CRC."""


class FrameDecoder(wiring.Component):
    """Takes frames of ``golden.spec.link``, a byte in any second cycle.

    ``frame`` pulses FRAME_LATENCY cycle after the closing flag of a good frame, with its ``header`` and its ``count``
    of payload words. They were written to ``payload`` as they came, from address 0 on, with the CRC behind them where
    there is room. Whatever else lay between two flags pulses ``damaged``; so do a ``broken`` byte within a frame, a
    byte too many, and ``timeout_cycles`` cycles without a byte, after each of which the decoder waits for a flag. It
    also does so, and says nothing, from a cycle without ``listen`` on.
    """

    FRAME_LATENCY = 1

    def __init__(self, bit_cycles: int) -> None:
        self.timeout_cycles = BYTE_TIMEOUT_BITS * bit_cycles
        super().__init__({
            "byte": In(BYTE_BITS),
            "valid": In(1),
            "broken": In(1),
            "listen": In(1),
            "payload": Out(WritePort(MAX_WORDS, WORD_BITS)),
            "frame": Out(1),
            "header": Out(HEADER_LAYOUT),
            "count": Out(range(MAX_WORDS + 1)),
            "damaged": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = self.crc = catalog.CRC32_ISO_HDLC(data_width=BYTE_BITS).create()
        self.inside = Signal()                       # a flag has been seen
        self.escaped = Signal()                      # the byte before was an escape
        self.place = Signal(range(WORD_BYTES))       # of the next byte in its word
        self.words = Signal(range(FRAME_WORDS + 1))  # complete ones
        self.word = Signal(WORD_BITS, reset_less=True)
        self.clear = Signal()                        # forget the frame
        self.leave = Signal()                        # and wait for a flag
        self.is_data = Signal()
        self.is_flag = Signal()
        self.take_bytes(m)
        self.write_words(m)
        self.end_frames(m)
        self.watch_time(m)
        with m.If(~self.listen):
            m.d.comb += [self.clear.eq(1), self.leave.eq(1)]
        with m.If(self.clear):
            m.d.sync += [self.escaped.eq(0), self.place.eq(0), self.words.eq(0)]
        with m.If(self.leave):
            m.d.sync += self.inside.eq(0)
        return m

    def take_bytes(self, m: Module) -> None:
        """Escapes out; bytes to words and into the CRC."""
        value, valid = self.byte, self.valid
        is_escape = Signal()
        plain = Signal(BYTE_BITS)
        m.d.comb += [
            self.is_flag.eq(valid & (value == FLAG)),
            is_escape.eq(valid & (value == ESCAPE)),
            self.is_data.eq(valid & self.inside & ~self.is_flag & ~is_escape),
            plain.eq(value ^ Mux(self.escaped, ESCAPE_FLIP, 0)),
            self.crc.start.eq(self.clear),
            self.crc.valid.eq(self.is_data),
            self.crc.data.eq(plain),
        ]
        with m.If(is_escape & self.inside):
            m.d.sync += self.escaped.eq(1)
        with m.If(self.is_data):
            m.d.sync += [self.escaped.eq(0), self.word.eq(Cat(self.word[BYTE_BITS:], plain)),
                         self.place.eq(self.place + 1)]

    def write_words(self, m: Module) -> None:
        """A word is written in the cycle after its last byte: the first is the header."""
        complete = Signal()
        m.d.sync += complete.eq(self.is_data & (self.place == WORD_BYTES - 1) & ~self.clear)
        m.d.comb += [self.payload.address.eq(self.words - 1), self.payload.data.eq(self.word)]
        with m.If(complete):
            m.d.sync += self.words.eq(self.words + 1)
            with m.If(self.words == 0):
                m.d.sync += self.header.eq(self.word)
            m.d.comb += self.payload.enable.eq((self.words != 0) & (self.words <= MAX_WORDS))

    def end_frames(self, m: Module) -> None:
        """A flag ends a frame and begins the next; what is too long or broken ends before."""
        begun = Signal()
        m.d.comb += begun.eq((self.words != 0) | (self.place != 0) | self.escaped)
        m.d.sync += [self.frame.eq(0), self.damaged.eq(0)]
        with m.If(self.is_flag & self.listen):
            good = Signal()
            whole = (self.words >= OVERHEAD_WORDS) & (self.place == 0) & ~self.escaped
            m.d.comb += [good.eq(whole & self.crc_matches()), self.clear.eq(self.forgets(good))]
            m.d.sync += [self.inside.eq(1), self.frame.eq(self.inside & good),
                         self.damaged.eq(self.inside & begun & ~good), self.count.eq(self.words - OVERHEAD_WORDS)]
        with m.If(self.inside & (self.broken | (self.is_data & self.is_full()))):
            m.d.comb += [self.clear.eq(1), self.leave.eq(1)]
            m.d.sync += self.damaged.eq(self.listen)
        self.begun = begun

    def forgets(self, good: Value) -> Value:
        """Whether a flag ends what came before it."""
        return Const(1)

    def crc_matches(self) -> Value:
        """Whether header, payload and CRC agree."""
        return self.crc.match_detected

    def is_full(self) -> Value:
        """Whether no further byte may follow but a flag."""
        return self.words == FRAME_WORDS

    def watch_time(self, m: Module) -> None:
        """A frame that has begun and does not go on is forgotten."""
        idle = Signal(range(self.timeout_cycles))
        with m.If(self.valid | ~self.begun):
            m.d.sync += idle.eq(0)
        with m.Else():
            m.d.sync += idle.eq(idle + 1)
            with m.If(idle == self.timeout_cycles - 1):
                m.d.comb += [self.clear.eq(1), self.leave.eq(1)]
                m.d.sync += self.damaged.eq(self.listen)
