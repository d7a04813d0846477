"""Bench of the core: a particle search over the simulated link, on one load of the weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import Driver
from boards.host.particles import SearchPlan, search
from boards.host.population import CorePopulation
from golden.spec.hardware import HardwareConfig
from golden.spec.image import read_image
from sim.clock import Clock
from sim.job import JOB_VARIABLE, RESULT_FILE, SEARCH_FILE, read_job
from sim.link import SimulatedLink
from sim.population import brightness


@cocotb.test()
async def finds_bright_images(dut: Any) -> None:
    """Loads weights once, searches, and writes what was found into the job's folder."""
    job = read_job(Path(os.environ[JOB_VARIABLE]))
    told = json.loads((Path(job.folder) / SEARCH_FILE).read_text(encoding="utf-8"))
    clock = Clock(dut)
    driver = Driver(SimulatedLink(dut, clock, job.rest_cycles))
    dut.record_flush.value = 0
    await clock.start()
    image = read_image(job.image)
    await driver.load(image.program)
    await driver.load(image.conditionings[job.label])
    programs = {tuple(part["steps"]): bytes.fromhex(part["segment"]) for part in told["parts"]}
    population = CorePopulation(driver, HardwareConfig(**told["hardware"]), programs, job.pixels, job.polls)
    plan = told["plan"]
    found = await search(population, brightness, SearchPlan(**{**plan, "checks": tuple(plan["checks"])}))
    result = {"latents": found.latents, "rewards": found.rewards, "history": found.history, "parents": found.parents}
    (Path(job.folder) / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")
