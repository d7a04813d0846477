"""Multiplication itself, for all operands: nothing is taken for granted. By induction, for all time.

*requantise_product*: the product of ``Requantise``, which ``requantise`` takes for any number, at full width. The
accumulator times no bit of the multiplier is 0; times one bit more of it, it is more by the accumulator shifted by that
bit's place if the bit is set; times all of its bits, it is what the unit's register holds. So the product is the sum of
the accumulator shifted by the place of each bit that is set.

*booth_terms*, 16 by 16 bits, in three steps: the digits, each times its power of four, add up to the left operand; each
term is its digit times the right operand; and sum and carry are the sum of all terms, each times its power of four,
whatever the terms are. So they are the product, as multiplication distributes over the digits' sum. *booth_product*: of
6 by 6 bits they are the product, without that argument.

*lane_dot*: any number of terms in each of four nibble passes, with pauses: what is drained is ((hh * 16) + hl + lh) *
16 + ll of the passes' sums, each the sum of its terms' products of bits, in the accumulator's bits.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise

from amaranth.hdl import Assert, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from rtl.array.booth import booth_product, digits, joined
from rtl.array.multiply_accumulate import MULTIPLY_LATENCY, MultiplyAccumulate
from rtl.bench.bugs_lane import UnshiftedMultiply
from rtl.units.requantise import Requantise
from tests.formal.lane import UnsignedMultiply
from tests.formal.prove import SMALL, Monitor, Property, driven, free, inside, previous
from tests.formal.streams import free_inputs

WIDE, NARROW = 16, 6
SHORT = dataclasses.replace(SMALL, longest_dot_product=8)
"""Accumulators of few bits; they wrap, as longer ones would."""
ACCUMULATOR = SHORT.accumulator_bits
PASSES = 4


def shifted_sum(left: Value, right: Value, is_signed: bool) -> Value:
    """The product by definition: ``left`` shifted by the place of each bit of ``right`` that is set."""
    terms = [Mux(right[place], left << place, 0) for place in range(len(right))]
    if is_signed:
        terms[-1] = -terms[-1]
    return sum(terms)


class RequantiseProductMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        left, right = unit.sums[0], unit.multipliers[0]
        shape = own["product_0"].shape()
        products = [Signal(shape, name=f"product_of_{places}_bits") for places in range(len(right) + 1)]
        for places, product in enumerate(products):
            m.d.comb += product.eq(left * right[:places] if places else 0)
        for place, (product, more) in enumerate(pairwise(products)):
            m.d.comb += Assert(more == product + Mux(right[place], left << place, 0), f"bit {place}")
        m.d.comb += Assert(~previous(m, unit.valid) | (own["product_0"] == previous(m, products[-1])), "the product")


class NarrowRequantise(Requantise):
    """Forgets one of the multiplier's bits."""

    def column(self, m: Module, column: int, valid: list, control_1: Value, kind: Signal, limits: tuple) -> None:
        super().column(m, column, valid, control_1, kind, limits)
        with m.If(valid[0]):
            m.d.sync += driven(m, f"product_{column}").eq(self.sums[column] * (self.multipliers[column] & ~32))


