"""Bench of a core on a bus: the host's driver draws one image through a third party's bus master."""

from __future__ import annotations

import os
from typing import Any

import cocotb

from boards.host.link import Link
from sim import seed as seeds
from sim.bench_core import draw
from sim.bus_links import AxiLink, WishboneLink
from sim.bus_run import BUS_VARIABLE, STREAM_VARIABLE
from sim.clock import Clock
from sim.loaded_core import loaded_core

PAUSE = 0.2
MOST_IDLE = 2


def make_link(dut: Any, clock: Clock, rest_cycles: int) -> Link:
    """The bus of this run, with random pauses."""
    if os.environ[BUS_VARIABLE] == "axi":
        return AxiLink(dut, clock, rest_cycles, PAUSE)
    generator = seeds.generator("idle")
    return WishboneLink(dut, clock, rest_cycles, iter(lambda: generator.randint(0, MOST_IDLE), None))


@cocotb.test()
async def draws_an_image(dut: Any) -> None:
    """As ``sim.bench_core`` does; with a stream of pixels, the image comes out of it once more and is the same."""
    clock, driver, job, _ = await loaded_core(dut, make_link)
    await driver.seed(job.seed)
    await draw(dut, clock, driver, job)
    if isinstance(driver.link, AxiLink):
        await driver.write("PIXEL_ADDRESS", 0)
        await driver.link.write(int(os.environ[STREAM_VARIABLE]), job.pixels)
        streamed = await driver.link.receive_pixels()
        assert streamed == await driver.read_image(job.pixels), "the stream of pixels is not the image"
