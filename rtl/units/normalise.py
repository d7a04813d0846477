"""Multiply channels of a token by the reciprocal root of its sum of squares."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from rtl.units.pipeline import chain
from rtl.units.reciprocal_square_root import ReciprocalSquareRoot
from rtl.units.shift import narrowing_shift


class Normalise(wiring.Component):
    """round(word * mantissa / 2^(exponent + 1)), ``norm_channels`` of a word a cycle, int16 with one as 2^14.

    Matches ``golden.integer.norm.normalise`` bit for bit. LATENCY 2 cycles; initiation interval 1.

    Stages: 1 product; 2 shift and rounding.
    """

    LATENCY = 2

    def __init__(self, config: HardwareConfig) -> None:
        self.channels = config.norm_channels
        super().__init__({
            "valid": In(1),
            "word": In(data.ArrayLayout(signed(numbers.WIDE_BITS), config.norm_channels)),
            "mantissa": In(numbers.SQUARE_ROOT_BITS),
            "exponent": In(ReciprocalSquareRoot.EXPONENT_BITS),
            "normalised": Out(data.ArrayLayout(signed(numbers.NORMALISED_BITS), config.norm_channels)),
        })

    def rounded(self, doubled: Value) -> Value:
        """Half of ``doubled``, rounded: (p + 2^e) >> (e + 1) is ((p >> e) + 1) >> 1."""
        return (doubled + 1) >> 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = numbers.WIDE_BITS + numbers.SQUARE_ROOT_BITS
        products = [Signal(signed(bits), name=f"product_{i}", reset_less=True) for i in range(self.channels)]
        results = [Signal(signed(numbers.NORMALISED_BITS), name=f"result_{i}", reset_less=True)
                   for i in range(self.channels)]
        exponent = Signal(self.exponent.shape(), reset_less=True)
        # Stage 1.
        with m.If(self.valid):
            m.d.sync += exponent.eq(self.exponent)
            m.d.sync += [product.eq(self.word[i] * self.mantissa) for i, product in enumerate(products)]
        # Stage 2: |word| is below the root, so the result fits.
        multiplied = chain(m, self.valid, 1, "multiplied")[1]
        with m.If(multiplied):
            for i, (result, product) in enumerate(zip(results, products, strict=True)):
                doubled, _ = narrowing_shift(m, product, exponent, numbers.NORMALISED_BITS + 1, f"doubled_{i}")
                m.d.sync += result.eq(self.rounded(doubled))
        m.d.comb += [self.normalised[i].eq(result) for i, result in enumerate(results)]
        return m
