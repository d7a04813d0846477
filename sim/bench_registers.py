"""Register file: every register, command and error; through the host's driver where it has a method."""

from __future__ import annotations

import os

import cocotb

from boards.host.driver import DeviceError, Driver
from boards.host.link import Link
from golden.spec.hardware import FORMAT_VERSION, load_hardware
from golden.spec.image import Kind, Memory, Section, build_segment, segment_words
from golden.spec.registers import ADDRESSES, IDENTITY, REGISTERS, Access, Control, ErrorCode, Status
from golden.spec.seed import generator_state
from golden.spec.step import STEP_WORD_BITS
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark, mark_access
from sim.scoreboard import Scoreboard
from sim.streams import Sink, Source
from sim.units import config_file

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"
READ_CYCLES = 4
WRITE_CYCLES = 2
INPUTS = ("running", "paused", "counting", "done", "program_loaded", "conditioning_loaded", "loading", "error",
          "error_code", "error_detail", "step", "update", "engine_busy", "stall", "lane_waits", "macs_increment",
          "offered_increment")
PULSES = ("start", "resume", "clear", "loader_clear")


class StreamLink(Link):
    """The registers' own streams."""

    def __init__(self, bench: Bench, idle: float, stall: float) -> None:
        self.source = Source(bench.dut, "request", bench.clock, idle=idle, generator=seeds.generator("idle"))
        self.sink = Sink(bench.dut, "response", bench.clock, stall=stall, generator=seeds.generator("stall"))
        self.sent = self.latency = 0

    async def write(self, address: int, value: int) -> None:
        await self.source.send([1 | address << 1 | value << 17])
        mark_access(address, True)

    async def read(self, address: int) -> int:
        (sent,) = await self.source.send([address << 1])
        (answer,) = await self.sink.receive(1)
        self.sent, self.latency = sent, answer.cycle - sent
        mark_access(address, False)
        if address == ADDRESSES["ERROR"] and answer.payload:
            mark(f"{ErrorCode(answer.payload).name} in the register")
        return answer.payload