class BoothProduct(wiring.Component):
    """The tree of a Booth product, as dense lanes have it."""

    def __init__(self, bits: int) -> None:
        super().__init__({"left": In(signed(bits)), "right": In(signed(bits)), "product": Out(signed(2 * bits + 2))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.factors = digits(self.left)
        total, carry = booth_product(m, self.factors, self.right, "booth")
        m.d.comb += self.product.eq(self.complete(total, carry))
        return m

    def complete(self, total: Value, carry: Value) -> Value:
        """What the accumulator's adder makes of it."""
        return total + carry


class UncarriedBooth(BoothProduct):
    """Forgets the carry that is left over."""

    def complete(self, total: Value, carry: Value) -> Value:
        return total


class BoothMonitor(Monitor):
    bits = NARROW

    def __init__(self, unit: type) -> None:
        self.unit = unit(self.bits)

    def claim(self, m: Module) -> None:
        self.own = inside(m, self.unit)
        free_inputs(m, self.unit)
        self.compare(m)

    def compare(self, m: Module) -> None:
        unit = self.unit
        m.d.comb += Assert(unit.product == shifted_sum(unit.left, unit.right, True), "the product")


class BoothTermsMonitor(BoothMonitor):
    bits = WIDE

    def compare(self, m: Module) -> None:
        unit = self.unit
        bits = Cat(Const(0, 1), unit.left)      # the operand's, and one below them
        for place, digit in enumerate(unit.factors):
            negative, one, two = digit
            term = self.own[f"booth_digit_{place}"]
            multiple = Mux(one, unit.right, 0) + Mux(two, unit.right << 1, 0)
            size = Mux(one, 1, 0) + Mux(two, 2, 0)
            below, lower, upper = bits[2 * place:2 * place + 3]
            m.d.comb += [
                Assert(Mux(negative, -size, size) == below + lower - (upper << 1), "Booth's digit"),
                Assert(term + negative == Mux(negative, -multiple, multiple), "the digit's multiple"),
            ]


class SmallBooth(BoothProduct):
    """Takes twice the right operand for once."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        term = driven(m, "booth_digit_0")
        with m.If(self.factors[0][2]):
            m.d.comb += term.eq(self.right ^ self.factors[0][0].replicate(len(term)))
        return m


class Joins(wiring.Component):
    """The sums of the tree of WIDE bits, one of each level."""

    def __init__(self) -> None:
        super().__init__({})
        self.sums = []
        bits, step = WIDE + 1, 2
        while step < WIDE:
            lower = Signal(signed(bits), name=f"lower_{step}")
            upper = Signal(signed(bits), name=f"upper_{step}")
            self.sums.append((step, lower, upper, Signal(name=f"carry_{step}")))
            bits, step = bits + step + 1, 2 * step

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.totals = [self.join(m, *each) for each in self.sums]
        return m

    def join(self, m: Module, step: int, lower: Value, upper: Value, carry: Value) -> Value:
        """Two neighbours of a level; the lower one's carry is for the next."""
        return joined(m, [(0, lower, Const(0)), (step, upper, carry)], f"sum_{step}")[1]


class LooseJoins(Joins):
    """Forgets the carry of the upper one."""

    def join(self, m: Module, step: int, lower: Value, upper: Value, carry: Value) -> Value:
        return super().join(m, step, lower, upper, Const(0))


class TreeMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        inside(m, self.unit)
        for (step, lower, upper, carry), total in zip(self.unit.sums, self.unit.totals, strict=True):
            free(m, lower, upper, carry)
            m.d.comb += Assert(total == lower + ((upper + carry) << step), "both, and the carry")


class DotMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SHORT)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        self.valid, self.going = Signal(), Signal()      # a term comes; a dot product has begun
        self.number, self.now = Signal(2), Signal(2)     # pass of the term before, and of this one
        advance, last = Signal(), Signal()
        free(m, self.valid, advance, last, unit.value, unit.row)
        begins = ~self.going
        later = self.going & advance & (self.number != PASSES - 1)
        m.d.comb += [
            self.now.eq(Mux(begins, 0, self.number + later)),
            unit.step.valid.eq(self.valid),
            unit.step.first.eq(begins),
            unit.step.shift.eq(later & self.now[0]),
            unit.step.last.eq(last & (self.now == PASSES - 1)),
        ]
        with m.If(self.valid):
            m.d.sync += [self.number.eq(self.now), self.going.eq(~unit.step.last)]
        self.compare(m, own, begins, later)

    def compare(self, m: Module, own: dict, begins: Value, later: Value) -> None:
        """The passes' sums, and what they are together."""
        unit = self.unit
        product = shifted_sum(unit.value, unit.row[:numbers.NIBBLE_BITS], True)
        sums = [Signal(signed(ACCUMULATOR), name=f"pass_{number}") for number in range(PASSES)]
        for number, held in enumerate(sums):
            with m.If(self.valid & (self.now == number)):
                m.d.sync += held.eq(Mux(begins | later, 0, held) + product)
        hh, hl, lh, ll = sums
        together = Signal(signed(ACCUMULATOR))
        with m.Switch(self.number):
            for number, value in enumerate((hh, (hh << 4) + hl, (hh << 4) + hl + lh,
                                            (((hh << 4) + hl + lh) << 4) + ll)):
                with m.Case(number):
                    m.d.comb += together.eq(value)
        begun = Signal()
        m.d.sync += begun.eq(begun | self.valid)
        total = unit.sums.word_select(0, ACCUMULATOR).as_signed()
        ended = previous(m, self.valid & unit.step.last, MULTIPLY_LATENCY)
        m.d.comb += [
            Assert(~previous(m, begun) | (own["total_0"] == previous(m, together)), "the passes together"),
            Assert(~ended | (total == previous(m, together, MULTIPLY_LATENCY - 1)), "what is drained"),
            Assert(Cat(begun, self.going) != 2),
        ]


PROPERTIES = [
    Property("requantise_product", RequantiseProductMonitor, Requantise, (NarrowRequantise,), depth=2, induction=True),
    Property("booth_product", BoothMonitor, BoothProduct, (UncarriedBooth,), depth=1, induction=True),
    Property("booth_terms", BoothTermsMonitor, BoothProduct, (SmallBooth,), depth=1, induction=True),
    Property("booth_tree", TreeMonitor, Joins, (LooseJoins,), depth=1, induction=True, quick=True),
    Property("lane_dot", DotMonitor, MultiplyAccumulate, (UnshiftedMultiply, UnsignedMultiply), depth=5,
             induction=True),
]
