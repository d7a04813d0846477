"""Four nibble passes are the 8-bit product, and the sums of a token keep until they are drained.

The product, for all int8 activations and all weights of two nibbles in -7..7, comes in two steps. Four values and rows
go through the multipliers one after the other, the accumulator forgotten before the first, and shifted at the second
and fourth. Any rows, values and steps may come before them and after. MULTIPLY_LATENCY cycles after the fourth the sum
of column 0 is ((p * 16) + q + r) * 16 + s of the four products, whatever they are: by induction, for all time. That
this is x * w, where they are high x high, high x low, low x high and low x low of the nibbles, is tried in Python
for every x and w. Dot products of more terms, and the other columns, which the same loop makes, are left to the bench.

The sums: whatever a queue of lines issues that keeps back the last channel of a token on demand, and whenever the lane
is granted, no token completes before the one before it is granted, its tag stays until then, and ``sums`` change only
SUMS_LATENCY cycles after a token's last channel. So they keep from there on to SUMS_LATENCY - 1 cycles after the
grant, in which they are drained.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from amaranth.hdl import Assert, Module, Mux, Signal, Value, signed

from golden.spec import numbers
from rtl.array.lane import SUMS_LATENCY, Lane
from rtl.array.line_queue import LineQueue, Step
from rtl.array.multiply_accumulate import MULTIPLY_LATENCY, MultiplyAccumulate
from rtl.bench.bugs_lane import HastyLane, UnshiftedMultiply
from tests.formal.prove import SMALL, Monitor, Property, free, inside, previous

BITS = numbers.NIBBLE_BITS
PASSES = 4
FEW_ROWS = dataclasses.replace(SMALL, slots=2, slot_rows=8, line_words=2)
"""A tile memory that a proof can hold."""


class UnsignedMultiply(MultiplyAccumulate):
    """Takes products for unsigned where it shifts."""

    @staticmethod
    def accumulate(m: Module, step: object, total: Signal, product: Signal) -> None:
        with m.If(step.valid):
            with m.If(step.first):
                m.d.sync += total.eq(product)
            with m.Elif(step.shift):
                m.d.sync += total.eq((total << BITS) + product[:-1])
            with m.Else():
                m.d.sync += total.eq(total + product)


class MultiplyMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.value, unit.row, unit.step)
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
                        m.d.comb += [unit.step[name].eq(int(value)) for name, value in self.step(index).items()]

        sent = [busy, *(previous(m, busy, cycles) for cycles in range(1, MULTIPLY_LATENCY + 1))]
        which = [number, *(previous(m, number, cycles) for cycles in range(1, MULTIPLY_LATENCY + 1))]
        product = Signal(signed(numbers.OPERAND_BITS + BITS))
        m.d.comb += product.eq(unit.value * unit.row[:BITS].as_signed())
        added = previous(m, product)
        expected = Signal(signed(SMALL.accumulator_bits))  # so far
        with m.If(sent[1]):
            before = Mux(which[1] == 0, 0, Mux(which[1][0], expected << BITS, expected))
            m.d.sync += expected.eq(before + added)
        step = [Value.cast(Step.const(self.step(index))) for index in range(PASSES)]
        for index in range(PASSES):
            here = [sent[stage] & (which[stage] == index) for stage in range(MULTIPLY_LATENCY + 1)]
            m.d.comb += [
                Assert(~here[2] | (own["total_0"] == expected), f"sum after pass {index}"),
                # what makes it inductive: what the stages hold
                Assert(~here[1] | ((own["product_0"] == added) & (own["step"] == step[index]))),
                Assert(~here[2] | (own["complete"] == (index == PASSES - 1))),
            ]
        total = unit.sums.word_select(0, SMALL.accumulator_bits).as_signed()
        m.d.comb += Assert(~here[MULTIPLY_LATENCY] | (total == previous(m, expected)), "sums")
        for stage in range(MULTIPLY_LATENCY):
            follows = sent[stage + 1] & (which[stage + 1] == which[stage] - 1)
            m.d.comb += Assert(~sent[stage] | (which[stage] == 0) | follows)

    @staticmethod
    def step(index: int) -> dict[str, int]:
        """What the lane sends beside the row of a pass."""
        return {"valid": 1, "first": index == 0, "shift": index % 2, "last": index == PASSES - 1}


class FreeQueue(LineQueue):
    """Issues anything, but not the last channel of a token while it is held."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal(Step)
        free(m, step, self.entry, self.token, self.address, self.value)
        m.d.comb += [self.step.eq(step), self.step.valid.eq(step.valid & ~(step.last & self.hold))]
        return m


class DrainMonitor(Monitor):
    def __init__(self, unit: type[Lane]) -> None:
        self.unit = type(unit.__name__, (unit,), {"queue_unit": FreeQueue})(FEW_ROWS)

    def claim(self, m: Module) -> None:
        unit = self.unit
        m.submodules.unit = body = unit.elaborate(None)
        unit._MustUse__used = True
        free(m, unit.grant, unit.tile.enable, unit.tile.address, unit.tile.data)
        queue = body.submodules.queue
        last = Signal()
        granted = Signal()
        changed = Signal()
        tag = Signal(len(unit.entry) + len(unit.token))
        issued_tag = Signal.like(tag)
        m.d.comb += [
            last.eq(queue.step.valid & queue.step.last),
            granted.eq(unit.done & unit.grant),
            changed.eq(unit.sums != previous(m, unit.sums)),
            tag.eq(unit.entry << len(unit.token) | unit.token),
            issued_tag.eq(queue.entry << len(unit.token) | queue.token),
        ]
        waiting = previous(m, unit.done) & ~previous(m, granted)
        m.d.comb += [
            Assert(~last | ~unit.done | unit.grant, "granted before the next is complete"),
            Assert(~previous(m, last) | (unit.done & (tag == previous(m, issued_tag))), "complete"),
            Assert(~waiting | (unit.done & (tag == previous(m, tag))), "kept to the grant"),
            Assert(~unit.done | waiting | previous(m, last), "granted once"),
            Assert(~changed | previous(m, last, SUMS_LATENCY), "sums kept"),
        ]


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


PROPERTIES = [
    Property("lane", MultiplyMonitor, MultiplyAccumulate, (UnshiftedMultiply, UnsignedMultiply),
             depth=PASSES + MULTIPLY_LATENCY + 1, induction=True, products=1),
    Property("lane_sums", DrainMonitor, Lane, (HastyLane,), depth=SUMS_LATENCY + 3, induction=True),
    NibbleProperty(),
]
