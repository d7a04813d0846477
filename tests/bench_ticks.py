"""A bench that lets time pass, for a design that must end the simulation by itself."""

import os

import cocotb

from sim.clock import Clock

VARIABLE = "HALFTONE_TICKS"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def ticks(dut):
    """Some cycles."""
    clock = Clock(dut)
    await clock.start()
    await clock.wait_cycles(int(os.environ.get(VARIABLE, "5")))
