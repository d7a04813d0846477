"""Bench of the core: one image drawn by partial programs, one after the other, over the simulated link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import DeviceError
from golden.spec.registers import ErrorCode, Status
from sim.job import PARTS_FILE, RESULT_FILE
from sim.loaded_core import loaded_core


@cocotb.test()
async def draws_in_parts(dut: Any) -> None:
    """Loads nothing but descriptors and the noise's state between parts; counters and pixels go to the folder."""
    clock, driver, job, _ = await loaded_core(dut)
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
    _, driver, job, image = await loaded_core(dut)
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
    await driver.load(image.conditionings[job.label])
    await driver.start()
    await driver.wait(polls=job.polls)
    assert await driver.read("STEP") == part["steps"]
