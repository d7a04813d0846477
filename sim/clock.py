"""The clock of a bench. No other file waits for a clock edge.

At a rising edge a bench reads what the registers held before it, and what it writes takes effect after it, as any
other register in the design.
"""

from __future__ import annotations

from typing import Any

from cocotb.clock import Clock as GpiClock
from cocotb.simtime import get_sim_time
from cocotb.triggers import RisingEdge, Timer

PERIOD_NS = 10


class Clock:
    """Clock and reset of one design.

    Args:
        dut: the design's top level.
        period_ns: nanoseconds a cycle; even, so that half a cycle is whole.
        clock: name of the clock port.
        reset: name of the reset port (active high); the design may have none.
    """

    def __init__(self, dut: Any, period_ns: int = PERIOD_NS, clock: str = "clk", reset: str = "rst") -> None:
        if period_ns < 2 or period_ns % 2:
            raise ValueError(f"period_ns must be a positive even number, not {period_ns}")
        self._signal = getattr(dut, clock)
        self._reset = getattr(dut, reset, None)
        self.period_ns = period_ns
        self._start_ns = 0
        self._edge = RisingEdge(self._signal)

    async def start(self, reset_cycles: int = 2) -> None:
        """Start the clock and hold the reset for so many cycles; returns at the edge that ends the reset."""
        # The clock runs in C++: a Python clock costs more than the design does.
        GpiClock(self._signal, self.period_ns, "ns", impl="gpi").start(start_high=False)
        self._start_ns = round(get_sim_time("ns"))
        if self._reset is None or not reset_cycles:
            await self.next_edge()
            return
        self._reset.value = 1
        await self.wait_cycles(reset_cycles)
        self._reset.value = 0
        await self.next_edge()

    async def next_edge(self) -> None:
        """Wait for the next rising edge."""
        await self._edge

    async def wait_cycles(self, count: int) -> None:
        """Wait for ``count`` rising edges; the Python side wakes only at the end.

        Raises:
            ValueError: ``count`` is negative.
        """
        if count < 0:
            raise ValueError(f"cannot wait for {count} cycles")
        if count > 1:
            # Ends half a cycle early: a timer that ended with the edge could fire on either side of it.
            since_edge = (round(get_sim_time("ns")) - self._start_ns + self.period_ns // 2) % self.period_ns
            await Timer(count * self.period_ns - self.period_ns // 2 - since_edge, "ns")
        if count:
            await self._edge

    @property
    def cycle(self) -> int:
        """How many rising edges came before this moment, the one at this moment not counted; 0 at the first edge."""
        elapsed = round(get_sim_time("ns")) - self._start_ns
        return max(0, (elapsed - self.period_ns // 2) // self.period_ns)
