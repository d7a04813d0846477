"""Registers behind frames, whatever carries their bytes. Composition only."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.link import MAX_WORDS
from rtl.control.registers import REQUEST_LAYOUT
from rtl.link.access import RegisterAccess
from rtl.link.decoder import WORD_BITS, FrameDecoder
from rtl.link.encoder import FrameEncoder
from rtl.link.uart import BYTE_BITS
from rtl.memory.ports import READ_LATENCY
from rtl.memory.ram import Ram

REQUEST_HALF, ANSWER_HALF = 0, 1
"""Halves of the link's memory: the words of a request and those of the last answer."""


class FrameLink(wiring.Component):
    """Registers behind ``request`` and ``response``, reached by the frames of ``golden.spec.link``.

    ``received``: bytes, at most one in two cycles; ``broken``: one that did not arrive well. ``sent``: bytes of the
    answers. Request and answer take turns: what arrives while a request is executed or answered is lost. The first byte
    of an answer is offered ANSWER_CYCLES cycles after the request's last; a word that is written takes WRITE_CYCLES
    more from a core that is always ready, one that is read 2 and the core's latency, behind 3 for the first.
    ``clock_hz`` and ``baud`` are what the link's registers say, ``bit_cycles`` is the unit of its timeout.
    """

    ANSWER_CYCLES = FrameDecoder.FRAME_LATENCY + 2
    WRITE_CYCLES = READ_LATENCY + 1

    decoder_unit = FrameDecoder
    access_unit = RegisterAccess

    def __init__(self, clock_hz: int, baud: int, bit_cycles: int) -> None:
        self.decoder = self.decoder_unit(bit_cycles)
        self.access = self.access_unit(clock_hz, baud)
        self.encoder = FrameEncoder()
        super().__init__({
            "received": In(BYTE_BITS),
            "received_valid": In(1),
            "broken": In(1),
            "sent": Out(stream.Signature(BYTE_BITS)),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(WORD_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.decoder = decoder = self.decoder
        m.submodules.access = access = self.access
        m.submodules.encoder = encoder = self.encoder
        connect(m, encoder.bytes, flipped(self.sent))
        connect(m, access.request, flipped(self.request))
        connect(m, flipped(self.response), access.response)
        m.d.comb += [
            decoder.byte.eq(self.received),
            decoder.valid.eq(self.received_valid),
            decoder.broken.eq(self.broken),
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
        self.connect_memory(m)
        return m

    def connect_memory(self, m: Module) -> None:
        """One block RAM for request and answer: who listens, executes and sends takes turns."""
        decoder, access, encoder = self.decoder, self.access, self.encoder
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
