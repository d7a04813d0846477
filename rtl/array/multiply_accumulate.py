"""Multipliers and accumulators of one lane, and the sums that are complete."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from rtl.array.line_queue import Step

MULTIPLY_LATENCY = 3
"""Cycles from a token's last value and row to its ``sums``."""


class MultiplyAccumulate(wiring.Component):
    """``width`` products of one value and one weight row a cycle, each added to its column's accumulator.

    The sums of a token are copied when they are complete, so that the next token goes on without a stop: latency
    MULTIPLY_LATENCY cycles from the last value to ``sums``, which then keep until MULTIPLY_LATENCY cycles after the
    last value of the next token. Initiation interval 1; no back-pressure.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "step": In(Step),
            "value": In(signed(numbers.OPERAND_BITS)),
            "row": In(config.word_bits),
            "sums": Out(config.width * config.accumulator_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = numbers.NIBBLE_BITS
        step = Signal(Step)
        complete = Signal()
        m.d.sync += [step.eq(self.step), complete.eq(step.valid & step.last)]
        for column in range(self.config.width):
            product = Signal(signed(numbers.OPERAND_BITS + bits), name=f"product_{column}", reset_less=True)
            total = Signal(signed(self.config.accumulator_bits), name=f"total_{column}", reset_less=True)
            shadow = Signal(signed(self.config.accumulator_bits), name=f"shadow_{column}", reset_less=True)
            m.d.sync += product.eq(self.value * self.row.word_select(column, bits).as_signed())  # stage 1
            self.accumulate(m, step, total, product)                                             # stage 2
            with m.If(complete):                                                                 # stage 3
                m.d.sync += shadow.eq(total)
            m.d.comb += self.sums.word_select(column, self.config.accumulator_bits).eq(shadow)
        return m

    @staticmethod
    def accumulate(m: Module, step: data.View, total: Signal, product: Value) -> None:
        """total <- product, 16 total + product or total + product, by ``step``; one adder for all three."""
        before = Signal(total.shape(), name=f"before_{total.name}")
        m.d.comb += before.eq(Mux(step.first, 0, Mux(step.shift, total << numbers.NIBBLE_BITS, total)))
        with m.If(step.valid):
            m.d.sync += total.eq(before + product)
