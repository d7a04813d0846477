"""The serial link: line, frames, accesses. Composition only."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.link import MAX_WORDS, bit_cycles
from rtl.control.registers import REQUEST_LAYOUT
from rtl.link.access import RegisterAccess
from rtl.link.decoder import WORD_BITS, FrameDecoder
from rtl.link.encoder import FrameEncoder
from rtl.link.uart import UartReceiver, UartTransmitter
from rtl.memory.ram import Ram

REQUEST_HALF, ANSWER_HALF = 0, 1
"""Halves of the link's memory: the words of a request and those of the last answer."""


class SerialLink(wiring.Component):
    """Registers behind ``request`` and ``response``, reached over ``rx`` and ``tx`` as ``golden.spec.link`` says.

    Request and answer take turns: what arrives while a request is executed or answered is lost. Raises ``ConfigError``
    for a baud rate that the clock cannot make.
    """

    decoder_unit = FrameDecoder
    access_unit = RegisterAccess

    def __init__(self, clock_hz: int, baud: int) -> None:
        self.clock_hz = clock_hz
        self.baud = baud
        self.bit_cycles = bit_cycles(clock_hz, baud)
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(WORD_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.bit_cycles)
        m.submodules.decoder = decoder = self.decoder_unit(self.bit_cycles)
        m.submodules.access = access = self.access_unit(self.clock_hz, self.baud)
        m.submodules.encoder = encoder = FrameEncoder()
        m.submodules.transmitter = transmitter = UartTransmitter(self.bit_cycles)
        connect(m, receiver.bytes, decoder.bytes)
        connect(m, encoder.bytes, transmitter.bytes)
        connect(m, access.request, flipped(self.request))
        connect(m, flipped(self.response), access.response)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            decoder.broken.eq(receiver.broken),
            decoder.listen.eq(access.listen),
            access.frame.eq(decoder.frame),
            access.header.eq(decoder.header),
            access.count.eq(decoder.count),
            access.damaged.eq(decoder.damaged),
            encoder.start.eq(access.reply),
            encoder.header.eq(access.reply_header),
            encoder.count.eq(access.reply_count),
            access.sending.eq(encoder.busy),
        ]
        self.connect_memory(m, decoder, access, encoder)
        return m

    def connect_memory(self, m: Module, decoder: FrameDecoder, access: RegisterAccess, encoder: FrameEncoder) -> None:
        """One block RAM for request and answer: who listens, executes and sends takes turns."""
        m.submodules.memory = memory = Ram(2 * MAX_WORDS, WORD_BITS)
        for port, users in ((memory.write, ((decoder.payload, REQUEST_HALF), (access.values, ANSWER_HALF))),
                            (memory.read, ((access.words, REQUEST_HALF), (encoder.payload, ANSWER_HALF)))):
            for user, half in users:
                with m.If(user.enable):
                    m.d.comb += [port.enable.eq(1), port.address.eq(Cat(user.address[:-1], Const(half, 1)))]
        m.d.comb += memory.write.data.eq(decoder.payload.data)
        with m.If(access.values.enable):
            m.d.comb += memory.write.data.eq(access.values.data)
        m.d.comb += [access.words.data.eq(memory.read.data), encoder.payload.data.eq(memory.read.data)]
