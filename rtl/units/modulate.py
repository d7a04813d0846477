"""Gain, bias and saturation of a normalised word."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import NORM_LIMITS, NormFormat
from golden.spec.hardware import HardwareConfig
from rtl.units.pipeline import chain
from rtl.units.shift import narrowing_shift

INT8_BITS = 8
BIAS_SHIFT_BITS = 2
SHIFT_BITS = 5
BIAS_BITS = numbers.GAIN_BITS + (1 << BIAS_SHIFT_BITS) - 1
SHIFTED_BITS = INT8_BITS + numbers.MODULATION_FRACTION_BITS + 1
"""Bits of a shifted product that count: one that does not fit them is past every format's limits with any bias."""

assert 1 << SHIFTED_BITS - 1 >= (1 << BIAS_BITS - 1) + (1 << INT8_BITS - 1 + numbers.MODULATION_FRACTION_BITS)


class ModulationLayout(data.StructLayout):
    """A channel of a modulation word."""

    def __init__(self) -> None:
        super().__init__({"gain": signed(numbers.GAIN_BITS), "bias": signed(numbers.GAIN_BITS)})


class Modulate(wiring.Component):
    """saturate((((normalised * gain) >> shift) + (bias << bias_shift) + 4) >> 3), ``norm_channels`` of a word a cycle.

    Saturates to 127 with ``wide``, else to 15; to 0 with ``rectify``, else to -128. Matches
    ``golden.integer.norm.modulate`` bit for bit. LATENCY 3 cycles; initiation interval 1; the output holds until the
    next one. ``shift``, ``bias_shift``, ``wide`` and ``rectify`` are constant while anything is in flight.

    Stages: 1 product; 2 shift; 3 bias and saturation.
    """

    LATENCY = 3

    def __init__(self, config: HardwareConfig) -> None:
        self.channels = config.norm_channels
        super().__init__({
            "valid": In(1),
            "normalised": In(data.ArrayLayout(signed(numbers.NORMALISED_BITS), config.norm_channels)),
            "modulation": In(data.ArrayLayout(ModulationLayout(), config.norm_channels)),
            "shift": In(SHIFT_BITS),
            "bias_shift": In(BIAS_SHIFT_BITS),
            "wide": In(1),
            "rectify": In(1),
            "modulated": Out(data.ArrayLayout(signed(INT8_BITS), config.norm_channels)),
        })

    def lowest(self) -> Value:
        """Smallest value of the format."""
        return Mux(self.rectify, 0, NORM_LIMITS[NormFormat.INT8][0])

    def saturated(self, value: Value, beyond: Value, negative: Value) -> Value:
        """``value`` in the limits of the format, by bits; what is ``beyond`` every format only has a sign."""
        highest = {form: NORM_LIMITS[form][1] for form in (NormFormat.INT8, NormFormat.UINT4)}
        wide, narrow = (value[limit.bit_length():] for limit in highest.values())
        lowest = self.lowest()
        above = ~negative & (beyond | Mux(self.wide, wide.any(), narrow.any()))
        below = negative & (beyond | ~wide.all() | (lowest == 0))
        return Mux(above, Mux(self.wide, *highest.values()), Mux(below, lowest, value))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = chain(m, self.valid, self.LATENCY - 1, "valid")
        half = 1 << (numbers.MODULATION_FRACTION_BITS - 1)
        product_bits = numbers.NORMALISED_BITS + numbers.GAIN_BITS
        for i in range(self.channels):
            modulation = self.modulation[i]
            # Stage 1.
            product = Signal(signed(product_bits), name=f"product_{i}", reset_less=True)
            bias_1 = Signal(signed(numbers.GAIN_BITS), name=f"bias_1_{i}", reset_less=True)
            with m.If(valid[0]):
                m.d.sync += product.eq(self.normalised[i] * modulation.gain)
                m.d.sync += bias_1.eq(modulation.bias)
            # Stage 2.
            shifted = Signal(signed(SHIFTED_BITS), name=f"shifted_{i}", reset_less=True)
            beyond = Signal(name=f"beyond_{i}", reset_less=True)
            negative = Signal(name=f"negative_{i}", reset_less=True)
            bias_2 = Signal(signed(BIAS_BITS), name=f"bias_2_{i}", reset_less=True)
            moved, misfit = narrowing_shift(m, product, self.shift, SHIFTED_BITS, f"moved_{i}")
            with m.If(valid[1]):
                m.d.sync += [shifted.eq(moved), beyond.eq(misfit), negative.eq(product[-1]),
                             bias_2.eq(bias_1 << self.bias_shift)]
            # Stage 3.
            scaled = Signal(signed(SHIFTED_BITS + 1 - numbers.MODULATION_FRACTION_BITS), name=f"scaled_{i}")
            result = Signal(signed(INT8_BITS), name=f"result_{i}", reset_less=True)
            m.d.comb += scaled.eq((shifted + bias_2 + half) >> numbers.MODULATION_FRACTION_BITS)
            with m.If(valid[2]):
                m.d.sync += result.eq(self.saturated(scaled, beyond, Mux(beyond, negative, scaled[-1])))
            m.d.comb += self.modulated[i].eq(result)
        return m
