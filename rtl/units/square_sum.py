"""Sum of the squares of a token's channels, exact."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import tree_stages
from rtl.units.pipeline import chain, pipelined_tree, total


def square_sum_bits(channels: int) -> int:
    """Bits of 1 plus the sum of so many squares of int16."""
    return ((channels << 2 * (numbers.WIDE_BITS - 1)) + 1).bit_length()


class SquareSum(wiring.Component):
    """1 + sum of squares of a token, ``norm_channels`` a cycle; ``first`` and ``last`` mark a token's ends.

    ``complete`` and ``total`` follow a token's last channels by ``latency`` = 2 + tree_stages cycles; ``total``
    holds for that cycle only. Initiation interval 1.

    Stages: 1 squares; 2 to latency - 1 adder tree; latency accumulator.
    """

    def __init__(self, config: HardwareConfig, longest_words: int) -> None:
        self.channels = config.norm_channels
        self.latency = 2 + tree_stages(self.channels)
        super().__init__({
            "valid": In(1),
            "first": In(1),
            "last": In(1),
            "word": In(data.ArrayLayout(signed(numbers.WIDE_BITS), config.norm_channels)),
            "complete": Out(1),
            "total": Out(square_sum_bits(longest_words * config.width)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Stage 1: a square is at most 2^30, so unsigned and one bit shorter than the product.
        squares = [Signal(2 * numbers.WIDE_BITS - 1, name=f"square_{i}", reset_less=True) for i in range(self.channels)]
        with m.If(self.valid):
            m.d.sync += [square.eq(self.word[i] * self.word[i]) for i, square in enumerate(squares)]
        # Stages 2 to latency - 1.
        squared = chain(m, self.valid, 1, "squared")[1]
        word_sum, summed = pipelined_tree(m, squares, squared, total, "sum")
        first = chain(m, self.first, self.latency - 1, "first")[-1]
        last = chain(m, self.last, self.latency - 1, "last")[-1]
        # Stage latency.
        accumulator = Signal(self.total.shape(), reset_less=True)
        with m.If(summed):
            with m.If(first):
                m.d.sync += accumulator.eq(word_sum + 1)
            with m.Else():
                m.d.sync += accumulator.eq(accumulator + word_sum)
        m.d.sync += self.complete.eq(summed & last)
        m.d.comb += self.total.eq(accumulator)
        return m
