"""Reciprocal square root from a table."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from rtl.units.pipeline import chain, highest


class ReciprocalSquareRoot(wiring.Component):
    """1/sqrt(square) ~ mantissa * 2^-15 * 2^-exponent for positive ``square``.

    Matches ``golden.integer.norm.reciprocal_square_root`` bit for bit. LATENCY 3 cycles; initiation interval 1. The
    outputs hold until the next result.

    Stages: 1 exponent, the highest pair of bits that is not zero; 2 table index; 3 table.
    """

    LATENCY = 3
    EXPONENT_BITS = 5

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__({
            "valid": In(1),
            "square": In(bits),
            "mantissa": Out(numbers.SQUARE_ROOT_BITS),
            "exponent": Out(self.EXPONENT_BITS),
        })

    def table(self) -> tuple[int, ...]:
        """Mantissa of each index."""
        return numbers.square_root_table()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = chain(m, self.valid, self.LATENCY - 1, "valid")
        # Stage 1.
        square = Signal(self.bits, reset_less=True)
        exponent_1 = Signal(self.EXPONENT_BITS, reset_less=True)
        pairs = Cat(self.square[i:i + 2].any() for i in range(0, self.bits, 2))
        leading = highest(m, pairs, "leading")
        with m.If(valid[0]):
            m.d.sync += square.eq(self.square)
            m.d.sync += exponent_1.eq(leading)
        # Stage 2.
        table = self.table()
        index = Signal(range(len(table)), reset_less=True)
        exponent_2 = Signal(self.EXPONENT_BITS, reset_less=True)
        with m.If(valid[1]):
            m.d.sync += index.eq((square << numbers.SQUARE_ROOT_FRACTION_BITS) >> Cat(0, exponent_1))
            m.d.sync += exponent_2.eq(exponent_1)
        # Stage 3.
        m.submodules.rom = rom = memory.Memory(shape=numbers.SQUARE_ROOT_BITS, depth=len(table), init=table)
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
