"""A core in simulation with a job's program and conditioning, and the driver that talks to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from boards.host.driver import Driver
from golden.spec.image import Image, read_image
from sim.clock import Clock
from sim.job import JOB_VARIABLE, Job, read_job
from sim.link import SimulatedLink


class LoadedCore(NamedTuple):
    """What a bench of the whole core works with."""

    clock: Clock
    driver: Driver
    job: Job
    image: Image


async def loaded_core(dut: Any) -> LoadedCore:
    """Start the clock, and load the program image of the job and the conditioning of its label."""
    job = read_job(Path(os.environ[JOB_VARIABLE]))
    clock = Clock(dut)
    driver = Driver(SimulatedLink(dut, clock, job.rest_cycles))
    dut.record_flush.value = 0
    await clock.start()
    image = read_image(job.image)
    await driver.identify()
    await driver.load(image.program)
    await driver.load(image.conditionings[job.label])
    return LoadedCore(clock, driver, job, image)
