"""Bench of the core under bad input: a fault ends in its error code and no image, and a good image works after it.

And under images that a segment brings.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import DeviceError, Driver
from golden.spec.descriptors import SEMAPHORE_BITS, WIDTHS, Engine, LoadSource, Opcode, encode
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.image import Image, Kind, Memory, Section, build_segment, parse_segment, read_image
from golden.spec.registers import ErrorCode, Status
from sim import seed as seeds
from sim.clock import Clock
from sim.job import JOB_VARIABLE, Job, read_job
from sim.link import SimulatedLink
from sim.loaded_core import has_recorder
from sim.units import config_file

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"
REST_CYCLES = 2000
CREDITS = (1 << WIDTHS[Opcode.CREDIT]["count"]) - 1


class Bench:
    """One core, its driver, and the image of the job."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.clock = Clock(dut)
        self.job: Job = read_job(Path(os.environ[JOB_VARIABLE]))
        self.driver = Driver(SimulatedLink(dut, self.clock, REST_CYCLES))
        self.config: HardwareConfig = load_hardware(config_file(os.environ[CONFIG_VARIABLE]))
        self.image: Image = read_image(self.job.image)
        self.random = random.Random(seeds.seed())

    async def start(self) -> None:
        if has_recorder(self.dut):
            self.dut.record_flush.value = 0
        await self.clock.start()
        await self.driver.identify(self.config)

    def program(self, *descriptors: int) -> bytes:
        """The job's program segment with other descriptors."""
        kept = [section for section in parse_segment(self.image.program, self.config).sections
                if section.memory != Memory.PROGRAM]
        return build_segment(self.config, Kind.PROGRAM, [Section(Memory.PROGRAM, 0, list(descriptors)), *kept])

    async def load(self, program: bytes) -> None:
        await self.driver.load(program)
        await self.driver.load(self.image.conditionings[self.job.label])
        await self.driver.seed(self.job.seed)

    async def expect(self, code: ErrorCode, action: Any) -> None:
        """``action`` must be refused with ``code``, and no pixel may be read after it."""
        try:
            await action
        except DeviceError as error:
            assert error.code is code, f"expected {code.name}, got {error}"
        else:
            raise AssertionError(f"expected {code.name}, got no error")
        assert not await self.driver.status() & Status.DONE
        try:
            await self.driver.read_image(1)
        except DeviceError:
            return
        raise AssertionError(f"a pixel was read after {code.name}")

    async def run(self, polls: int = 3000) -> None:
        """Start and wait for the end."""
        await self.driver.start()
        await self.driver.wait(polls=polls)

    async def draws(self) -> None:
        """The good image comes out as the reference says."""
        await self.load(self.image.program)
        await self.run()
        assert await self.driver.read_image(self.job.pixels) == expected_pixels(self.job)


