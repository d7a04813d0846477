"""Frames to bytes: flags, escapes, CRC."""

from __future__ import annotations

import enum

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from golden.spec.link import ESCAPE, ESCAPE_FLIP, FLAG, MAX_WORDS, WORD_BYTES
from rtl.link.decoder import HEADER_LAYOUT, WORD_BITS
from rtl.link.uart import BYTE_BITS
from rtl.memory.ports import READ_LATENCY, ReadPort


class State(enum.Enum):
    """What is sent next."""

    IDLE = 0
    OPEN = 1    # the first flag
    BYTES = 2   # of the word at hand
    NEXT = 3    # none: choose the next word
    FETCH = 4   # none: wait for a payload word
    CLOSE = 5   # the last flag


class FrameEncoder(wiring.Component):
    """Sends a frame of ``golden.spec.link`` after a ``start``: ``header``, ``count`` words of ``payload``, CRC.

    The first flag is offered one cycle after ``start``; between two words lie 1 cycle, or READ_LATENCY + 1 before a
    payload word, which a UART hides. ``busy`` is high from the cycle after ``start`` until the last flag is taken;
    ``header`` and ``count`` stay as they are until then.
    """

    def __init__(self) -> None:
        super().__init__({
            "start": In(1),
            "header": In(HEADER_LAYOUT),
            "count": In(range(MAX_WORDS + 1)),
            "payload": Out(ReadPort(MAX_WORDS, WORD_BITS)),
            "bytes": Out(stream.Signature(BYTE_BITS)),
            "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = self.crc = catalog.CRC32_ISO_HDLC(data_width=BYTE_BITS).create()
        self.state = Signal(State)
        self.word = Signal(WORD_BITS, reset_less=True)
        self.place = Signal(range(WORD_BYTES))
        self.sent = Signal(range(MAX_WORDS + 1))     # payload words, that at hand counted
        self.is_crc = Signal()                       # the word at hand is the CRC
        self.wait = Signal(range(READ_LATENCY + 1))
        m.d.comb += [
            self.busy.eq(self.state != State.IDLE),
            self.crc.start.eq(self.start),
            self.payload.address.eq(self.sent),
        ]
        with m.Switch(self.state):
            with m.Case(State.IDLE), m.If(self.start):
                m.d.sync += [self.word.eq(self.header), self.sent.eq(0), self.is_crc.eq(0), self.state.eq(State.OPEN)]
            self.send_flag(m, State.OPEN, State.BYTES)
            self.send_bytes(m)
            self.choose_word(m)
            self.send_flag(m, State.CLOSE, State.IDLE)
        return m

    def send_flag(self, m: Module, state: State, following: State) -> None:
        """The first or last byte."""
        with m.Case(state):
            m.d.comb += [self.bytes.valid.eq(1), self.bytes.payload.eq(FLAG)]
            with m.If(self.bytes.ready):
                m.d.sync += self.state.eq(following)

    def send_bytes(self, m: Module) -> None:
        """The word's bytes, each as one or two."""
        value = self.word[:BYTE_BITS]
        escaped = Signal()
        needs_escape = (value == FLAG) | (value == ESCAPE)
        with m.Case(State.BYTES):
            m.d.comb += self.bytes.valid.eq(1)
            with m.If(needs_escape & ~escaped):
                m.d.comb += self.bytes.payload.eq(ESCAPE)
                m.d.sync += escaped.eq(escaped | self.bytes.ready)
            with m.Else():
                m.d.comb += [self.bytes.payload.eq(value ^ Mux(escaped, ESCAPE_FLIP, 0)),
                             self.crc.valid.eq(self.bytes.ready & ~self.is_crc), self.crc.data.eq(value)]
                with m.If(self.bytes.ready):
                    m.d.sync += [escaped.eq(0), self.word.eq(self.word >> BYTE_BITS), self.place.eq(self.place + 1)]
                    with m.If(self.place == WORD_BYTES - 1):
                        m.d.sync += self.state.eq(State.NEXT)

    def choose_word(self, m: Module) -> None:
        """After the header the payload, then the CRC, then the last flag."""
        with m.Case(State.NEXT):
            m.d.sync += self.wait.eq(0)
            with m.If(self.is_crc):
                m.d.sync += self.state.eq(State.CLOSE)
            with m.Elif(self.sent == self.count):
                m.d.sync += [self.word.eq(self.crc.crc), self.is_crc.eq(1), self.state.eq(State.BYTES)]
            with m.Else():
                m.d.comb += self.payload.enable.eq(1)
                m.d.sync += self.state.eq(State.FETCH)
        with m.Case(State.FETCH):
            m.d.sync += self.wait.eq(self.wait + 1)
            with m.If(self.wait == READ_LATENCY - 1):
                m.d.sync += [self.word.eq(self.payload.data), self.sent.eq(self.sent + 1), self.state.eq(State.BYTES)]
