"""Detector at its limits: shares at the threshold, queues that overrun, entries past the table's end."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from golden.spec.hardware import MOST_SPLIT_LINES, SPLIT_ENTRY_BITS
from golden.spec.split import REQUEST_DEPTH, SAMPLE_DEPTH, decide_cycles, fixed_thresholds, sample_cycles
from sim.bench_detector import Bench


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def fixed_shares_are_exact(dut: Any) -> None:
    """The fixed rule, for every number of samples: channels one below its threshold, at it, and one above."""
    bench = Bench(dut, "shares")
    await bench.clock.start()
    for samples, threshold in enumerate(fixed_thresholds()):
        counts = threshold + np.arange(bench.channels) % 3 - 1
        for number in range(samples):
            bench.sample(5, (number < counts).astype(np.uint8))
            for _ in range(sample_cycles(bench.config)):
                await bench.tick()
        bench.request(5, 1, True)
        while bench.requests:
            await bench.tick()
    await bench.finish()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def tells_overruns(dut: Any) -> None:
    """One a cycle: a sample without room is told and does not count; so is a request, and an entry past the end."""
    bench = Bench(dut, "overruns")
    await bench.clock.start()
    await bench.tick()
    held, lost = 0, 0
    for cycle in range(3 * SAMPLE_DEPTH):
        left = max(0, cycle - 2) // sample_cycles(bench.config)    # the first leaves when it has been counted
        full = held - left == SAMPLE_DEPTH
        bench.sample(9, bench.row())
        if full:
            bench.rows[9].pop()
        held, lost = held + (not full), lost + full
        await bench.tick({"overrun": int(full)})
    assert lost
    for number in range(REQUEST_DEPTH):
        bench.request(9 + number, 1, False)
        await bench.tick()
    for port, value in (("valid", 1), ("entry", 3), ("count", 1)):
        getattr(dut, f"decide_{port}").value = value
    await bench.tick({"request_overrun": 1})
    await bench.finish()
    if bench.config.split_lines == MOST_SPLIT_LINES:
        return
    dut.sample_valid.value = 1
    dut.sample_entry.value = bench.config.split_lines
    await bench.tick()
    faults = 0
    for _ in range(10):
        await bench.clock.next_edge()
        bench.quiet()
        faults += int(dut.fault.value)
    assert faults, "an entry past the end of the table"
    await writes_nothing_else(bench)


async def writes_nothing_else(bench: Bench) -> None:
    """What is decided of an entry past the end goes past the end of the table too, where its memory refuses it."""
    dut, writes = bench.dut, 0
    for entry in [1 << bit for bit in range((bench.config.split_lines - 1).bit_length(), SPLIT_ENTRY_BITS)]:
        for sampled in (0, entry):
            dut.sample_valid.value, dut.sample_entry.value, dut.sample_nonzero.value = 1, sampled, 1
            await bench.clock.next_edge()
            bench.quiet()
        dut.decide_valid.value, dut.decide_entry.value, dut.decide_count.value = 1, entry, 1
        await bench.clock.next_edge()
        bench.quiet()
        for _ in range(decide_cycles(bench.config) + 4):
            await bench.clock.next_edge()
            if int(dut.split__enable.value):
                address = int(dut.split__address.value)
                assert address >= bench.config.split_lines, f"detector: entry {entry} went to {address}"
                writes += 1
    assert writes, "no entry past the end was decided"
