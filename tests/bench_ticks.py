"""A bench that lets time pass, for a design that must end the simulation by itself."""

import cocotb

from sim.clock import Clock


@cocotb.test(timeout_time=1, timeout_unit="us")
async def ticks(dut):
    """Some cycles."""
    clock = Clock(dut)
    await clock.start()
    await clock.wait_cycles(5)
