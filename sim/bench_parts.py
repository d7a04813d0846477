"""Bench of the core: one image drawn by partial programs, one after the other, over the simulated link."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import DeviceError, Driver
from golden.spec.image import read_image
from golden.spec.registers import ErrorCode, Status
from sim.clock import Clock
from sim.job import JOB_VARIABLE, PARTS_FILE, RESULT_FILE, Job, read_job
from sim.link import SimulatedLink


async def prepare(dut: Any) -> tuple[Clock, Driver, Job]:
    """A core with the job's program and conditioning."""
    job = read_job(Path(os.environ[JOB_VARIABLE]))
    clock = Clock(dut)
    driver = Driver(SimulatedLink(dut, clock, job.rest_cycles))
    dut.record_flush.value = 0
    await clock.start()
    image = read_image(job.image)
    await driver.load(image.program)
    await driver.load(image.conditionings[job.label])
    return clock, driver, job


@cocotb.test()
async def draws_in_parts(dut: Any) -> None:
    """Loads nothing but descriptors and the noise's state between parts; counters and pixels go to the folder."""
    clock, driver, job = await prepare(dut)
    results = []
    for part in json.loads((Path(job.folder) / PARTS_FILE).read_text(encoding="utf-8")):
        await driver.load(bytes.fromhex(part["segment"]))
        await driver.seed_state(part["state"])
        await driver.start()
        await driver.wait(polls=job.polls)
        results.append({"counters": await driver.counters(), "steps": await driver.read("STEP"),
                        "pixels": await driver.read_latent(job.pixels)})
    dut.record_flush.value = 1
    await clock.wait_cycles(2)
    (Path(job.folder) / RESULT_FILE).write_text(json.dumps(results), encoding="utf-8")


@cocotb.test()
async def a_program_needs_its_conditioning_again(dut: Any) -> None:
    """A part of kind PROGRAM is taken without weights; no start is, until a conditioning is loaded after it."""
    _, driver, job = await prepare(dut)
    part, *_ = json.loads((Path(job.folder) / PARTS_FILE).read_text(encoding="utf-8"))
    await driver.load(bytes.fromhex(part["segment"]))
    assert not await driver.status() & Status.CONDITIONING_LOADED
    await driver.seed_state(part["state"])
    try:
        await driver.start()
    except DeviceError as error:
        assert error.code is ErrorCode.NOT_LOADED, str(error)
    else:
        raise AssertionError("a start without conditioning was taken")
    await driver.load(read_image(job.image).conditionings[job.label])
    await driver.start()
    await driver.wait(polls=job.polls)
    assert await driver.read("STEP") == part["steps"]
