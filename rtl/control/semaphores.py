"""Semaphores between engines: who waits for whom."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES, SEMAPHORE_BITS, Engine


class Semaphores(wiring.Component):
    """A counter for every ordered pair of engines.

    ``give_<engine>`` bit i raises the semaphore from that engine to engine i, ``take_<engine>`` bit i lowers the one
    from engine i to it; both show in ``available_<engine>`` one cycle later. ``credit`` raises one by ``credit_count``.
    ``overflow`` is high when a counter would pass its SEMAPHORE_BITS. ``clear`` sets all to zero.
    """

    def __init__(self) -> None:
        names = [engine.name.lower() for engine in Engine]
        super().__init__({
            **{f"give_{name}": In(ENGINES) for name in names},
            **{f"take_{name}": In(ENGINES) for name in names},
            **{f"available_{name}": Out(ENGINES) for name in names},
            "credit": In(1),
            "credit_giver": In(3),
            "credit_taker": In(3),
            "credit_count": In(4),
            "overflow": Out(1),
            "clear": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        overflows = []
        less = Signal(signed(len(self.credit_count) + 1))
        m.d.comb += less.eq(self.credit_count - 1)
        for giver in Engine:
            for taker in Engine:
                raised = getattr(self, f"give_{giver.name.lower()}")[taker]
                lowered = getattr(self, f"take_{taker.name.lower()}")[giver]
                count = Signal(SEMAPHORE_BITS, name=f"{giver.name.lower()}_to_{taker.name.lower()}")
                following = Signal(SEMAPHORE_BITS + 1, name=f"next_{giver.name.lower()}_to_{taker.name.lower()}")
                credited = self.credit & (self.credit_giver == giver) & (self.credit_taker == taker)
                change = Mux(credited, Mux(lowered, less, self.credit_count), Mux(lowered, -1, 0))
                m.d.comb += [
                    following.eq(with_carry(count, change, self.carry(raised, lowered))),
                    getattr(self, f"available_{taker.name.lower()}")[giver].eq(count != 0),
                ]
                m.d.sync += count.eq(following)
                with m.If(self.clear):
                    m.d.sync += count.eq(0)
                overflows.append(following[-1])
        any_overflow = Signal()
        for overflow in overflows:
            with m.If(overflow):
                m.d.comb += any_overflow.eq(1)
        m.d.comb += self.overflow.eq(any_overflow)
        return m

    @staticmethod
    def carry(raised: Value, lowered: Value) -> Value:
        """A give; with a take in the same cycle it leaves the counter as it is."""
        return raised


def with_carry(count: Value, change: Value, carry: Value) -> Value:
    """count + change + carry in one chain: a bit below the others makes the carry."""
    return (Cat(1, count) + Cat(carry, change).as_signed()) >> 1
