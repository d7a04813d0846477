"""Four exact products of 4-bit operands from one 18 x 18 multiplier.

Two left operands a0, a1 (int4 or uint4, each a number of -8..15) meet two weights b0, b1 of -7..7:

    (a1 * 2^7 + a0) * (b1 * 2^14 + b0) = a0 b0 + a1 b0 * 2^7 + a0 b1 * 2^14 + a1 b1 * 2^21

The weights fill 18 bits, so a field has 7 bits and no more. A product of int4 fits them; one of uint4 has 8 bits,
-105..105, but *its sign is known from the operands*, and with the sign 7 bits tell all 106 values. Field k reads
q = (product k - borrow) mod 128, where ``borrow`` (0 or 1) is set where everything below the field is negative, and
product k = field k + borrow with field k = q - 128 * negative. What is ``negative``?

- Operands of the same sign, or a zero: product - borrow is in -1..105, so q is in 0..105 for a field that is not
  negative, and 127 for one that is: the top three bits of q are all ones in 127 alone.
- Operands of opposite signs: it is in -106..0, so q is 0 or in 22..127: the top three bits are all zero in 0 alone.
- Where a product is zero its class does not matter: -1 and 0, and so 127 and 0, are told apart by both rules.

So ``negative`` is one look-up table of four inputs: the three bits, and whether the signs differ. It is the field's
sign bit, and the borrow of the field above. A borrow is added where the products are added up, as the carry into the
accumulator's adder. The top field needs no such care: its sign is a bit of the product.

Proved for all operands in ``tests/formal/packed.py``.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from rtl.array.multiplier import MULTIPLIER_LATENCY, Multiplier
from rtl.units.pipeline import chain

PACKED_LATENCY = MULTIPLIER_LATENCY
TOKENS = 2
COLUMNS = 2
PRODUCTS = TOKENS * COLUMNS
FIELD_BITS = 7
WEIGHT_OFFSET = 2 * FIELD_BITS
TOP_BITS = 3
"""Bits of a field that tell a negative one."""
PRODUCT_BITS = numbers.OPERAND_BITS + numbers.NIBBLE_BITS - 1
"""Of a product: -105..105."""
LEFT_BITS = FIELD_BITS + numbers.OPERAND_BITS
RIGHT_BITS = WEIGHT_OFFSET + numbers.NIBBLE_BITS


def left_operand(nibble: Value, is_signed: Value) -> Value:
    """The number that four bits are, int4 where ``is_signed`` and uint4 elsewhere, in OPERAND_BITS signed bits."""
    return Cat(nibble, nibble[-1] & is_signed).as_signed()


def pack_left(lower: Value, upper: Value) -> Value:
    """Both left operands, signed, as the unit takes them: the lower one, and the upper one less the lower's borrow."""
    return Cat(lower, (upper - lower[-1])[:numbers.OPERAND_BITS])


def pack_weights(lower: Value, upper: Value) -> Value:
    """Both weights as the unit takes them; 2 x 4 bits, as before. One packing serves all lanes of a group."""
    return Cat(lower, (upper - lower[-1])[:numbers.NIBBLE_BITS])


class PackedMultiplier(wiring.Component):
    """The four products of two left operands and two weights, in one MULT18X18D or as plain arithmetic (``family``).

    ``left`` is made by ``pack_left``, ``weights`` by ``pack_weights``. Product k = token + 2 * column is
    ``fields[k] + borrows[k]``, eight bits and one; the caller adds both. (An operand less a borrow has the same sign
    as before, unless it was zero.) Latency PACKED_LATENCY cycles, initiation interval 1, for every family the same.
    """

    LATENCY = PACKED_LATENCY

    def __init__(self, family: str = "generic") -> None:
        self.family = family
        super().__init__({
            "left": In(TOKENS * numbers.OPERAND_BITS),
            "weights": In(COLUMNS * numbers.NIBBLE_BITS),
            "fields": Out(data.ArrayLayout(signed(PRODUCT_BITS), PRODUCTS)),
            "borrows": Out(PRODUCTS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.multiplier = multiplier = Multiplier(LEFT_BITS, RIGHT_BITS, self.family)
        left = [self.left.word_select(token, numbers.OPERAND_BITS).as_signed() for token in range(TOKENS)]
        weights = [self.weights.word_select(column, numbers.NIBBLE_BITS).as_signed() for column in range(COLUMNS)]
        m.d.comb += [
            multiplier.left.eq(spread(left[0], left[1], FIELD_BITS)),
            multiplier.right.eq(spread(weights[0], weights[1], WEIGHT_OFFSET)),
        ]
        borrow = 0
        for index in range(PRODUCTS):
            token, column = index % TOKENS, index // TOKENS
            start = index * FIELD_BITS
            if index == PRODUCTS - 1:
                field = multiplier.product[start:start + PRODUCT_BITS]
            else:
                differ = left[token][-1] ^ weights[column][-1]
                opposite = chain(m, differ, PACKED_LATENCY, f"opposite_{index}", reset_less=True)[-1]
                field = multiplier.product[start:start + FIELD_BITS]
                negative = Signal(name=f"negative_{index}")
                m.d.comb += negative.eq(self.is_negative(field[-TOP_BITS:], opposite))
                field = Cat(field, negative)
            m.d.comb += [self.fields[index].eq(field.as_signed()), self.borrows[index].eq(borrow)]
            borrow = field[-1]
        return m

    @staticmethod
    def is_negative(top: Value, opposite: Value) -> Value:
        """Whether a field is negative, by its top bits and whether the operands' signs differ."""
        return Mux(opposite, top.any(), top.all())


def spread(lower: Value, upper: Value, offset: int) -> Value:
    """``upper * 2^offset + lower`` of operands whose upper one has the lower's borrow taken off already."""
    return Cat(lower, *[lower[-1]] * (offset - len(lower)), upper).as_signed()
