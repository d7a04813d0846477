"""Bench that makes a simulated board's serial line a port of this computer, for programs that know nothing of it."""

from __future__ import annotations

import os
import pty
import select
import tty
from pathlib import Path
from typing import Any

import cocotb

from sim.bench_board import Bench
from sim.board import STOP_SUFFIX

LOOK_SECONDS = 0.05
"""Of real time between two looks at a port that is silent, while the board has nothing to do."""
TURN_BITS = 400
"""Bit times that pass between two looks at the port, while it has."""


@cocotb.test()
async def is_a_port(dut: Any) -> None:
    """Writes the port's name to the job's result, and passes bytes on until it is told to stop."""
    bench = Bench(dut)
    await bench.start()
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    result = Path(bench.job.result)
    partial = result.with_suffix(".partial")
    partial.write_text(os.ttyname(theirs), encoding="utf-8")
    partial.replace(result)
    print(f"the board is at {os.ttyname(theirs)}", flush=True)
    while not result.with_suffix(STOP_SUFFIX).exists():
        answered = await bench.pipe.read(TURN_BITS / bench.job.baud)
        if answered:
            os.write(ours, answered)
        resting = not answered and not int(dut.sending.value) and not int(dut.busy.value)
        if select.select([ours], [], [], LOOK_SECONDS if resting else 0)[0]:
            await bench.pipe.write(os.read(ours, bench.pipe.send_bytes))
            await bench.wait_bits(1)
    os.close(ours)
    os.close(theirs)
