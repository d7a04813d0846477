"""Requantise: one drained vector a cycle to activations."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.numbers import Format
from rtl.units.shift import narrowing_shift

REQUANTISE_LATENCY = 3
SCALED_BITS = numbers.WIDE_BITS + numbers.BIAS_FRACTION_BITS + 1
"""Bits of a shifted product that count: one that does not fit them is past every format's limits with any bias."""

assert (1 << SCALED_BITS - 1) - (1 << numbers.BIAS_BITS - 1) > 1 << numbers.WIDE_BITS - 1 + numbers.BIAS_FRACTION_BITS

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
            self.column(m, column, valid, control_1, format_2, limits)
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

    def column(self, m: Module, column: int, valid: list, control_1: data.View, kind: Signal, limits: tuple) -> None:
        """Datapath of one channel."""
        # stage 1: product
        product = Signal(signed(self.config.accumulator_bits + numbers.MULTIPLIER_BITS + 1), reset_less=True,
                         name=f"product_{column}")
        bias_1 = Signal(signed(numbers.BIAS_BITS + 1), reset_less=True, name=f"bias_1_{column}")   # with its half
        bias_2 = Signal(signed(numbers.BIAS_BITS + 1), reset_less=True, name=f"bias_2_{column}")
        with m.If(valid[0]):
            m.d.sync += [product.eq(self.sums[column] * self.multipliers[column]),
                         bias_1.eq(self.biases[column] + self.half)]
        # stage 2: shift
        scaled = Signal(signed(SCALED_BITS), reset_less=True, name=f"scaled_{column}")
        beyond = Signal(reset_less=True, name=f"beyond_{column}")    # past every format's limits
        below = Signal(reset_less=True, name=f"below_{column}")      # and that below zero
        shifted, misfit = narrowing_shift(m, product, control_1.shift, SCALED_BITS, f"shifted_{column}")
        with m.If(valid[1]):
            m.d.sync += [scaled.eq(shifted), beyond.eq(self.is_beyond(misfit)), below.eq(product[-1]),
                         bias_2.eq(bias_1)]
        # stage 3: bias and rounding, saturation
        rounded = Signal(signed(SCALED_BITS + 1 - numbers.BIAS_FRACTION_BITS), name=f"rounded_{column}")
        outside = Signal(name=f"outside_{column}")
        value = Signal(signed(numbers.WIDE_BITS), reset_less=True, name=f"value_{column}")
        m.d.comb += [
            rounded.eq((scaled + bias_2) >> numbers.BIAS_FRACTION_BITS),
            self.values[column].eq(value),
        ]
        self.judge(m, kind, rounded, outside)
        limit = Mux(Mux(beyond, below, rounded[-1]), *limits)
        with m.If(valid[2]):
            m.d.sync += value.eq(Mux(beyond | outside, limit, rounded))

    @staticmethod
    def is_beyond(misfit: Value) -> Value:
        """Whether a shifted product is past every format's limits."""
        return misfit

    def judge(self, m: Module, kind: Signal, rounded: Signal, outside: Signal) -> None:
        """Whether a value is outside its format; by bits, as a comparison takes a chain of carries."""
        with m.Switch(kind):
            for candidate in Format:
                low, high = numbers.LIMITS[candidate]
                upper = rounded[high.bit_length():]
                beyond = upper != rounded[-1].replicate(len(upper)) if low else upper.any()
                if low == -high:    # its lowest pattern is not used
                    beyond |= rounded[-1] & ~rounded[:high.bit_length()].any()
                with m.Case(candidate):
                    m.d.comb += outside.eq(beyond)
