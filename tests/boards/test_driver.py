"""The host's driver on a core of a few lines; ``sim.bench_registers`` runs it on the real registers."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from boards.host.driver import DeviceError, Driver
from boards.host.link import Link, complete
from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import ImageError, Kind, Memory, Section, build_segment
from golden.spec.registers import ADDRESSES, COUNTERS, IDENTITY, REGISTERS, Control, ErrorCode, Status
from golden.spec.seed import generator_state

CONFIG = HardwareConfig()
NAMES = [register.name for register in REGISTERS]
STEPS = 3
PROGRAM = build_segment(CONFIG, Kind.PROGRAM, [Section(Memory.STEP, 0, [1, 2, 3])])
CONDITIONING = build_segment(CONFIG, Kind.CONDITIONING, [Section(Memory.STEP, 0, [4])])


class Core(Link):
    """Registers as a dictionary; a step ends at every poll."""

    def __init__(self) -> None:
        self.registers = {name: 0 for name in NAMES}
        self.registers |= {"IDENTITY": IDENTITY, "VERSION": FORMAT_VERSION, "FINGERPRINT": CONFIG.fingerprint}
        self.words: list[int] = []
        self.pixels = {"PIXEL_DATA": [-32768, -1, 0, 1, 32767], "LATENT_DATA": [5, 4, -3, 2, -1]}

    async def write(self, address: int, value: int) -> None:
        name = NAMES[address]
        assert 0 <= value < 1 << 32
        if name == "LOAD":
            self.load(value)
        elif name == "CONTROL" and value & Control.CLEAR:
            self.registers |= {"STATUS": self.registers["STATUS"] & ~(Status.ERROR | Status.LOADING), "ERROR": 0}
            self.words.clear()
        elif name == "CONTROL":
            self.registers["STATUS"] |= Status.RUNNING
            self.registers["STATUS"] &= ~Status.PAUSED
        else:
            self.registers[name] = value

    async def read(self, address: int) -> int:
        name = NAMES[address]
        if name in self.pixels:
            self.registers["PIXEL_ADDRESS"] += 1
            return self.pixels[name][self.registers["PIXEL_ADDRESS"] - 1] & 0xFFFFFFFF
        return self.registers[name]

    async def rest(self) -> None:
        if self.registers["STATUS"] & Status.RUNNING:
            self.registers["STEP"] += 1
            if self.registers["STEP"] == STEPS:
                self.registers["STATUS"] = Status.DONE
            elif self.registers["OPTIONS"]:
                self.registers["STATUS"] |= Status.PAUSED

    def load(self, word: int) -> None:
        self.words.append(word)
        self.registers["STATUS"] |= Status.LOADING
        content = b"".join(word.to_bytes(4, "little") for word in self.words)
        if zlib.crc32(content[:-4]) == word:
            flag = Status.PROGRAM_LOADED if self.words[2] == Kind.PROGRAM else Status.CONDITIONING_LOADED
            self.registers["STATUS"] = self.registers["STATUS"] & ~Status.LOADING | flag
            self.words.clear()

    def fail(self, code: int) -> None:
        self.registers |= {"ERROR": code, "STATUS": self.registers["STATUS"] | Status.ERROR}


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def driver(core) -> Driver:
    return Driver(core)


def test_a_core_is_identified(core, driver):
    assert complete(driver.identify(CONFIG)) == CONFIG.fingerprint
    for name, words in (("FINGERPRINT", "bitstream of that configuration"), ("VERSION", "format version"),
                        ("IDENTITY", "no Halftone core")):
        core.registers[name] ^= 1
        with pytest.raises(DeviceError, match=words):
            complete(driver.identify(CONFIG))


def test_segments_are_loaded(core, driver):
    complete(driver.load(PROGRAM))
    assert core.registers["STATUS"] == Status.PROGRAM_LOADED
    complete(driver.load(CONDITIONING))
    assert core.registers["STATUS"] == Status.PROGRAM_LOADED | Status.CONDITIONING_LOADED
    with pytest.raises(DeviceError, match="truncated"):
        complete(driver.load(PROGRAM[:-8], polls=5))
    complete(driver.load(PROGRAM))  # what was left of the cut one is cleared
    with pytest.raises(ImageError, match="truncated"):
        complete(driver.load(PROGRAM[:-1]))
    core.registers["STATUS"] |= Status.RUNNING
    with pytest.raises(DeviceError, match="BUSY"):
        complete(driver.load(PROGRAM))


def test_an_image_is_run(core, driver):
    complete(driver.seed(5))
    assert tuple(core.registers[f"SEED{i}"] for i in range(4)) == generator_state(5)
    complete(driver.start())
    seen = []
    assert complete(driver.wait(seen.append)) == Status.DONE
    assert seen == [0, 1, 2, 3]
    assert complete(driver.read_image(4, 1)) == core.pixels["PIXEL_DATA"][1:]
    assert complete(driver.read_latent(5)) == core.pixels["LATENT_DATA"]
    core.registers["UPDATE"] = 77
    assert complete(driver.read_update()) == 77


def test_steps_can_be_watched(core, driver):
    complete(driver.start(pause=True))
    for step in range(1, STEPS):
        assert complete(driver.wait()) & Status.PAUSED
        assert core.registers["STEP"] == step
        complete(driver.resume())
    assert complete(driver.wait()) == Status.DONE


def test_a_wait_ends(driver):
    with pytest.raises(DeviceError, match="not done after 7 polls"):
        complete(driver.wait(polls=7))


@pytest.mark.parametrize("code", [*list(ErrorCode)[1:], 77])
def test_an_error_says_what_to_do(core, driver, code):
    core.fail(code)
    with pytest.raises(DeviceError) as caught:
        complete(driver.wait())
    assert caught.value.code == (code if code in tuple(ErrorCode) else None)
    assert ";" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(DeviceError):
        complete(driver.read_image(1))
    complete(driver.load(PROGRAM))  # clears


def test_counters_have_64_bits(core, driver):
    for index, name in enumerate(COUNTERS):
        core.registers |= {f"{name}_LOW": 0xFFFFFFFF - index, f"{name}_HIGH": index}
    assert complete(driver.counters()) == {name: (i << 32) + 0xFFFFFFFF - i for i, name in enumerate(COUNTERS)}


def test_a_link_that_waits_is_told_apart(core):
    class Slow(Core):
        async def read(self, address: int) -> int:
            await asyncio.sleep(0)
            return await super().read(address)

    with pytest.raises(RuntimeError, match="await"):
        complete(Driver(Slow()).identify())
    assert asyncio.run(Driver(Slow()).identify()) == CONFIG.fingerprint
    assert ADDRESSES["IDENTITY"] == 0
