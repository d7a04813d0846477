"""Runs one program of loads and products on ``matrix_product`` and keeps what it writes; nothing is judged here."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
import numpy as np

from sim.bench_engine import load
from sim.clock import Clock

FOLDER_VARIABLE = "HALFTONE_GEMM"
JOB_FILE, RESULT_FILE, WRITES_FILE = "job.json", "result.json", "writes.npz"
COUNTED = ("issued", "offered", "waiting_line", "waiting_drain", "waiting_token")
ACCEPTED, WRITTEN, DONE, WRONG = (1 << bit for bit in range(4))
PERIODS = {"program": 2}
"""Cycles that a memory takes to write a word, where it is not one."""
TAIL_CYCLES = 8
"""After the program's end: counters that lag, and writes that nobody asked for."""


async def preload(dut, clock, memories):
    """All memories at once, each from address 0 on."""
    for task in [cocotb.start_soon(load(dut, clock, f"load_{name}", memories[name], PERIODS.get(name, 1)))
                 for name in memories]:
        await task


async def watch(dut, clock, limit):
    """Follow the program to its end; returns the cycle of the first acceptance and all writes."""
    first, end, writes = None, limit, []
    for cycle in range(limit):
        await clock.next_edge()
        event = int(dut.events.value)
        if event:
            assert not event & WRONG, f"product: a fault, a collision or a stray write in cycle {cycle}"
            if event & ACCEPTED and first is None:
                first = cycle
            if event & WRITTEN:
                writes.append((cycle, int(dut.written__address.value), int(dut.written__data.value)))
            if event & DONE:
                end = cycle + TAIL_CYCLES
        if cycle == end:
            return first, writes
    raise AssertionError(f"product: not done within {limit} cycles")


@cocotb.test()
async def runs(dut):
    """Load, run, keep."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    clock = Clock(dut)
    for port in (*(f"load_{name}__enable" for name in job["memories"]), "begin_run"):
        getattr(dut, port).value = 0
    await clock.start()
    await preload(dut, clock, job["memories"])
    dut.begin_run.value = 1
    await clock.next_edge()
    dut.begin_run.value = 0
    first, writes = await watch(dut, clock, job["limit"])
    size = len(dut.written__data) // 8
    data = b"".join(word.to_bytes(size, "little") for _, _, word in writes)
    np.savez(folder / WRITES_FILE, cycles=np.array([entry[0] for entry in writes], dtype=np.int64),
             addresses=np.array([entry[1] for entry in writes], dtype=np.int64),
             values=np.frombuffer(data, dtype="<i2").reshape(len(writes), -1))
    result = {"accepted": first, **{name: int(getattr(dut, f"counted_{name}").value) for name in COUNTED}}
    (folder / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")
