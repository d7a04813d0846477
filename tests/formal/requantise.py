"""Requantise equals its definition: for all time and all inputs of one column, by induction.

Accumulators of 24 bits, multipliers of 14, biases of 18, shifts of 0 to 63, every format, valid at any pace. What is
proved is shift, bias, rounding, saturation, the pipeline, and that nothing is cut off on the way. The product itself
is the operator ``*`` of Amaranth in both the unit and the definition; the tools merge the two, and the proof lets it
be any number of 38 bits: multiplication is taken for granted, not proved. Column 0 stands for all: the same loop makes
them.
"""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Const, Module, Mux, Signal, signed

from golden.spec import numbers
from golden.spec.numbers import Format
from rtl.bench.bugs_array import BlindRequantise, UnroundedRequantise, WrappingRequantise
from rtl.units.requantise import REQUANTISE_LATENCY, SCALED_BITS, Requantise
from tests.formal.prove import SMALL, Monitor, Property, free, inside, previous

COLUMNS = (0,)
PRODUCT_BITS = SMALL.accumulator_bits + numbers.MULTIPLIER_BITS + 1


class RequantiseMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.valid, unit.control, unit.sums, unit.multipliers, unit.biases)
        m.d.comb += Assert(unit.output_valid == previous(m, unit.valid, REQUANTISE_LATENCY), "latency")
        shift = previous(m, unit.control.shift)
        kind = previous(m, unit.control.format, REQUANTISE_LATENCY)
        low = Array(Const(numbers.LIMITS[kind][0], signed(17)) for kind in Format)[kind]
        high = Array(Const(numbers.LIMITS[kind][1], signed(17)) for kind in Format)[kind]
        with m.If(own["valid_1"]):
            m.d.comb += Assert(own["control_1"][:numbers.SHIFT_BITS] == shift)
        kind_2 = previous(m, unit.control.format, 2)
        with m.If(own["valid_2"]):
            m.d.comb += Assert(own["format_2"] == kind_2)
        for column in COLUMNS:
            product = Signal(signed(PRODUCT_BITS), name=f"expected_product_{column}")
            m.d.comb += product.eq(unit.sums[column] * unit.multipliers[column])
            product = previous(m, product)
            scaled = previous(m, product >> shift)
            bias_1 = previous(m, unit.biases[column])
            bias_2 = previous(m, bias_1)
            rounded = previous(m, (scaled + bias_2 + 8) >> 4)
            expected = Mux(rounded < low, low, Mux(rounded > high, high, rounded))
            with m.If(unit.output_valid):
                m.d.comb += Assert(unit.values[column] == expected, f"column {column}")
            # what makes it easy to see: the definition's product and shifted product are those of the unit
            with m.If(own["valid_1"]):
                m.d.comb += Assert((own[f"product_{column}"] == product) & (own[f"bias_1_{column}"] == bias_1 + 8))
            fits = scaled == scaled[:SCALED_BITS].as_signed()
            with m.If(own["valid_2"]):
                m.d.comb += [
                    Assert((own[f"scaled_{column}"] == scaled[:SCALED_BITS].as_signed()) | ~fits),
                    Assert((own[f"beyond_{column}"] == ~fits) & (own[f"below_{column}"] == scaled[-1])),
                    Assert(own[f"bias_2_{column}"] == bias_2 + 8),
                ]


BUGS = (UnroundedRequantise, BlindRequantise, WrappingRequantise)
PROPERTIES = [Property("requantise", RequantiseMonitor, Requantise, BUGS, depth=REQUANTISE_LATENCY + 1,
                       induction=True, products=len(COLUMNS))]
