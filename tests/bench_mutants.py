"""Benches that say nothing of the hardware, for the tests of mutation: what they do follows from the mutant's number.

The mutants 1 to 3 end in a failure, a hang and a crash; of all others they see nothing.
"""

import os

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def notices_what_it_is_told_to(dut):
    await Timer(1, "ns")
    mutant = int(dut.mutant.value)
    assert mutant != 1, "noticed"
    while mutant == 2:
        pass
    if mutant == 3:
        os._exit(5)


@cocotb.test()
async def notices_nothing(dut):
    await Timer(1, "ns")
