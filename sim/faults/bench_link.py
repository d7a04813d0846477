"""Bench of a board's top level whose serial line damages frames, or whose host stops within one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cocotb

from boards.host.driver import DeviceError, Driver
from boards.host.frames import Frame, encode
from boards.host.link import LinkError
from boards.host.serial_link import SerialLink
from golden.spec.image import read_image
from golden.spec.link import BYTE_TIMEOUT_BITS, Command
from golden.spec.registers import ADDRESSES
from sim.board import BAUD, BIT_CYCLES, CLOCK_HZ
from sim.clock import Clock
from sim.faults.injections import generator
from sim.faults.job import EXACT, HANG, SILENT, Outcome, read_job
from sim.uart import FaultyPipe, UartPipe, damage

PATIENCE_SECONDS, REST_SECONDS = 600 / BAUD, 200 / BAUD
SHARES = (0.05, 0.15, 0.4)
"""Of the requests on the line that are damaged."""
ANSWER_BYTES = 14
"""Of a usual answer, which arrives byte by byte, where a request is written at once."""
VANISH_SHARE = 0.3
SETTINGS = ("LOAD", "SEED0", "OPTIONS", "PIXEL_ADDRESS")


class Bench:
    """A board with the image loaded, and hosts that come and go."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.job = read_job()
        self.clock = Clock(dut)
        self.pipe = UartPipe(dut, self.clock, CLOCK_HZ, BIT_CYCLES)
        self.image = read_image(self.job.image)
        self.sequences = random.Random(self.job.seed)
        self.polls = 4 + (self.job.cycles + 2 * self.job.watchdog_cycles) // round(REST_SECONDS * CLOCK_HZ)

    def host(self, share: float = 0.0, draw: random.Random | None = None) -> Driver:
        """A host that knows nothing of those before it, with a line that damages such a share of requests."""
        pipe = self.pipe if draw is None else FaultyPipe(self.pipe, damage(draw, share),
                                                         damage(draw, share / ANSWER_BYTES))
        first = (draw or self.sequences).randrange
        with patch("boards.host.serial_link.secrets.randbelow", first):     # so that an injection can be repeated
            return Driver(SerialLink(pipe, BAUD, PATIENCE_SECONDS, REST_SECONDS))

    async def load(self) -> None:
        """The program, by a good host."""
        driver = self.host()
        await driver.clear()
        await driver.load(self.image.program)

    async def draw(self, driver: Driver) -> str:
        """Conditioning, seed, start, wait, pixels: what the host comes to know."""
        try:
            await driver.load(self.image.conditionings[self.job.label])
            await driver.seed(self.job.noise)
            await driver.start()
            await driver.wait(polls=self.polls)
            return EXACT if await driver.read_image(len(self.job.expected)) == self.job.expected else SILENT
        except LinkError:
            return "told by the link"
        except DeviceError as error:
            if error.code is None:
                return HANG if "not done" in str(error) else "refused by the host"
            return error.code.name


async def damaged_frames(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """A drawing over a line that loses, changes and adds bytes."""
    share = draw.choice(SHARES)
    driver = bench.host(share, draw)
    outcome = await bench.draw(driver)
    return f"{share:.0%} damaged, {driver.link.retries} sent again", outcome


async def cut_frame(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """A host that stops within a frame; another draws, at once or after a pause."""
    words = tuple(draw.getrandbits(32) for _ in range(draw.randrange(1, 40)))
    frame = encode(Frame(draw.randrange(256), draw.choice((Command.READ, Command.WRITE)),
                         ADDRESSES[draw.choice(SETTINGS)], words))
    place = draw.randrange(1, len(frame))
    await bench.pipe.write(frame[:place])
    await bench.pipe.sent()
    await bench.clock.wait_cycles(draw.choice((0, BYTE_TIMEOUT_BITS + 100)) * BIT_CYCLES)
    return f"host gone after {place} of {len(frame)} bytes", await bench.draw(bench.host())


@cocotb.test()
async def injects(dut: Any) -> None:
    """All injections of the job, one after the other; each one's outcome goes to the result file."""
    bench = Bench(dut)
    await bench.clock.start()
    await bench.clock.wait_cycles(10 * BIT_CYCLES)
    await bench.load()
    assert await bench.draw(bench.host()) == EXACT, "the good image is not drawn"
    with Path(bench.job.result).open("w", encoding="utf-8") as result:
        for kind, numbers in bench.job.injections.items():
            for number in numbers:
                draw = generator(bench.job.seed, kind, number)
                bench.sequences = draw
                inject = cut_frame if draw.random() < VANISH_SHARE else damaged_frames
                detail, outcome = await inject(bench, draw)
                result.write(Outcome(kind, number, detail, outcome).line())
                result.flush()
                if outcome != EXACT:
                    await bench.load()
    assert await bench.draw(bench.host()) == EXACT, "the good image is not drawn at the end"