def expected_pixels(job: Job) -> list[int]:
    """Last step of the integer reference, which the test wrote beside the job."""
    return [int(value) for value in (Path(job.folder) / "expected.txt").read_text(encoding="utf-8").split()]


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def damaged_segments(dut: Any) -> None:
    """A flipped bit, a cut, a foreign fingerprint: an error code, and the start is refused."""
    bench = Bench(dut)
    await bench.start()
    good = bench.image.program
    for _ in range(4):
        flipped = bytearray(good)
        position = bench.random.randrange(20 * 8, len(good) * 8)   # behind the header, whose fields have own codes
        flipped[position // 8] ^= 1 << position % 8
        try:
            await bench.driver.load(bytes(flipped), polls=3)
        except DeviceError as error:
            assert error.code in (ErrorCode.CRC, ErrorCode.SECTION, None), str(error)   # None: a longer section waits
        else:
            raise AssertionError(f"bit {position} flipped and the segment was accepted")
        await bench.driver.clear()
        await bench.expect(ErrorCode.NOT_LOADED, bench.run())
    for place, code in ((0, ErrorCode.MAGIC), (4, ErrorCode.VERSION), (8, ErrorCode.KIND), (12, ErrorCode.FINGERPRINT),
                        (20, ErrorCode.SECTION)):
        foreign = bytearray(good)
        foreign[place + 2] ^= 0x40
        await bench.expect(code, bench.driver.load(bytes(foreign)))
    await bench.draws()


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def bad_programs(dut: Any) -> None:
    """Illegal opcode, unmatched loops, addresses past the end, sums too wide, reads that meet writes: own codes."""
    bench = Bench(dut)
    await bench.start()
    depth = bench.config.activation_words
    halt = encode(Opcode.HALT, {})
    product = {"count": 1, "words": 1}
    read_past_end = encode(Opcode.ARRAY, {**product, "left_memory": 1, "left_base": depth, "lane_stride": 1})
    write_past_end = encode(Opcode.ARRAY, {**product, "destination_base": depth, "vector_stride": 1})
    overflow = [encode(Opcode.SET, {"mask": 1, "value0": (1 << 20) - 1}),
                encode(Opcode.LOAD, {"base": 1, "base_register": 1, "rows": 1})]
    # four cycles after the array the loader writes the rows that the array's second group reads in the same cycles
    collision = [encode(Opcode.ARRAY, {**product, "count": 2, "tile_step": bench.config.width - 6}),
                 encode(Opcode.LOAD, {"source": LoadSource.KEY_VALUE, "rows": bench.config.width}), halt]
    rounds = (1 << SEMAPHORE_BITS) // CREDITS + 1
    overflow_semaphore = [encode(Opcode.LOOP, {"count": rounds}), encode(Opcode.CREDIT, {"count": CREDITS}),
                          encode(Opcode.END, {}), halt]
    cases = (
        (ErrorCode.OPCODE, [15]),
        (ErrorCode.LOOP, [encode(Opcode.END, {})]),
        (ErrorCode.LOOP, [encode(Opcode.LOOP, {"count": 1})] * 7),
        (ErrorCode.ADDRESS, [read_past_end, halt]),
        (ErrorCode.ADDRESS, [write_past_end, halt]),
        (ErrorCode.ADDRESS, [encode(Opcode.LOAD, {"base": bench.config.weight_words - 1, "rows": 2}), halt]),
        (ErrorCode.ADDRESS, overflow),
        (ErrorCode.SCHEDULE, collision),
        (ErrorCode.SEMAPHORE, overflow_semaphore),
        (ErrorCode.ADDRESS, [encode(Opcode.EXECUTE, {"address": bench.config.program_words})]),
    )
    for code, descriptors in cases:
        await bench.load(bench.program(*descriptors))
        await bench.expect(code, bench.run())
    await bench.load(bench.image.program)
    await bench.driver.seed_state((0, 0, 0, 0))
    await bench.expect(ErrorCode.SEED, bench.run())
    await bench.draws()


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def hung_programs(dut: Any) -> None:
    """A descriptor that waits for ever ends by the watchdog; an abort in mid-image leaves no image."""
    bench = Bench(dut)
    await bench.start()
    waiting = encode(Opcode.ARRAY, {"count": 1, "words": 1, "wait_first": 1 << Engine.NORM})
    await bench.load(bench.program(waiting, encode(Opcode.HALT, {})))
    await bench.expect(ErrorCode.WATCHDOG, bench.run())
    await bench.load(bench.image.program)
    await bench.driver.start()
    await bench.clock.wait_cycles(bench.random.randrange(100, 20000))
    await bench.driver.clear()
    assert not await bench.driver.status() & (Status.RUNNING | Status.DONE)
    await bench.expect(ErrorCode.BUSY, bench.driver.read_image(1))
    await bench.draws()


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def loaded_images(dut: Any) -> None:
    """Sections of a segment reach the latent and the clean image, each its own; both are read apart."""
    bench = Bench(dut)
    await bench.start()
    images = {memory: [bench.random.getrandbits(16) for _ in range(bench.config.pixel_words)]
              for memory in (Memory.PIXEL, Memory.CLEAN)}
    sections = [Section(Memory.PROGRAM, 0, [encode(Opcode.HALT, {})]),
                *(Section(memory, 0, words) for memory, words in images.items())]
    await bench.load(build_segment(bench.config, Kind.PROGRAM, sections))
    await bench.driver.start()
    assert await bench.driver.wait() & Status.DONE
    for memory, read in ((Memory.PIXEL, bench.driver.read_latent), (Memory.CLEAN, bench.driver.read_image)):
        assert [value & 0xFFFF for value in await read(bench.config.pixel_words)] == images[memory], memory.name
    await bench.draws()