class Bench:
    """Driver, pulses seen, and a pixel memory."""

    def __init__(self, dut, idle: float = 0.0, stall: float = 0.0) -> None:
        self.dut = dut
        self.config = load_hardware(config_file(os.environ[CONFIG_VARIABLE]))
        self.random = seeds.generator("registers")
        self.clock = Clock(dut)
        self.link = StreamLink(self, idle, stall)
        self.driver = Driver(self.link)
        self.board = Scoreboard("registers")
        self.pulses: list[str] = []
        self.images = {name: [self.random.randrange(-32768, 32768) for _ in range(self.config.pixel_words)]
                       for name in ("clean", "pixel")}
        self.forbidden = False

    async def start(self) -> None:
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        self.dut.load_words__ready.value = 0
        await self.clock.start()
        cocotb.start_soon(self.watch())

    async def watch(self) -> None:
        """Record pulses; answer pixel reads after two cycles, and rubbish otherwise."""
        ports = [(image, *(getattr(self.dut, f"{name}__{part}") for part in ("enable", "address", "data")))
                 for name, image in self.images.items()]
        coming = [None] * len(ports)
        while True:
            await self.clock.next_edge()
            self.pulses += [name for name in PULSES if int(getattr(self.dut, name).value)]
            for place, (image, enable, address, data) in enumerate(ports):
                data.value = self.random.getrandbits(16) if coming[place] is None else coming[place] & 0xFFFF
                coming[place] = None
                if int(enable.value):
                    assert not self.forbidden, "a pixel read while the core works"
                    coming[place] = image[int(address.value)]

    async def set(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, name).value = value
        await self.clock.wait_cycles(1)

    async def pulse_error(self, code: ErrorCode, detail: int) -> None:
        await self.set(error=1, error_code=code, error_detail=detail)
        await self.set(error=0, error_code=0, error_detail=0)

    async def refused(self, awaitable, code: ErrorCode) -> None:
        """The driver raises, with this code and the words that belong to it."""
        try:
            await awaitable
        except DeviceError as error:
            assert error.code == code and code.name in str(error), f"{error}"
        else:
            raise AssertionError(f"{code.name} was not raised")

    async def take_pulses(self) -> list[str]:
        """The pulses since the last call, once the last write has acted."""
        await self.clock.wait_cycles(WRITE_CYCLES + 1)
        pulses = self.pulses[:]
        self.pulses.clear()
        return pulses


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5])
async def map_and_cycles(dut, idle, stall):
    """Identity, status bits, what can be written and what cannot, addresses without a register."""
    bench = Bench(dut, idle, stall)
    await bench.start()
    driver = bench.driver
    assert await driver.identify(bench.config) == bench.config.fingerprint
    assert (await driver.read("IDENTITY"), await driver.read("VERSION")) == (IDENTITY, FORMAT_VERSION)
    values = {}
    for register in REGISTERS:
        if register.access is Access.READ_WRITE:
            values[register.name] = bench.random.getrandbits(1 if register.name == "OPTIONS" else 32)
            await driver.write(register.name, values[register.name])
        elif register.access is Access.READ:
            before = await driver.read(register.name) if not register.name.endswith("_DATA") else None
            if before is not None:
                await driver.write(register.name, ~before)
                assert await driver.read(register.name) == before, f"{register.name} was written"
    for name, value in values.items():
        assert await driver.read(name) == value, name
        assert idle or stall or bench.link.latency == READ_CYCLES
    seed = int(dut.seed.value)
    assert [seed >> 32 * i & 0xFFFFFFFF for i in range(4)] == [values[f"SEED{i}"] for i in range(4)]
    assert int(dut.pause.value) == values["OPTIONS"]
    for address in (len(REGISTERS), 0xFFFF, 0x100, ADDRESSES["LOAD"], ADDRESSES["CONTROL"]):
        if address >= len(REGISTERS):
            await bench.link.write(address, 0xFFFFFFFF)
        assert await bench.link.read(address) == 0
    for _ in range(20):
        bits = bench.random.getrandbits(7) & ~Status.ERROR
        step, update = (bench.random.getrandbits(32) for _ in range(2))
        names = ("running", "paused", "done", None, "program_loaded", "conditioning_loaded", "loading")
        await bench.set(step=step, update=update, **{name: bits >> i & 1 for i, name in enumerate(names) if name})
        assert (await driver.status(), await driver.read("STEP"), await driver.read_update()) == (bits, step, update)
    if not idle:
        await bench.set(running=0, paused=0)
        cycles = await bench.link.source.send([1 | ADDRESSES["SEED0"] << 1] * 10)
        assert cycles[-1] - cycles[0] == 9 * WRITE_CYCLES
    assert not bench.pulses


async def refuse_starts(bench: Bench) -> None:
    """No start without an image or with the seed 0."""
    for flags in ((0, 0), (1, 0), (0, 1)):
        await bench.set(program_loaded=flags[0], conditioning_loaded=flags[1])
        await bench.refused(bench.driver.start(), ErrorCode.NOT_LOADED)
    await bench.set(program_loaded=1, conditioning_loaded=1)
    await bench.refused(bench.driver.start(), ErrorCode.SEED)
    assert await bench.take_pulses() == []


async def send_commands(bench: Bench) -> None:
    """Seed, start, clear and resume: each its own pulses, and no second start; leaves the core running."""
    driver, dut = bench.driver, bench.dut
    seed = bench.random.getrandbits(64)
    await driver.seed(seed)
    assert await bench.take_pulses() == []
    assert int(dut.seed.value) == sum(word << 32 * i for i, word in enumerate(generator_state(seed)))
    await driver.start(pause=True)
    assert await bench.take_pulses() == ["start", "loader_clear"] and int(dut.pause.value) == 1
    await bench.set(running=1)
    await bench.refused(driver.start(), ErrorCode.BUSY)
    await driver.clear()
    assert await bench.take_pulses() == ["clear", "loader_clear"]
    await driver.resume()
    assert await bench.take_pulses() == ["resume"]


