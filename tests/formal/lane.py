"""Four nibble passes are the 8-bit product: for all int8 activations and all weights of two nibbles in -7..7.

In two steps. A dot product of one term goes through a lane as the front end sends it: high x high, high x low,
low x high, low x low, the accumulator shifted at the second and fourth. Any rows, words and controls may come before it
and after it. LANE_LATENCY cycles after its last pass the lane is done, and the sum of column 0 is
((hh * 16) + hl + lh) * 16 + ll of the four nibble products: by induction, for all time. That this is x * w is tried in
Python for every x and w. Dot products of more terms, and the other columns, which the same loop makes, are left to the
bench.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from amaranth.hdl import Assert, Assume, Module, Signal, Value, signed

from golden.spec import numbers
from rtl.array.lane import LANE_LATENCY, Lane, LaneControl
from rtl.bench.bugs_array import UnshiftedLane
from tests.formal.prove import SMALL, Monitor, Property, fixed, free, inside, previous

BITS = numbers.NIBBLE_BITS
PASSES = 4


class UnsignedLane(Lane):
    """Takes products for unsigned where it shifts."""

    @staticmethod
    def accumulate(m: Module, control: object, total: Signal, product: Signal) -> None:
        with m.If(control.valid):
            with m.If(control.first):
                m.d.sync += total.eq(product)
            with m.Elif(control.shift):
                m.d.sync += total.eq((total << BITS) + product[:-1])
            with m.Else():
                m.d.sync += total.eq(total + product)


class LaneMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.word, unit.row, unit.control)
        x = fixed(m, "x", signed(2 * BITS))
        high = fixed(m, "high", signed(BITS))
        low = fixed(m, "low", signed(BITS))
        lowest = -numbers.NIBBLE_MAXIMUM - 1
        m.d.comb += [Assume(high != lowest), Assume(low != lowest)]
        left = [x[BITS:].as_signed(), x[BITS:].as_signed(), x[:BITS], x[:BITS]]
        right = [high, low, high, low]

        start = Signal()
        number = Signal(range(PASSES))
        busy = Signal()
        free(m, start)
        m.d.comb += busy.eq(start | (number != 0))
        with m.If(busy):
            m.d.sync += number.eq(number + 1)
            with m.Switch(number):
                for index in range(PASSES):
                    with m.Case(index):
                        self.send(m, index, left[index], right[index])

        sent = [busy, *(previous(m, busy, cycles) for cycles in range(1, LANE_LATENCY + 1))]
        which = [number, *(previous(m, number, cycles) for cycles in range(1, LANE_LATENCY + 1))]
        total = unit.sums.word_select(0, SMALL.accumulator_bits).as_signed()
        expected = Signal(signed(SMALL.accumulator_bits))
        for index in range(PASSES):
            term = left[index] * right[index]
            so_far = Signal.like(expected, name=f"expected_{index}")
            m.d.comb += so_far.eq((expected << BITS if index % 2 else expected) + term)
            control = Value.cast(LaneControl.const(self.control(index)))
            here = [sent[stage] & (which[stage] == index) for stage in range(LANE_LATENCY + 1)]
            m.d.comb += [
                Assert(~here[3] | (total == so_far), f"sum after pass {index}"),
                # what makes it inductive: what the stages before hold
                Assert(~here[2] | ((own["product_0"] == term) & (own["control_2"] == control))),
                Assert(~here[1] | ((own["feeder"][:BITS] == left[index].as_unsigned())
                                   & (own["row_1"][:BITS] == right[index].as_unsigned())
                                   & (own["control_1"] == control))),
            ]
            expected = so_far
        m.d.comb += Assert(~here[LANE_LATENCY] | (unit.done & (total == expected)), "done")
        for stage in range(LANE_LATENCY):
            follows = sent[stage + 1] & (which[stage + 1] == which[stage] - 1)
            m.d.comb += Assert(~sent[stage] | (which[stage] == 0) | follows)

    @staticmethod
    def control(index: int) -> dict[str, int]:
        """What the front end sends beside the row of a pass."""
        return {"valid": 1, "load": 1, "first": index == 0, "shift": index % 2, "last": index == PASSES - 1,
                "signed": index < 2}

    def send(self, m: Module, index: int, left: Value, right: Value) -> None:
        """What the front end sends in the one cycle of a pass."""
        unit = self.unit
        m.d.comb += [unit.control[name].eq(int(value)) for name, value in self.control(index).items()]
        m.d.comb += [unit.word[:BITS].eq(left), unit.row[:BITS].eq(right)]


@dataclass(frozen=True)
class NibbleCase:
    """Every product of the four passes with this shift between them."""

    shift: int

    @property
    def is_bug(self) -> bool:
        return self.shift != BITS

    @property
    def name(self) -> str:
        return f"nibbles-shift_{self.shift}"

    def check(self) -> tuple[bool, str, float]:
        """As ``Case.check``."""
        begin = time.monotonic()
        digits = range(-numbers.NIBBLE_MAXIMUM, numbers.NIBBLE_MAXIMUM + 1)
        holds = all(self.passes(x, high, low) == x * (16 * high + low)
                    for x in range(-128, 128) for high in digits for low in digits)
        result = ("missed" if holds else "refuted") if self.is_bug else ("proved" if holds else "false: counterexample")
        return holds != self.is_bug, result, time.monotonic() - begin

    def passes(self, x: int, high: int, low: int) -> int:
        """What the lane adds up."""
        x_high, x_low = x >> BITS, x & 15
        return (((x_high * high << self.shift) + x_high * low + x_low * high) << self.shift) + x_low * low


@dataclass(frozen=True)
class NibbleProperty:
    """Four nibble passes are the product, by trying all."""

    name: str = "nibbles"
    bugs: tuple[int, ...] = (BITS - 1,)
    quick: bool = True

    def cases(self) -> list[NibbleCase]:
        return [NibbleCase(shift) for shift in (BITS, *self.bugs)]


PROPERTIES = [Property("lane", LaneMonitor, Lane, (UnshiftedLane, UnsignedLane), depth=PASSES + LANE_LATENCY + 1,
                       induction=True), NibbleProperty()]
