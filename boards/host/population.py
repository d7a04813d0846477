"""A population of particles on a core: one load of the weights, a program for each run of steps, latents in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from boards.host.driver import Driver
from boards.host.particles import Latent
from golden.spec.hardware import HardwareConfig
from golden.spec.image import Kind, Memory, Section, build_segment
from golden.spec.numbers import WIDE_BITS


def latent_segment(latent: Latent, hardware: HardwareConfig) -> bytes:
    """A segment that puts a latent where the core keeps its images."""
    mask = (1 << WIDE_BITS) - 1
    sections = [Section(memory, 0, [value & mask for value in values])
                for memory, values in ((Memory.PIXEL, latent.image), (Memory.CLEAN, latent.clean))]
    return build_segment(hardware, Kind.CONDITIONING, sections)


class CorePopulation:
    """Particles that take turns on a core, which must hold its program image and conditioning.

    ``programs``: the segment of each run of steps, by first and last (``golden.compile.partial``). Between two
    particles only the latent and the noise's seed travel, and the weights stay. Raises ``DeviceError``.
    """

    def __init__(self, driver: Driver, hardware: HardwareConfig, programs: Mapping[tuple[int, int], bytes],
                 pixels: int, polls: int) -> None:
        self.driver = driver
        self.hardware = hardware
        self.programs = programs
        self.pixels = pixels
        self.polls = polls

    async def run(self, first: int, last: int, latents: Sequence[Latent | None], seeds: Sequence[int]) -> list[Latent]:
        """See ``particles.Population``."""
        await self.driver.load(self.programs[first, last])
        return [await self.run_one(latent, seed) for latent, seed in zip(latents, seeds, strict=True)]

    async def run_one(self, latent: Latent | None, seed: int) -> Latent:
        """The loaded steps, for one particle."""
        driver = self.driver
        if latent is not None:
            await driver.load(latent_segment(latent, self.hardware))
        await driver.seed(seed)
        await driver.start()
        await driver.wait(polls=self.polls)
        return Latent(tuple(await driver.read_latent(self.pixels)), tuple(await driver.read_image(self.pixels)))
