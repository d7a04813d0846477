"""Control that norm and softmax engines share: descriptors, semaphores, iterations without a gap."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES


class Iterations(wiring.Component):
    """Starts a descriptor and its iterations as semaphores allow.

    Idle, with ``valid`` and ``clear`` and every bit of ``wait_first | wait_each`` in ``available`` in cycle s: takes
    them all and raises ``accept`` in cycle s; the first iteration runs from cycle s + 1 (START = 1). In an iteration's
    last cycle (``last_cycle``), if more remain and ``wait_each`` is available, takes it, and the next iteration runs
    from the next cycle; else it waits, and runs from the cycle after the one in which it takes. After the last
    iteration's last cycle it is idle in the next.

    ``valid``, ``wait_first``, ``wait_each`` and ``count`` (at least 1) are those of the waiting descriptor.
    """

    START = 1

    def __init__(self, count_bits: int) -> None:
        super().__init__({
            "valid": In(1),
            "clear": In(1),
            "wait_first": In(ENGINES),
            "wait_each": In(ENGINES),
            "count": In(count_bits),
            "available": In(ENGINES),
            "last_cycle": In(1),
            "accept": Out(1),
            "take": Out(ENGINES),
            "running": Out(1),
            "waiting": Out(1),
            "last_iteration": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        start = Signal(ENGINES)
        each = Signal(ENGINES, reset_less=True)
        remaining = Signal(self.count.shape(), reset_less=True)
        granted = Signal()
        m.d.comb += [
            start.eq(self.wait_first | self.wait_each),
            granted.eq((each & ~self.available) == 0),
            self.last_iteration.eq(remaining == 0),
        ]
        with m.FSM(init="IDLE"):
            with m.State("IDLE"):
                m.d.comb += self.accept.eq(self.valid & self.clear & ((start & ~self.available) == 0))
                with m.If(self.accept):
                    m.d.comb += self.take.eq(start)
                    m.d.sync += each.eq(self.wait_each)
                    m.d.sync += remaining.eq(self.count - 1)
                    m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += self.running.eq(1)
                with m.If(self.last_cycle):
                    m.d.sync += remaining.eq(remaining - 1)
                    with m.If(self.last_iteration):
                        m.next = "IDLE"
                    with m.Elif(granted):
                        m.d.comb += self.take.eq(each)
                    with m.Else():
                        m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += self.waiting.eq(1)
                with m.If(granted):
                    m.d.comb += self.take.eq(each)
                    m.next = "RUN"
        return m
