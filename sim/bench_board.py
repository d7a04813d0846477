"""Bench of a board's top level: images through its serial line, whatever happens to line, host and button."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import Driver
from boards.host.frames import Frame, encode
from boards.host.link import LinkError
from boards.host.serial_link import SEQUENCES, SerialLink
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.image import read_image, segment_words
from golden.spec.link import BITS_A_BYTE, BYTE_TIMEOUT_BITS, Command
from golden.spec.registers import ADDRESSES, Control, Status
from sim import seed as seeds
from sim.board import read_job
from sim.clock import Clock
from sim.coverage.marks import mark, mark_all
from sim.uart import SIXTEENTHS, FaultyPipe, UartPipe, damage

PATIENCE_BITS = 600
"""For an answer beside its time on the line: the board needs a few cycles, and Python none."""
REST_BITS = 200
PRESS_CYCLES = 50
ANSWER_BYTES = 14
"""Of a usual answer, which arrives byte by byte, where a request is written at once."""


class Bench:
    """One board, and a host that may be replaced."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.job = read_job()
        self.config: HardwareConfig = load_hardware(Path(self.job.config))
        self.image = read_image(self.job.image) if self.job.image else None
        self.random: random.Random = seeds.generator("board")
        self.clock = Clock(dut)
        self.pipe = UartPipe(dut, self.clock, self.job.clock_hz, self.job.bit_cycles)
        self.patience = PATIENCE_BITS / self.job.baud
        self.link, self.driver = self.host()

    async def wait_bits(self, bits: int) -> None:
        """As long as so many bits take on the line."""
        await self.clock.wait_cycles(bits * self.job.bit_cycles)

    def host(self, pipe: Any = None) -> tuple[SerialLink, Driver]:
        """Another host at the line, which knows nothing of those before it."""
        link = SerialLink(pipe or self.pipe, self.job.baud, self.patience, REST_BITS / self.job.baud)
        self.link, self.driver = link, Driver(link)
        return link, self.driver

    def damaged_line(self, share: float) -> None:
        """From now on a host with a line that damages such a share of requests, and of answers."""
        self.host(FaultyPipe(self.pipe, damage(self.random, share), damage(self.random, share / ANSWER_BYTES)))

    async def start(self) -> None:
        await self.clock.start()
        await self.wait_bits(10)

    async def load(self) -> None:
        await self.driver.identify(self.config)
        await self.driver.load(self.image.program)
        await self.driver.load(self.image.conditionings[self.job.label])
        await self.driver.seed(self.job.seed)

    async def draws(self) -> None:
        """The image comes out as the reference says, in as many cycles."""
        await self.load()
        await self.driver.start()
        await self.finishes()

    async def finishes(self) -> None:
        """The drawing that is under way ends as it must."""
        assert await self.driver.wait() & Status.DONE
        assert await self.driver.read_image(len(self.job.expected)) == self.job.expected, "another image"
        assert (await self.driver.counters())["CYCLES"] == self.job.cycles
        mark("image drawn over the line")

    async def press(self) -> None:
        """The button, for a moment."""
        self.dut.button.value = 1
        await self.clock.wait_cycles(PRESS_CYCLES)
        self.dut.button.value = 0
        await self.clock.wait_cycles(PRESS_CYCLES)

    async def fails(self, action: Awaitable[Any], words: str) -> None:
        """A ``LinkError`` whose sentence holds these words."""
        try:
            await action
        except LinkError as error:
            assert words in str(error), str(error)
        else:
            raise AssertionError(f"no error that says {words!r}")

    def lights(self) -> tuple[int, int, int]:
        """Busy, error, done."""
        return tuple(int(getattr(self.dut, name).value) for name in ("busy", "error", "done"))


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def draws_an_image(dut: Any) -> None:
    """From power-up, by nothing but clock and line; the lights follow."""
    bench = Bench(dut)
    await bench.start()
    assert bench.lights() == (0, 0, 0)
    await bench.link.open()
    await bench.driver.load(bench.image.program)
    assert bench.lights() == (0, 0, 0)
    await bench.driver.load(bench.image.conditionings[bench.job.label])
    await bench.driver.write("CONTROL", Control.START)      # without a seed
    assert bench.lights() == (0, 1, 0)
    await bench.draws()
    assert bench.lights() == (0, 0, 1)
    counts = await bench.link.counts()
    assert (counts["CLOCK_HZ"], counts["BAUD"]) == (bench.job.clock_hz, bench.job.baud)
    assert not int(dut.sdram_violation.value), "the SDRAM was mistreated"
    assert not any(counts[name] for name in ("DAMAGED", "REPEATED", "RETRIES", "DROPPED")), counts
    assert not int(dut.bad_stops.value)


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def survives_damaged_lines(dut: Any) -> None:
    """Bytes lost, changed or added in both directions, also where flags and escapes are: the image is still exact."""
    bench = Bench(dut)
    await bench.start()
    retries = 0
    for _ in range(2):
        bench.damaged_line(0.1)
        await bench.draws()
        retries += bench.link.retries
    counts = await bench.link.counts()
    assert retries > 10 and counts["DAMAGED"] and counts["REPEATED"], (retries, counts)
    mark_all(("request sent again", "request answered again", "frame damaged on the line"))
    mark_all(["answer dropped"] if counts["DROPPED"] else ())


