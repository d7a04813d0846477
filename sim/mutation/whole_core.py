"""The core's bench for mutants: a small random system, drawn and compared as ``sim.fuzz`` does.

Values of every write, cycles, image, and what the counters say of each step must be as foretold.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from golden.compile.compiler import Compiled
from golden.spec.hardware import load_hardware
from golden.spec.timing import estimate
from sim.bench_core import draw
from sim.bench_engine import CONFIG_VARIABLE
from sim.fuzz import explain, judge
from sim.job import JOB_VARIABLE, Job
from sim.loaded_core import loaded_core
from sim.random_case import random_system
from sim.random_model import LABEL
from sim.seed import seed
from sim.units import config_file

REST_CYCLES = 200


def system(config: Path, number: int) -> Compiled:
    """The random model of a seed."""
    return random_system(np.random.default_rng(number), load_hardware(config))


def prepare(config: Path, folder: Path, number: int) -> dict[str, str]:
    """Write image and job of a drawing into a folder; returns the variables that the bench reads."""
    compiled = system(config, number)
    model = compiled.model.config
    expected = estimate(compiled.descriptors, compiled.layout.hardware, compiled.plan.evaluations,
                        compiled.plan.contexts)
    compiled.write(folder / "image.htn")
    job = Job(str(folder / "image.htn"), LABEL, number, model.image_channels * model.image_size**2, str(folder),
              REST_CYCLES, polls=10 + 2 * expected.cycles // REST_CYCLES)
    return {JOB_VARIABLE: str(job.write())}


SYSTEM = system(config_file(os.environ[CONFIG_VARIABLE]), seed()) if JOB_VARIABLE in os.environ else None
"""In the simulation, the reference; made before any copy of it."""


@cocotb.test()
async def draws_as_foretold(dut: Any) -> None:
    """From program, conditioning and seed to an image, in which every value and every cycle is compared."""
    clock, driver, job, _ = await loaded_core(dut)
    await driver.seed(job.seed)
    await draw(dut, clock, driver, job)
    outcome = judge(SYSTEM, LABEL, job.seed, Path(job.folder))
    assert outcome.good, explain(outcome, config_file(os.environ[CONFIG_VARIABLE]))
