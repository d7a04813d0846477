"""Bench of the core: a particle search over the simulated link, on one load of the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb

from boards.host.particles import SearchPlan, search
from boards.host.population import CorePopulation
from golden.spec.hardware import HardwareConfig
from sim.job import RESULT_FILE, SEARCH_FILE
from sim.loaded_core import loaded_core
from sim.population import brightness


@cocotb.test()
async def finds_bright_images(dut: Any) -> None:
    """Loads weights once, searches, and writes what was found into the job's folder."""
    _, driver, job, _ = await loaded_core(dut)
    told = json.loads((Path(job.folder) / SEARCH_FILE).read_text(encoding="utf-8"))
    programs = {tuple(part["steps"]): bytes.fromhex(part["segment"]) for part in told["parts"]}
    population = CorePopulation(driver, HardwareConfig(**told["hardware"]), programs, job.pixels, job.polls)
    plan = told["plan"]
    found = await search(population, brightness, SearchPlan(**{**plan, "checks": tuple(plan["checks"])}))
    result = {"latents": found.latents, "rewards": found.rewards, "history": found.history, "parents": found.parents}
    (Path(job.folder) / RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")