async def keep_first_error(bench: Bench, code: ErrorCode) -> None:
    """An error stays, with its detail, whatever comes after it, until a clear."""
    driver = bench.driver
    detail = bench.random.getrandbits(32)
    await bench.pulse_error(code, detail)
    await bench.pulse_error(ErrorCode.CRC, 0)
    assert (await driver.read("ERROR"), await driver.read("ERROR_DETAIL")) == (code, detail)
    await bench.refused(driver.wait(polls=3), code)
    await driver.write("CONTROL", Control.CLEAR | Control.START | Control.RESUME)
    assert await driver.read("ERROR") == await driver.read("ERROR_DETAIL") == 0


async def start_after_error(bench: Bench) -> None:
    """A start clears an error; while a segment is loading it is refused."""
    await bench.take_pulses()
    await bench.set(running=0)
    await bench.pulse_error(ErrorCode.WATCHDOG, 5)
    await bench.driver.start()
    assert not await bench.driver.status() & Status.ERROR
    assert await bench.take_pulses() == ["start", "loader_clear"]
    await bench.set(loading=1)
    await bench.refused(bench.driver.start(), ErrorCode.BUSY)


async def wait_in_vain(bench: Bench) -> None:
    """The driver gives up on a drawing that does not end."""
    try:
        await bench.driver.wait(polls=3)
    except DeviceError:
        return
    raise AssertionError("a wait without an end")


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def commands_and_errors(dut):
    """Starts are refused with reasons; the first error stays; pulses last a cycle."""
    bench = Bench(dut)
    await bench.start()
    await refuse_starts(bench)
    await send_commands(bench)
    for code in ErrorCode:
        if code is not ErrorCode.NONE:
            await keep_first_error(bench, code)
    await start_after_error(bench)
    await wait_in_vain(bench)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.6])
async def image_words(dut, stall):
    """Every word reaches the loader once and in order; none while the core runs."""
    bench = Bench(dut)
    await bench.start()
    sections = [Section(Memory.STEP, 0, [bench.random.getrandbits(STEP_WORD_BITS) for _ in range(20)])]
    segment = build_segment(bench.config, Kind.PROGRAM, sections)
    words = segment_words(segment)
    sink = Sink(dut, "load_words", bench.clock, stall=stall, generator=seeds.generator("loader"))
    receiving = cocotb.start_soon(sink.receive(len(words)))
    await bench.set(program_loaded=1)
    await bench.driver.load(segment)
    received = await receiving
    bench.board.compare("words", words, [transfer.payload for transfer in received])
    if not stall:
        assert received[-1].cycle - received[0].cycle == WRITE_CYCLES * (len(words) - 1)
    await bench.set(running=1)
    await bench.refused(bench.driver.load(segment), ErrorCode.BUSY)
    await bench.driver.write("LOAD", 1)
    assert not int(dut.load_words__valid.value)
    assert await bench.driver.read("ERROR") == ErrorCode.BUSY
    await bench.set(running=0, program_loaded=0)
    receiving = cocotb.start_soon(sink.receive(1))
    await bench.driver.write("LOAD", 77)
    assert (await receiving)[0].payload == 77
    print(bench.board.finish(least=len(words)))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def pixels(dut):
    """Pixels of both images come with their sign, from any address on; not while the core works, not past the end."""
    bench = Bench(dut)
    await bench.start()
    driver = bench.driver
    for name, read in (("clean", driver.read_image), ("pixel", driver.read_latent)):
        image, tensor = bench.images[name], f"pixels of {name}"
        bench.forbidden = False
        await bench.set(running=0, paused=0, done=0)
        await bench.refused(read(1), ErrorCode.BUSY)
        await driver.clear()
        await bench.set(done=1)
        for first, count in ((0, 40), (bench.config.pixel_words - 9, 9), (17, 1)):
            bench.board.compare(tensor, image[first:first + count], await read(count, first))
        await bench.set(running=1, paused=1)
        bench.board.compare(tensor, image[:3], await read(3))
        await bench.set(paused=0)
        bench.forbidden = True
        await bench.refused(read(1), ErrorCode.BUSY)
        await bench.set(running=0)
        await driver.clear()
        await bench.refused(read(1, bench.config.pixel_words), ErrorCode.ADDRESS)
        await driver.clear()
        await bench.refused(read(1, 0xFFFFFFFF), ErrorCode.ADDRESS)
        await driver.clear()
    print(bench.board.finish(least=106))
