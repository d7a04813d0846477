"""The sampler's update of one pixel."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.step import COEFFICIENTS

COEFFICIENT_LAYOUT = data.StructLayout({name: signed(numbers.STEP_COEFFICIENT_BITS) for name in COEFFICIENTS})
PRODUCT_BITS = numbers.STEP_COEFFICIENT_BITS + numbers.WIDE_BITS
HALF = 1 << (numbers.STEP_FRACTION_BITS - 1)
LOW, HIGH = numbers.LIMITS[numbers.Format.WIDE]


class SamplerStep(wiring.Component):
    """The formulas of ``golden.spec.step`` for the latent and the predicted clean image, one pixel every two cycles.

    Matches ``golden.integer.pixel.sampler_step`` bit for bit, with four multipliers. In the first cycle of a pixel,
    ``left`` is x, ``right`` is the guided velocity and ``clean`` the clean image before the step; in the next
    (``second``), ``left`` is the noise and ``right`` the unguided velocity. Of the eight products, each cycle makes
    those of ``left`` and ``right`` for the latent, that of ``right`` for the clean image, and one of the memories:
    clean's for the latent in the first, x's for the clean image in the second. ``value`` and ``clean_value`` follow the
    second cycle after LATENCY cycles; ``coefficients`` must not change meanwhile.
    """

    LATENCY = 5

    def __init__(self) -> None:
        super().__init__({
            "coefficients": In(COEFFICIENT_LAYOUT),
            "second": In(1),
            "left": In(signed(numbers.WIDE_BITS)),
            "right": In(signed(numbers.WIDE_BITS)),
            "clean": In(signed(numbers.WIDE_BITS)),
            "value": Out(signed(numbers.WIDE_BITS)),
            "clean_value": Out(signed(numbers.WIDE_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        products = self.multiply(m)
        total, clean_total = self.add(m, products)

        # Stage 5: saturated.
        m.d.sync += [self.value.eq(saturated(total)), self.clean_value.eq(saturated(clean_total))]
        return m

    def multiply(self, m: Module) -> dict[str, Signal]:
        """Stages 1 and 2: operands and products. In the second cycle ``left`` still holds the first one's x."""
        c, second = self.coefficients, self.second
        left = Signal(signed(numbers.WIDE_BITS), reset_less=True)
        right = Signal(signed(numbers.WIDE_BITS), reset_less=True)
        kept = Signal(signed(numbers.WIDE_BITS), reset_less=True)
        m.d.sync += [left.eq(self.left), right.eq(self.right), kept.eq(Mux(second, left, self.clean))]
        products = {}
        for name, operand, in_first, in_second in (
                ("left", left, c.keep, c.noise), ("right", right, c.guided, c.unguided),
                ("kept", kept, c.history, c.clean_keep), ("clean_right", right, c.clean_guided, c.clean_unguided)):
            factor = Signal(signed(numbers.STEP_COEFFICIENT_BITS), name=f"{name}_factor", reset_less=True)
            products[name] = product = Signal(signed(PRODUCT_BITS), name=f"{name}_product", reset_less=True)
            m.d.sync += [factor.eq(Mux(second, in_second, in_first)), product.eq(operand * factor)]
        return products

    def add(self, m: Module, products: dict[str, Signal]) -> tuple[Signal, Signal]:
        """Stages 3 and 4: the sums for the latent and for the clean image, half included."""
        # Stage 3: sums of two; half goes with a product that has no other beside it.
        second_1 = Signal(reset_less=True)
        second_2 = Signal(reset_less=True)
        pair = Signal(signed(PRODUCT_BITS + 1), reset_less=True)
        with_half = Signal(signed(PRODUCT_BITS + 1), reset_less=True)
        clean_pair = Signal(signed(PRODUCT_BITS + 1), reset_less=True)
        m.d.sync += [
            second_1.eq(self.second),
            second_2.eq(second_1),
            pair.eq(products["left"] + products["right"]),
            with_half.eq(products["kept"] + HALF),
            clean_pair.eq(products["clean_right"] + Mux(second_2, products["kept"], HALF)),
        ]

        # Stage 4: with those of the cycle before. Between pixels this holds sums that nobody reads.
        rounded = Signal(signed(PRODUCT_BITS + 2), reset_less=True)
        total = Signal(signed(PRODUCT_BITS + 3), reset_less=True)
        clean_before = Signal.like(clean_pair, reset_less=True)
        clean_total = Signal(signed(PRODUCT_BITS + 2), reset_less=True)
        m.d.sync += [rounded.eq(pair + with_half), total.eq(rounded + pair),
                     clean_before.eq(clean_pair), clean_total.eq(clean_before + clean_pair)]
        return total, clean_total


def saturated(total: Value) -> Value:
    """A sum with STEP_FRACTION_BITS fraction bits as int16."""
    value = total >> numbers.STEP_FRACTION_BITS
    return Mux(value > HIGH, HIGH, Mux(value < LOW, LOW, value))
