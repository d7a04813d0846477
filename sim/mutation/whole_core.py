"""The core's bench for mutants: a small random system, drawn and compared as ``sim.fuzz`` and a timeline are.

Values of every write, cycles, image, what the counters say of each step, and when each descriptor was issued, accepted
and finished must be as foretold.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from golden.compile.compiler import Compiled
from golden.compile.operands import predict_drawing
from golden.integer.evaluate import sample
from golden.spec.timing import Span
from sim.bench_core import draw
from sim.bench_engine import CONFIG_VARIABLE
from sim.events import read_events
from sim.fuzz import explain, judge
from sim.job import JOB_VARIABLE, STEPS_FILE, Job, StepDone
from sim.loaded_core import loaded_core
from sim.mutation.core_rounds import system
from sim.observation import growth
from sim.program_order import orders
from sim.random_model import LABEL
from sim.runs import recorded
from sim.seed import seed
from sim.timeline_check import differences
from sim.units import config_file, unit_description


class Foretold:
    """A random system and what its drawing must come to."""

    def __init__(self, compiled: Compiled, number: int) -> None:
        self.compiled = compiled
        self.steps = list(sample(compiled.model, compiled.contexts(LABEL), compiled.plan, number))
        self.spans: tuple[Span, ...] = predict_drawing(compiled, LABEL, number).spans


FORETOLD = Foretold(system(config_file(os.environ[CONFIG_VARIABLE]), seed()), seed()) \
    if JOB_VARIABLE in os.environ else None
"""In the simulation, the reference; made before any copy of it."""


@cocotb.test()
async def draws_as_foretold(dut: Any) -> None:
    """From program, conditioning and seed to an image, in which every value, event and cycle is compared."""
    clock, driver, job, _ = await loaded_core(dut)
    dut.flip.value = 0
    await driver.seed(job.seed)
    await draw(dut, clock, driver, job)
    outcome = judge(FORETOLD.compiled, LABEL, job.seed, Path(job.folder), FORETOLD.steps)
    assert outcome.good, explain(outcome, config_file(os.environ[CONFIG_VARIABLE]))
    wrong = of_timeline(job)
    assert not wrong, wrong[0]


def of_timeline(job: Job) -> list[str]:
    """What is not as foretold in the events of all steps."""
    compiled, folder = FORETOLD.compiled, Path(job.folder)
    ended = [StepDone(**json.loads(line)) for line in (folder / STEPS_FILE).read_text(encoding="utf-8").splitlines()]
    last, stop = len(ended) - 1, ended[-1].cycles
    seen = recorded(read_events(folder, unit_description()["events"]), 0, stop)
    spans = [span for span in FORETOLD.spans if span.issued < stop]
    return differences(seen, list(orders(compiled.descriptors, 0, last)), growth(ended, 0, last), spans,
                       compiled.layout.hardware)
