"""A bench that fails whatever it is given."""

import cocotb


@cocotb.test()
async def complains(dut):
    raise AssertionError("never content")
