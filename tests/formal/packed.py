"""A packed multiplier equals four plain products, for all operands: left ones of int4 and uint4, weights of -7..7.

Any operands come in any cycle; PACKED_LATENCY cycles later each field and its borrow add up to the plain product. The
multiplication of 18 by 18 bits is proved with the rest, not taken for granted. That the instance of MULT18X18D does the
same as the plain arithmetic is left to the bench, which tries all operands.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, signed

from golden.spec import numbers
from rtl.array.packed import (
    COLUMNS,
    PACKED_LATENCY,
    PRODUCT_BITS,
    PRODUCTS,
    TOKENS,
    PackedMultiplier,
    left_operand,
    pack_left,
    pack_weights,
)
from rtl.bench.bugs_dense import TopBitPacked, UncorrectedPacked
from tests.formal.prove import Monitor, Property, free, previous


class PackedMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        m.submodules.unit = unit = self.unit
        is_signed = Signal()
        left = [Signal(numbers.NIBBLE_BITS, name=f"left_{token}") for token in range(TOKENS)]
        weights = [Signal(signed(numbers.NIBBLE_BITS), name=f"weight_{column}") for column in range(COLUMNS)]
        free(m, is_signed, *left, *weights)
        m.d.comb += [Assume(weight != -numbers.NIBBLE_MAXIMUM - 1) for weight in weights]
        m.d.comb += [unit.left.eq(pack_left(*(left_operand(value, is_signed) for value in left))),
                     unit.weights.eq(pack_weights(*weights))]
        begun = previous(m, Signal(init=1), PACKED_LATENCY)
        for index in range(PRODUCTS):
            value, weight = left[index % TOKENS], weights[index // TOKENS]
            product = Signal(signed(PRODUCT_BITS), name=f"expected_{index}")
            m.d.comb += product.eq(Mux(is_signed, value.as_signed() * weight, value * weight))
            product = previous(m, product, PACKED_LATENCY)
            m.d.comb += Assert(~begun | (unit.fields[index] + unit.borrows[index] == product), f"product {index}")


PROPERTIES = [Property("packed", PackedMonitor, PackedMultiplier, (UncorrectedPacked, TopBitPacked),
                       depth=PACKED_LATENCY, induction=True)]
