"""Requests to register accesses, each executed once, and their answers."""

from __future__ import annotations

import enum

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.link import (
    LINK_ADDRESSES,
    LINK_BASE,
    LINK_COUNTER_BITS,
    LINK_VERSION,
    MAX_WORDS,
    Answer,
    Command,
)
from rtl.control.registers import REQUEST_LAYOUT
from rtl.link.decoder import HEADER_LAYOUT, WORD_BITS
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort


class State(enum.Enum):
    """What the unit is doing."""

    LISTEN = 0
    FETCH = 1       # wait for a word of the request
    CHECK = 2       # of a read: how often
    WRITE = 3
    READ = 4
    VALUE = 5       # wait for the register's value
    REPLY = 6
    SENDING = 7


class RegisterAccess(wiring.Component):
    """Executes a request that ``frame`` announces, and then pulses ``reply`` with the answer's header and count.

    The request's words are at ``words``, those of the answer go to ``values``. A word that is written takes
    READ_LATENCY + 1 cycles, one that is read 2, each and what the core takes. A request with the sequence number of
    the one before is only answered: ``reply_header``, ``reply_count`` and the memory behind ``values`` still hold the
    answer. ``listen`` is high from one cycle after ``sending`` fell until the next request.
    """

    def __init__(self, clock_hz: int, baud: int) -> None:
        self.constants = {"LINK_VERSION": LINK_VERSION, "CLOCK_HZ": clock_hz, "BAUD": baud}
        super().__init__({
            "frame": In(1),
            "header": In(HEADER_LAYOUT),
            "count": In(range(MAX_WORDS + 1)),
            "damaged": In(1),
            "words": Out(ReadPort(MAX_WORDS, WORD_BITS)),
            "values": Out(WritePort(MAX_WORDS, WORD_BITS)),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(WORD_BITS)),
            "reply": Out(1),
            "reply_header": Out(HEADER_LAYOUT),
            "reply_count": Out(range(MAX_WORDS + 1)),
            "sending": In(1),
            "listen": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.state = Signal(State)
        self.session = Signal()
        self.index = Signal(range(MAX_WORDS + 1))     # of the word at hand
        self.total = Signal(range(MAX_WORDS + 1))     # words to read or write
        self.wait = Signal(range(READ_LATENCY + 1))
        self.is_read = Signal()
        self.repeated = Signal()
        self.stored = Signal()                        # a value is there
        m.d.comb += [self.listen.eq(self.state == State.LISTEN), self.reply.eq(self.state == State.REPLY)]
        self.own_registers(m)
        self.connect_core(m)
        with m.Switch(self.state):
            self.accept(m)
            self.fetch(m)
            self.write(m)
            self.read(m)
            self.answer(m)
        self.store(m)
        return m

    def accept(self, m: Module) -> None:
        """Decide what a request is; only a new and correct one goes on."""
        header, kept = self.header, self.reply_header
        counts = self.count != 0
        with m.Case(State.LISTEN), m.If(self.frame):
            m.d.sync += self.state.eq(State.REPLY)
            with m.If(self.session & (header.code != Command.SYNC) & self.is_repeated()):
                m.d.comb += self.repeated.eq(1)
            with m.Else():
                m.d.sync += [kept.sequence.eq(header.sequence), kept.address.eq(header.address),
                             kept.code.eq(Answer.OK), self.reply_count.eq(0), self.index.eq(0), self.wait.eq(0),
                             self.is_read.eq(header.code == Command.READ), self.total.eq(self.count)]
                with m.If((header.code == Command.SYNC) & ~counts):
                    m.d.sync += self.session.eq(1)
                with m.Elif(~self.session):
                    m.d.sync += kept.code.eq(Answer.NO_SESSION)
                with m.Elif(((header.code == Command.READ) & (self.count == 1))
                            | ((header.code == Command.WRITE) & counts)):
                    m.d.sync += self.state.eq(State.FETCH)
                with m.Elif((header.code >= Command.SYNC) & (header.code <= Command.WRITE)):
                    m.d.sync += kept.code.eq(Answer.LENGTH)
                with m.Else():
                    m.d.sync += kept.code.eq(Answer.COMMAND)

    def is_repeated(self) -> Value:
        """Whether the request is that which was answered last."""
        return self.header.sequence == self.reply_header.sequence

    def fetch(self, m: Module) -> None:
        """A word of the request; of a read, its only one is how often."""
        often = self.words.data
        with m.Case(State.FETCH):
            m.d.sync += self.wait.eq(self.wait + 1)
            with m.If(self.wait == READ_LATENCY - 1):
                m.d.sync += self.state.eq(State.WRITE)
                with m.If(self.is_read):
                    m.d.sync += self.state.eq(State.CHECK)
        with m.Case(State.CHECK):
            m.d.sync += [self.total.eq(often), self.state.eq(State.READ)]
            with m.If((often == 0) | (often > MAX_WORDS)):
                m.d.sync += [self.reply_header.code.eq(Answer.LENGTH), self.state.eq(State.REPLY)]

    def connect_core(self, m: Module) -> None:
        """What the core is asked, in the states that ask."""
        m.d.comb += [
            self.request.payload.address.eq(self.reply_header.address),
            self.request.payload.data.eq(self.words.data),
            self.request.payload.write.eq(~self.is_read),
            self.request.valid.eq(((self.state == State.WRITE) | (self.state == State.READ)) & ~self.is_own),
            self.response.ready.eq(self.state == State.VALUE),
            self.words.address.eq(self.index),
            self.words.enable.eq((self.state == State.FETCH) | (self.state == State.WRITE)),
        ]

    def write(self, m: Module) -> None:
        """One word to the register."""
        with m.Case(State.WRITE), m.If(self.request.ready | self.is_own):
            m.d.sync += [self.index.eq(self.index + 1), self.wait.eq(0), self.state.eq(State.FETCH)]
            with m.If(self.is_last()):
                m.d.sync += self.state.eq(State.REPLY)

    def read(self, m: Module) -> None:
        """One value of the register."""
        with m.Case(State.READ):
            with m.If(self.is_own):
                m.d.comb += self.stored.eq(1)
            with m.Elif(self.request.ready):
                m.d.sync += self.state.eq(State.VALUE)
        with m.Case(State.VALUE), m.If(self.response.valid):
            m.d.comb += self.stored.eq(1)

    def store(self, m: Module) -> None:
        """A value goes to the answer."""
        m.d.comb += [
            self.values.enable.eq(self.stored),
            self.values.address.eq(self.index),
            self.values.data.eq(Mux(self.is_own, self.own_value, self.response.payload)),
        ]
        with m.If(self.stored):
            m.d.sync += [self.index.eq(self.index + 1), self.state.eq(State.READ)]
            with m.If(self.is_last()):
                m.d.sync += [self.reply_count.eq(self.total), self.state.eq(State.REPLY)]

    def is_last(self) -> Value:
        """Whether the word at hand is the last."""
        return self.index == self.total - 1

    def answer(self, m: Module) -> None:
        """Wait until the answer is sent."""
        with m.Case(State.REPLY):
            m.d.sync += self.state.eq(State.SENDING)
        with m.Case(State.SENDING), m.If(~self.sending):
            m.d.sync += self.state.eq(State.LISTEN)

    def own_registers(self, m: Module) -> None:
        """Registers of the link itself."""
        address = self.reply_header.address
        self.is_own = Signal()
        self.own_value = Signal(WORD_BITS)
        values: dict[str, Value | int] = dict(self.constants)
        for name, event in (("DAMAGED", self.damaged), ("REPEATED", self.repeated)):
            values[name] = count = Signal(LINK_COUNTER_BITS, name=f"count_{name.lower()}")
            with m.If(event & ~count.all()):
                m.d.sync += count.eq(count + 1)
        m.d.comb += self.is_own.eq(address >= LINK_BASE)
        with m.Switch(address):
            for name, value in values.items():
                with m.Case(LINK_ADDRESSES[name]):
                    m.d.comb += self.own_value.eq(value)
