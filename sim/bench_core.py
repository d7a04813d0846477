"""Bench of the core: the host driver draws one image over the simulated link, a step at a time."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import Driver
from golden.spec.image import read_image
from golden.spec.registers import Status
from sim.clock import Clock
from sim.job import JOB_VARIABLE, RESULT_FILE, STEPS_FILE, Job, StepDone, read_job
from sim.link import SimulatedLink


@cocotb.test()
async def draws_an_image(dut: Any) -> None:
    """From program, conditioning and seed to a finished image; records and pixels go to the job's folder."""
    job = read_job(Path(os.environ[JOB_VARIABLE]))
    clock = Clock(dut)
    driver = Driver(SimulatedLink(dut, clock, job.rest_cycles))
    dut.record_flush.value = 0
    await clock.start()
    image = read_image(job.image)
    await driver.identify()
    await driver.load(image.program)
    await driver.load(image.conditionings[job.label])
    await driver.seed(job.seed)
    await draw(dut, clock, driver, job)


async def draw(dut: Any, clock: Clock, driver: Driver, job: Job) -> None:
    """Start, and go from pause to pause until the image is done."""
    folder = Path(job.folder)
    started = time.monotonic()
    await driver.start(pause=True)
    with (folder / STEPS_FILE).open("w", encoding="utf-8") as steps:
        while True:
            status = await driver.wait(polls=job.polls)
            if status & Status.DONE:
                break
            dut.record_flush.value = 1
            await clock.wait_cycles(2)
            dut.record_flush.value = 0
            counters = await driver.counters()
            done = StepDone(await driver.read("STEP") - 1, counters["CYCLES"], clock.cycle,
                            time.monotonic() - started, await driver.read_latent(job.pixels),
                            await driver.read_update())
            steps.write(done.line())
            steps.flush()
            await driver.resume()
    result = {"counters": await driver.counters(), "pixels": await driver.read_image(job.pixels),
              "latent": await driver.read_latent(job.pixels), "simulated": clock.cycle,
              "seconds": time.monotonic() - started}
    (folder / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")