@cocotb.test(timeout_time=500, timeout_unit="ms")
async def survives_noise_and_breaks(dut: Any) -> None:
    """Rubbish between frames, spikes of any length and a break: what follows is understood."""
    bench = Bench(dut)
    await bench.start()
    await bench.draws()
    for _ in range(2):
        await bench.pipe.write(bench.random.randbytes(bench.random.randrange(1, 2000)))
        for turned in range(40):
            dut.disturb.value = turned % 2
            await bench.clock.wait_cycles(bench.random.randrange(1, 60))
        dut.disturb.value = 1
        await bench.wait_bits(100)
        dut.disturb.value = 0
        await bench.pipe.sent()
        await bench.finishes()          # the session outlived it all
        await bench.draws()
    mark("noise, spikes and a break")


@cocotb.test(timeout_time=500, timeout_unit="ms")
async def survives_a_host_that_vanishes(dut: Any) -> None:
    """A frame that ends anywhere, and another host: after a pause or at once, the next image is exact."""
    bench = Bench(dut)
    await bench.start()
    await bench.link.open()
    frame = encode(Frame(0, Command.WRITE, ADDRESSES["LOAD"], tuple(bench.random.getrandbits(32) for _ in range(50))))
    for pause in (0, BYTE_TIMEOUT_BITS + 100):
        before = (await bench.link.counts())["DAMAGED"]
        await bench.pipe.write(frame[:bench.random.randrange(5, len(frame) - 1)])
        await bench.pipe.sent()
        await bench.wait_bits(pause)
        bench.host()
        await bench.draws()
        assert (await bench.link.counts())["DAMAGED"] == before + 1
    await bench.driver.load(bench.image.program)
    for address, words in (("LOAD", 3), ("SEED0", 1)):      # within an image, and within the settings
        await bench.link.write_many(ADDRESSES[address], list(range(words)))
        bench.host()
        await bench.draws()
    mark_all(("frame cut by a host that vanishes", "frame left behind before a pause", "image left half loaded",
              "settings left half written"))


@cocotb.test(timeout_time=500, timeout_unit="ms")
async def survives_the_button(dut: Any) -> None:
    """Pressed while an image is loaded or drawn: the host is told, and the next image is exact."""
    bench = Bench(dut)
    await bench.start()
    await bench.load()
    await bench.driver.write("CONTROL", Control.START)
    await bench.clock.wait_cycles(bench.random.randrange(10, 300))
    assert bench.lights() == (1, 0, 0)
    await bench.press()
    assert bench.lights() == (0, 0, 0)
    await bench.fails(bench.driver.wait(), "was reset")
    await bench.draws()
    await bench.link.write_many(ADDRESSES["LOAD"], segment_words(bench.image.program)[:3])
    assert bench.lights()[0] == 1
    loading = cocotb.start_soon(bench.driver.load(bench.image.program))
    await bench.wait_bits(bench.random.randrange(1000, 5000))
    await bench.press()
    await bench.fails(loading, "was reset")
    await bench.draws()
    dut.button.value = 1
    await bench.fails(bench.driver.status(), "did not answer")
    dut.button.value = 0
    await bench.draws()
    mark_all(("reset while drawing told", "reset while loading told", "silence told"))


@cocotb.test(timeout_time=500, timeout_unit="ms")
async def survives_a_crooked_clock(dut: Any) -> None:
    """A host whose bits are 1.6 % shorter or longer than the board's."""
    bench = Bench(dut)
    await bench.start()
    bit = SIXTEENTHS * bench.job.bit_cycles
    for off in (-bit // 64, bit // 64):
        bench.pipe.set_bit(bit + off)
        await bench.draws()
        counts = await bench.link.counts()
        assert not any(counts[name] for name in ("DAMAGED", "RETRIES", "DROPPED")), counts
    mark_all(("host with shorter bits", "host with longer bits"))


@cocotb.test(timeout_time=500, timeout_unit="ms")
async def executes_nothing_twice(dut: Any) -> None:
    """Requests sent once, twice and three times, their numbers in order: each acts once, and is answered each time."""
    bench = Bench(dut)
    await bench.start()
    await bench.draws()
    pixels = []
    await bench.driver.write("PIXEL_ADDRESS", 0)
    first = bench.random.randrange(SEQUENCES)
    for number in range(len(bench.job.expected)):
        content = encode(Frame((first + number) % SEQUENCES, Command.READ, ADDRESSES["PIXEL_DATA"], (1,)))
        answers = []
        for _ in range(bench.random.randrange(1, 4)):
            await bench.pipe.write(content)
            await bench.pipe.sent()
            await bench.wait_bits(20 * BITS_A_BYTE)
            answers.append(await bench.pipe.read(bench.patience))
        assert len(set(answers)) == 1, answers
        pixels.append(answers[0])
    assert len(set(pixels)) >= len(set(bench.job.expected))
    assert await bench.driver.read("PIXEL_ADDRESS") == len(bench.job.expected)
    mark("request sent several times on purpose")
