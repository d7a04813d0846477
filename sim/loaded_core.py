"""A core in simulation with a job's program and conditioning, and the driver that talks to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from boards.host.driver import LOAD_POLLS, Driver
from boards.host.link import Link
from golden.spec.image import Image, read_image
from sim.clock import Clock
from sim.job import JOB_VARIABLE, Job, read_job
from sim.link import SimulatedLink


def has_recorder(dut: Any) -> bool:
    """Whether the core is in a bench top that records its memories' writes; a core on a bus or of cells is not."""
    return hasattr(dut, "record_flush")


class LoadedCore(NamedTuple):
    """What a bench of the whole core works with."""

    clock: Clock
    driver: Driver
    job: Job
    image: Image


async def loaded_core(dut: Any, make_link: Callable[[Any, Clock, int], Link] = SimulatedLink) -> LoadedCore:
    """Start the clock, and load the program image of the job and the conditioning of its label."""
    job = read_job(Path(os.environ[JOB_VARIABLE]))
    clock = Clock(dut)
    driver = Driver(make_link(dut, clock, job.rest_cycles))
    if has_recorder(dut):
        dut.record_flush.value = 0
    await clock.start()
    image = read_image(job.image)
    await driver.identify()
    await driver.load(image.program, max(job.polls, LOAD_POLLS))
    await driver.load(image.conditionings[job.label], max(job.polls, LOAD_POLLS))
    return LoadedCore(clock, driver, job, image)
