"""Serial line to bytes, and bytes to serial line: 8 data bits, no parity, one stop bit."""

from __future__ import annotations

import enum

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

BYTE_BITS = 8
FRAME_BITS = BYTE_BITS + 2
"""Start bit, byte, stop bit."""


class Line(enum.Enum):
    """What a receiver waits for."""

    START = 0
    BITS = 1
    REST = 2    # the line is low where a stop bit should be: noise or a break


class UartReceiver(wiring.Component):
    """Bytes from ``rx``, which may change at any time; a bit takes ``bit_cycles`` cycles (at least 4).

    Each bit is sampled once, in its middle. ``valid`` is high for one cycle with a ``byte``, SAMPLE_LATENCY + 9
    ``bit_cycles`` cycles after ``rx`` fell. A low stop bit pulses ``broken`` instead, and the next start bit counts
    only once the line was high again. A low shorter than half a bit is no start bit.
    """

    SYNCHRONISER_STAGES = 2

    def __init__(self, bit_cycles: int) -> None:
        self.bit_cycles = bit_cycles
        self.SAMPLE_LATENCY = self.SYNCHRONISER_STAGES + bit_cycles // 2 + 1
        super().__init__({
            "rx": In(1, init=1),
            "byte": Out(BYTE_BITS),
            "valid": Out(1),
            "broken": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        state = Signal(Line)
        timer = Signal(range(self.bit_cycles))
        position = Signal(range(FRAME_BITS))
        shifted = Signal(BYTE_BITS, reset_less=True)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1, stages=self.SYNCHRONISER_STAGES)
        m.d.comb += self.byte.eq(shifted)
        m.d.sync += [self.valid.eq(0), self.broken.eq(0), timer.eq(timer - 1)]
        with m.Switch(state):
            with m.Case(Line.START):
                m.d.sync += [timer.eq(self.bit_cycles // 2 - 1), position.eq(0)]
                with m.If(~line):
                    m.d.sync += state.eq(Line.BITS)
            with m.Case(Line.BITS), m.If(timer == 0):
                m.d.sync += [timer.eq(self.bit_cycles - 1), position.eq(position + 1)]
                with m.If(position == 0):
                    with m.If(line):
                        m.d.sync += state.eq(Line.START)
                with m.Elif(position == FRAME_BITS - 1):
                    good = self.stop_bit(line)
                    m.d.sync += [self.valid.eq(good), self.broken.eq(~good)]
                    with m.If(good):
                        m.d.sync += state.eq(Line.START)
                    with m.Else():
                        m.d.sync += state.eq(Line.REST)
                with m.Else():
                    m.d.sync += shifted.eq(Cat(shifted[1:], line))
            with m.Case(Line.REST), m.If(line):
                m.d.sync += state.eq(Line.START)
        return m

    def stop_bit(self, line: Value) -> Value:
        """Whether the stop bit is one."""
        return line


class UartTransmitter(wiring.Component):
    """Bytes to ``tx``, which is high between them; a bit takes ``bit_cycles`` cycles.

    ``tx`` falls one cycle after a byte was taken. A byte is taken every 10 ``bit_cycles`` cycles, without a pause.
    """

    def __init__(self, bit_cycles: int) -> None:
        self.bit_cycles = bit_cycles
        super().__init__({
            "bytes": In(stream.Signature(BYTE_BITS)),
            "tx": Out(1, init=1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(range(FRAME_BITS + 1))         # bits of the frame, that on the line counted
        timer = Signal(range(self.bit_cycles))
        shifted = Signal(FRAME_BITS, init=-1)        # the line is a register of its own, so that it never glitches
        ends = Signal()
        m.d.comb += [
            ends.eq(timer == 0),
            self.bytes.ready.eq((left == 0) | ((left == 1) & ends)),
            self.tx.eq(shifted[0]),
        ]
        with m.If(left != 0):
            m.d.sync += timer.eq(timer - 1)
            with m.If(ends):
                m.d.sync += [timer.eq(self.bit_cycles - 1), left.eq(left - 1)]
                m.d.sync += shifted.eq(Cat(shifted[1:], Const(1, 1)))
        with m.If(self.bytes.valid & self.bytes.ready):
            m.d.sync += [timer.eq(self.bit_cycles - 1), left.eq(FRAME_BITS)]
            m.d.sync += shifted.eq(Cat(Const(0, 1), self.bytes.payload, Const(1, 1)))
        return m
