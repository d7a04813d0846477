"""Reciprocal from a table."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from rtl.units.pipeline import chain, highest


class Reciprocal(wiring.Component):
    """1/total ~ mantissa * 2^-14 * 2^-exponent for positive ``total``.

    Matches ``golden.integer.softmax.reciprocal`` bit for bit. LATENCY 3 cycles; initiation interval 1. The outputs
    hold until the next result.

    Stages: 1 exponent, the highest bit that is set; 2 table index; 3 table.
    """

    LATENCY = 3
    EXPONENT_BITS = 5

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__({
            "valid": In(1),
            "total": In(bits),
            "mantissa": Out(numbers.RECIPROCAL_BITS),
            "exponent": Out(self.EXPONENT_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = chain(m, self.valid, self.LATENCY - 1, "valid")
        # Stage 1.
        total = Signal(self.bits, reset_less=True)
        exponent_1 = Signal(self.EXPONENT_BITS, reset_less=True)
        leading = highest(m, self.total, "leading")
        with m.If(valid[0]):
            m.d.sync += total.eq(self.total)
            m.d.sync += exponent_1.eq(leading)
        # Stage 2: the leading one falls off the index's top.
        index = Signal(numbers.RECIPROCAL_INDEX_BITS, reset_less=True)
        exponent_2 = Signal(self.EXPONENT_BITS, reset_less=True)
        with m.If(valid[1]):
            m.d.sync += index.eq((total << numbers.RECIPROCAL_INDEX_BITS) >> exponent_1)
            m.d.sync += exponent_2.eq(exponent_1)
        # Stage 3.
        table = numbers.reciprocal_table()
        m.submodules.rom = rom = memory.Memory(shape=numbers.RECIPROCAL_BITS, depth=len(table), init=table)
        port = rom.read_port()
        exponent_3 = Signal(self.EXPONENT_BITS, reset_less=True)
        with m.If(valid[2]):
            m.d.sync += exponent_3.eq(exponent_2)
        m.d.comb += [
            port.addr.eq(index),
            port.en.eq(valid[2]),
            self.mantissa.eq(port.data),
            self.exponent.eq(exponent_3),
        ]
        return m
