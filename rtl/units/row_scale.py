"""Requantise multiplier and shift that divide a row of probabilities by its sum."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import tree_stages
from rtl.units.pipeline import chain, pipelined_tree, total
from rtl.units.reciprocal import Reciprocal

LONGEST_ROW_WORDS = 255


class RowScale(wiring.Component):
    """Sums a row, one word a cycle, and scales ``multiplier`` by the sum's reciprocal.

    Matches ``golden.integer.softmax.row_scale`` bit for bit. ``first`` and ``last`` mark the row's words. ``scale`` and
    ``exponent`` follow the row's last word by ``latency`` = tree_stages(width) + 5 cycles and hold until the next row;
    ``multiplier`` is that of the row ``latency`` - 1 cycles after its last word. Initiation interval 1.

    Stages: 1 to tree_stages adder tree; then sum of the row; 3 of reciprocal; product, rounded and shifted.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.width = config.width
        self.latency = tree_stages(config.width) + 1 + Reciprocal.LATENCY + 1
        super().__init__({
            "valid": In(1),
            "first": In(1),
            "last": In(1),
            "probabilities": In(data.ArrayLayout(numbers.NIBBLE_BITS, config.width)),
            "multiplier": In(numbers.MULTIPLIER_BITS),
            "scale": Out(numbers.MULTIPLIER_BITS),
            "exponent": Out(Reciprocal.EXPONENT_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stages = tree_stages(self.width)
        # Stages 1 to tree_stages.
        nibbles = [self.probabilities[i] for i in range(self.width)]
        word_sum, summed = pipelined_tree(m, nibbles, self.valid, total, "sum")
        first = chain(m, self.first, stages, "first")[-1]
        last = chain(m, self.last, stages, "last")[-1]
        # Sum of the row.
        longest = LONGEST_ROW_WORDS * self.width * numbers.UNSIGNED_NIBBLE_MAXIMUM
        row_sum = Signal(range(longest + 1), reset_less=True)
        complete = Signal()
        with m.If(summed):
            with m.If(first):
                m.d.sync += row_sum.eq(word_sum)
            with m.Else():
                m.d.sync += row_sum.eq(row_sum + word_sum)
        m.d.sync += complete.eq(summed & last)
        # Reciprocal.
        m.submodules.reciprocal = reciprocal = Reciprocal(len(row_sum))
        m.d.comb += [reciprocal.valid.eq(complete), reciprocal.total.eq(row_sum)]
        inverted = chain(m, complete, Reciprocal.LATENCY, "inverted")[-1]
        # Product.
        product = Signal(numbers.RECIPROCAL_BITS + numbers.MULTIPLIER_BITS, reset_less=True)
        exponent = Signal(Reciprocal.EXPONENT_BITS, reset_less=True)
        with m.If(inverted):
            m.d.sync += product.eq(reciprocal.mantissa * self.multiplier)
            m.d.sync += exponent.eq(reciprocal.exponent)
        half = 1 << (numbers.MULTIPLIER_BITS - 1)
        m.d.comb += self.scale.eq((product + half) >> numbers.MULTIPLIER_BITS)
        m.d.comb += self.exponent.eq(exponent)
        return m
