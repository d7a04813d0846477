"""Semaphores count: for all time and any pair of engines, by induction.

Of one pair, chosen freely: its count is credits + gives - takes, a give, a take and a credit in the same cycle
included; it is available exactly when that is not zero; ``overflow`` is high when it would pass its bits, and the claim
ends there. Assumed: the pair's taker takes only when it is available. Of other pairs nothing is assumed.
``clear`` is not raised in the proof.
"""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Assume, Cat, Module, Signal

from golden.spec.descriptors import ENGINES, SEMAPHORE_BITS, Engine
from rtl.bench.bugs_array import ForgetfulSemaphores
from rtl.control.semaphores import Semaphores
from tests.formal.prove import Monitor, Property, fixed, free, inside

TOTAL_BITS = SEMAPHORE_BITS + 2


class SemaphoreMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        names = [engine.name.lower() for engine in Engine]
        free(m, unit.credit, unit.credit_giver, unit.credit_taker, unit.credit_count)
        for name in names:
            free(m, getattr(unit, f"give_{name}"), getattr(unit, f"take_{name}"))
        giver = fixed(m, "giver", 3)
        taker = fixed(m, "taker", 3)
        given = Signal()
        taken = Signal()
        available = Signal()
        count = Signal(SEMAPHORE_BITS)
        m.d.comb += [
            Assume((giver < ENGINES) & (taker < ENGINES)),
            given.eq(Array(getattr(unit, f"give_{name}") for name in names)[giver].bit_select(taker, 1)),
            taken.eq(Array(getattr(unit, f"take_{name}") for name in names)[taker].bit_select(giver, 1)),
            available.eq(Array(getattr(unit, f"available_{name}") for name in names)[taker].bit_select(giver, 1)),
            count.eq(Array(Array(own[f"{a}_to_{b}"] for b in names)[taker] for a in names)[giver]),
            Assume(~taken | available),
        ]
        up = Signal(TOTAL_BITS)    # all credits and gives
        down = Signal(TOTAL_BITS)  # all takes
        passed = Signal()          # too many once: the core stops there
        credited = Signal(5)
        following = Signal(TOTAL_BITS)
        with m.If(unit.credit & (unit.credit_giver == giver) & (unit.credit_taker == taker)):
            m.d.comb += credited.eq(unit.credit_count)
        m.d.comb += following.eq(up + given + credited - down - taken)
        m.d.sync += [up.eq(up + given + credited), down.eq(down + taken)]
        held = Signal(TOTAL_BITS)
        m.d.comb += held.eq(up - down)
        with m.If(~passed):
            m.d.comb += [
                Assert(Cat(held[:SEMAPHORE_BITS], 0) == held, "neither below zero nor above its bits"),
                Assert(available == (held != 0), "available"),
                Assert(count == held, "nothing lost"),
            ]
            with m.If(following >> SEMAPHORE_BITS):
                m.d.sync += passed.eq(1)
                m.d.comb += Assert(unit.overflow, "overflow is told")


PROPERTIES = [Property("semaphores", SemaphoreMonitor, Semaphores, (ForgetfulSemaphores,), depth=4, induction=True,
                       quick=False)]
