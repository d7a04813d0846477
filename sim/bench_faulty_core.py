"""Bench of a core with a planted fault: as ``sim.bench_core``, but a drawing that takes too long has failed."""

from __future__ import annotations

from typing import Any

import cocotb

from sim.bench_core import load_and_draw


@cocotb.test(timeout_time=500, timeout_unit="us")
async def draws_an_image_in_time(dut: Any) -> None:
    """Of the smallest system, in several times the cycles that it needs."""
    await load_and_draw(dut)
