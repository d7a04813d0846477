"""The serial link: a UART and the frames on it. Composition only."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.link import bit_cycles
from rtl.control.registers import REQUEST_LAYOUT
from rtl.link.decoder import WORD_BITS
from rtl.link.frames import FrameLink
from rtl.link.uart import UartReceiver, UartTransmitter


class SerialLink(wiring.Component):
    """Registers behind ``request`` and ``response``, reached over ``rx`` and ``tx`` as ``golden.spec.link`` says.

    Request and answer take turns: what arrives while a request is executed or answered is lost. Raises ``ConfigError``
    for a baud rate that the clock cannot make.
    """

    def __init__(self, clock_hz: int, baud: int) -> None:
        self.bit_cycles = bit_cycles(clock_hz, baud)
        self.frames = FrameLink(clock_hz, baud, self.bit_cycles)
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(WORD_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.bit_cycles)
        m.submodules.frames = frames = self.frames
        m.submodules.transmitter = transmitter = UartTransmitter(self.bit_cycles)
        connect(m, frames.sent, transmitter.bytes)
        connect(m, frames.request, flipped(self.request))
        connect(m, flipped(self.response), frames.response)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            frames.received.eq(receiver.byte),
            frames.received_valid.eq(receiver.valid),
            frames.broken.eq(receiver.broken),
        ]
        return m
