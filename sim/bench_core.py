"""Bench of the core: the host driver draws one image over the simulated link, a step at a time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import Driver
from golden.spec.registers import Status
from sim.clock import Clock
from sim.coverage.marks import mark, mark_all
from sim.job import RESULT_FILE, STEPS_FILE, Job, StepDone
from sim.loaded_core import has_recorder, loaded_core

END_REGISTERS = ("STATUS", "ERROR", "ERROR_DETAIL", "STEP", "UPDATE")
"""Registers that are read when the image is done."""


@cocotb.test()
async def draws_an_image(dut: Any) -> None:
    """From program, conditioning and seed to a finished image; records and pixels go to the job's folder."""
    await load_and_draw(dut)


async def load_and_draw(dut: Any) -> None:
    """The job, from a core that has just begun to run."""
    clock, driver, job, _ = await loaded_core(dut)
    await driver.seed(job.seed)
    await draw(dut, clock, driver, job)


async def flush(dut: Any, clock: Clock) -> None:
    """Have what is recorded so far in the files."""
    if has_recorder(dut):
        dut.record_flush.value = 1
        await clock.wait_cycles(2)
        dut.record_flush.value = 0


async def draw(dut: Any, clock: Clock, driver: Driver, job: Job) -> None:
    """Start, and go from pause to pause until the image is done."""
    folder = Path(job.folder)
    started = time.monotonic()
    watch(dut, job, 0)
    await driver.start(pause=True)
    with (folder / STEPS_FILE).open("w", encoding="utf-8") as steps:
        while True:
            status = await driver.wait(polls=job.polls)
            if status & Status.DONE:
                break
            mark("paused")
            await flush(dut, clock)
            counters = await driver.counters()
            done = StepDone(await driver.read("STEP") - 1, counters["CYCLES"], clock.cycle,
                            time.monotonic() - started, await driver.read_latent(job.pixels),
                            await driver.read_update(), counters)
            watch(dut, job, done.step + 1)
            steps.write(done.line())
            steps.flush()
            await driver.resume()
    registers = {name: await driver.read(name) for name in END_REGISTERS}
    result = {"counters": await driver.counters(), "registers": registers,
              "pixels": await driver.read_image(job.pixels), "latent": await driver.read_latent(job.pixels),
              "simulated": clock.cycle, "seconds": time.monotonic() - started}
    mark_all(f"{name} counted" for name, count in result["counters"].items() if count)
    (folder / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")


def watch(dut: Any, job: Job, step: int) -> None:
    """Record the events of this step, or not; the core stands still."""
    if job.timeline is not None:
        first, last = job.timeline
        dut.record_events.value = int(first <= step <= last)
