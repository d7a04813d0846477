"""Requantise: one drained vector a cycle to activations."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.numbers import Format

REQUANTISE_LATENCY = 3


RequantiseControl = data.StructLayout({
    "shift": unsigned(numbers.SHIFT_BITS),
    "format": unsigned(2),
})
"""What a vector is requantised to."""


class Requantise(wiring.Component):
    """saturate((((sum * multiplier) >> shift) + bias + 8) >> 4) of ``width`` channels.

    Matches ``golden.integer.requantise`` bit for bit. sums: width x accumulator bits; multipliers: width x 14
    unsigned; biases: width x 18 signed; values: width x 16 signed, valid where ``output_valid`` is high.
    Latency REQUANTISE_LATENCY (3) cycles; initiation interval 1; no back-pressure.
    """

    half = 1 << (numbers.BIAS_FRACTION_BITS - 1)

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        width = config.width
        super().__init__({
            "valid": In(1),
            "control": In(RequantiseControl),
            "sums": In(data.ArrayLayout(signed(config.accumulator_bits), width)),
            "multipliers": In(data.ArrayLayout(unsigned(numbers.MULTIPLIER_BITS), width)),
            "biases": In(data.ArrayLayout(signed(numbers.BIAS_BITS), width)),
            "output_valid": Out(1),
            "values": Out(data.ArrayLayout(signed(numbers.WIDE_BITS), width)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = [self.valid, Signal(name="valid_1"), Signal(name="valid_2"), Signal(name="valid_3")]
        control_1 = Signal(RequantiseControl, reset_less=True)
        format_2 = Signal(2, reset_less=True)
        for stage in range(REQUANTISE_LATENCY):
            m.d.sync += valid[stage + 1].eq(valid[stage])
        with m.If(valid[0]):
            m.d.sync += control_1.eq(self.control)
        with m.If(valid[1]):
            m.d.sync += format_2.eq(control_1.format)
        limits = self.limits(m, format_2)
        for column in range(self.config.width):
            self.column(m, column, valid, control_1, limits)
        m.d.comb += self.output_valid.eq(valid[3])
        return m

    def limits(self, m: Module, kind: Signal) -> tuple[Signal, Signal]:
        """Smallest and largest value of the format in stage 3."""
        low = Signal(signed(numbers.WIDE_BITS))
        high = Signal(signed(numbers.WIDE_BITS))
        with m.Switch(kind):
            for candidate in Format:
                smallest, largest = numbers.LIMITS[candidate]
                with m.Case(candidate):
                    m.d.comb += [low.eq(smallest), high.eq(largest)]
        return low, high

    def column(self, m: Module, column: int, valid: list, control_1: data.View, limits: tuple) -> None:
        """Datapath of one channel."""
        half = Const(self.half)
        # stage 1: product
        product = Signal(signed(self.config.accumulator_bits + numbers.MULTIPLIER_BITS + 1), reset_less=True,
                         name=f"product_{column}")
        bias_1 = Signal(signed(numbers.BIAS_BITS), reset_less=True, name=f"bias_1_{column}")
        bias_2 = Signal(signed(numbers.BIAS_BITS), reset_less=True, name=f"bias_2_{column}")
        with m.If(valid[0]):
            m.d.sync += [product.eq(self.sums[column] * self.multipliers[column]), bias_1.eq(self.biases[column])]
        # stage 2: shift
        scaled = Signal(product.shape(), reset_less=True, name=f"scaled_{column}")
        with m.If(valid[1]):
            m.d.sync += [scaled.eq(product >> control_1.shift), bias_2.eq(bias_1)]
        # stage 3: bias, rounding, saturation
        rounded = Signal(signed(len(product) + 1), name=f"rounded_{column}")
        low, high = limits
        value = Signal(signed(numbers.WIDE_BITS), reset_less=True, name=f"value_{column}")
        m.d.comb += [
            rounded.eq((scaled + bias_2 + half) >> numbers.BIAS_FRACTION_BITS),
            self.values[column].eq(value),
        ]
        with m.If(valid[2]):
            m.d.sync += value.eq(Mux(rounded < low, low, Mux(rounded > high, high, rounded)))
