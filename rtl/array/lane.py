"""One lane of the array: one token, ``width`` output channels."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig

LANE_LATENCY = 3
"""Cycles from a row and its control at a lane's input to the sum in its accumulators."""


LaneControl = data.StructLayout({
    "valid": unsigned(1),   # the row takes part
    "load": unsigned(1),    # first channel of a word: the lane takes its word
    "first": unsigned(1),   # first term of a dot product: forget the accumulator
    "shift": unsigned(1),   # first term of the second or fourth nibble pass: accumulator times 16
    "last": unsigned(1),    # last term: the sum is complete
    "signed": unsigned(1),  # the left operand is int4 rather than uint4
})
"""What travels with each weight row."""


class Lane(wiring.Component):
    """Multiply one channel of the lane's token with a weight row each cycle, and accumulate.

    A word of ``width`` 4-bit channels is taken when ``control.load`` is high and then used one channel a cycle,
    lowest first, beside the rows that arrive in those cycles. Row and control leave one cycle later for the next
    lane. Latency LANE_LATENCY cycles to ``sums``; ``done`` is high in the one cycle in which they are complete.
    Initiation interval 1; no back-pressure.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "word": In(config.word_bits),
            "row": In(config.word_bits),
            "control": In(LaneControl),
            "next_row": Out(config.word_bits),
            "next_control": Out(LaneControl),
            "sums": Out(config.width * config.accumulator_bits),
            "done": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        bits = numbers.NIBBLE_BITS

        # stage 1: operand word and row
        feeder = Signal(config.word_bits, reset_less=True)
        control_1 = Signal(LaneControl)
        row_1 = Signal(config.word_bits, reset_less=True)
        m.d.sync += [control_1.eq(self.control), row_1.eq(self.row)]
        with m.If(self.control.load):
            m.d.sync += feeder.eq(self.word)
        with m.Else():
            m.d.sync += feeder.eq(feeder >> bits)
        m.d.comb += [self.next_row.eq(row_1), self.next_control.eq(control_1)]

        # stage 2: products
        value = Signal(signed(numbers.OPERAND_BITS))
        control_2 = Signal(LaneControl)
        m.d.comb += value.eq(
            feeder[:bits] | ((feeder[bits - 1] & control_1.signed) << bits))
        m.d.sync += control_2.eq(control_1)

        # stage 3: accumulators
        done = Signal()
        m.d.sync += done.eq(control_2.valid & control_2.last)
        m.d.comb += self.done.eq(done)
        for column in range(config.width):
            product = Signal(signed(numbers.OPERAND_BITS + bits), name=f"product_{column}", reset_less=True)
            total = Signal(signed(config.accumulator_bits), name=f"total_{column}", reset_less=True)
            weight = row_1.word_select(column, bits).as_signed()
            m.d.sync += product.eq(value * weight)
            self.accumulate(m, control_2, total, product)
            m.d.comb += self.sums.word_select(column, config.accumulator_bits).eq(total)
        return m

    @staticmethod
    def accumulate(m: Module, control: data.View, total: Signal, product: Signal) -> None:
        """total <- product, 16 total + product or total + product, by ``control``; one adder for all three."""
        before = Signal(total.shape(), name=f"before_{total.name}")
        m.d.comb += before.eq(Mux(control.first, 0, Mux(control.shift, total << numbers.NIBBLE_BITS, total)))
        with m.If(control.valid):
            m.d.sync += total.eq(before + product)
