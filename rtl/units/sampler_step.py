"""The sampler's update of one pixel."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers

COEFFICIENTS = ("keep", "guided", "unguided", "noise")
"""Fields of a step word, lowest first, each in 32 bits."""
COEFFICIENT_LAYOUT = data.StructLayout({name: signed(numbers.STEP_COEFFICIENT_BITS) for name in COEFFICIENTS})
PRODUCT_BITS = numbers.STEP_COEFFICIENT_BITS + numbers.WIDE_BITS
LOW, HIGH = numbers.LIMITS[numbers.Format.WIDE]


class SamplerStep(wiring.Component):
    """x' = saturate16((keep x + guided g + unguided u + noise n + 2048) >> 12), one pixel every two cycles.

    Matches ``golden.integer.pixel.sampler_step`` bit for bit. Two multipliers: ``left`` and ``right`` are x and g in
    the first cycle of a pixel, and n and u in the next (``second``). ``value`` follows the second cycle after LATENCY
    cycles; ``coefficients`` must not change meanwhile.
    """

    LATENCY = 5

    def __init__(self) -> None:
        super().__init__({
            "coefficients": In(COEFFICIENT_LAYOUT),
            "second": In(1),
            "left": In(signed(numbers.WIDE_BITS)),
            "right": In(signed(numbers.WIDE_BITS)),
            "value": Out(signed(numbers.WIDE_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        c = self.coefficients

        # Stage 1: operands.
        left = Signal(signed(numbers.WIDE_BITS), reset_less=True)
        right = Signal(signed(numbers.WIDE_BITS), reset_less=True)
        left_factor = Signal(signed(numbers.STEP_COEFFICIENT_BITS), reset_less=True)
        right_factor = Signal(signed(numbers.STEP_COEFFICIENT_BITS), reset_less=True)
        m.d.sync += [
            left.eq(self.left),
            right.eq(self.right),
            left_factor.eq(Mux(self.second, c.noise, c.keep)),
            right_factor.eq(Mux(self.second, c.unguided, c.guided)),
        ]

        # Stage 2: products.
        left_product = Signal(signed(PRODUCT_BITS), reset_less=True)
        right_product = Signal(signed(PRODUCT_BITS), reset_less=True)
        m.d.sync += left_product.eq(left * left_factor)
        m.d.sync += right_product.eq(right * right_factor)

        # Stage 3: their sum.
        pair = Signal(signed(PRODUCT_BITS + 1), reset_less=True)
        m.d.sync += pair.eq(left_product + right_product)

        # Stage 4: with that of the cycle before, and half. Between pixels this holds a sum that nobody reads.
        rounded = Signal(signed(PRODUCT_BITS + 2), reset_less=True)
        total = Signal(signed(PRODUCT_BITS + 2), reset_less=True)
        m.d.sync += rounded.eq(pair + (1 << (numbers.STEP_FRACTION_BITS - 1)))
        m.d.sync += total.eq(rounded + pair)

        # Stage 5: saturated.
        value = total >> numbers.STEP_FRACTION_BITS
        m.d.sync += self.value.eq(Mux(value > HIGH, HIGH, Mux(value < LOW, LOW, value)))
        return m
