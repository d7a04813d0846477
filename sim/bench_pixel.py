"""Pixel engine with its memories against the integer reference."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import cocotb
import numpy as np

from golden.integer import pixel as golden_pixel
from golden.integer.noise import NoiseGenerator
from golden.integer.plan import StepRow
from golden.integer.product import activation_planes
from golden.spec import numbers
from golden.spec.descriptors import ENGINES, FIELDS, RELOCATABLE, WIDTHS, Engine, Opcode, PixelOperation
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.model import ModelConfig
from golden.spec.step import COEFFICIENTS, STEP_FIELDS, STEP_SLOT_BITS, UPDATE_BITS
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark, mark_engine, mark_limits, mark_waits
from sim.scoreboard import Scoreboard
from sim.streams import Source
from sim.units import config_file

STEP_CYCLES = 9
PATCH_CYCLES = 7
PIXEL, RESIDUAL, STEP, COORDINATE, NORMALISED, CLEAN = range(6)
CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"
LAST_BASE = 7
MOST_STRIDE = (1 << WIDTHS[Opcode.PIXEL]["token_stride"]) - 1
SHAPES = [(1, 1, 6), (1, 2, 6), (3, 1, 8), (3, 2, 6), (2, 2, 0), (1, 1, 0), (3, 1, 5), (7, 1, 3)]
"""Image channels, stride, coordinates."""


@dataclass
class Case:
    """One image shape and what the memories hold."""

    model: ModelConfig
    pixels: np.ndarray      # (C, H, H)
    clean: np.ndarray       # (C, H, H)
    residual: np.ndarray    # (T, token words, width)
    generator: NoiseGenerator


class Bench:
    """The engine's ports and what was seen on them."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.config: HardwareConfig = load_hardware(config_file(os.environ[CONFIG_VARIABLE]))
        self.random = seeds.generator("pixel")
        self.numpy = seeds.numpy_generator("pixel")
        self.clock = Clock(dut)
        self.source = Source(dut, "descriptor", self.clock)
        self.board = Scoreboard("pixel")
        self.gives: list[tuple[int, int]] = []
        self.takes: list[tuple[int, int]] = []
        self.patch_words = 0        # written so far
        self.singles = 0        # descriptors of a single token

    async def start(self) -> None:
        for name in ("available", "seed_load", "host", "host_write"):
            getattr(self.dut, name).value = 0
        await self.clock.start()
        cocotb.start_soon(self.watch())

    async def watch(self) -> None:
        """Record pulses; hold the engine to its status."""
        working = False
        while True:
            await self.clock.next_edge()
            give = int(self.dut.give.value)
            take = int(self.dut.take.value)
            accepted = int(self.dut.descriptor__valid.value) and int(self.dut.descriptor__ready.value)
            assert int(self.dut.busy.value) == working and int(self.dut.idle.value) == (not working)
            assert not int(self.dut.fault.value), "an address is out of range"
            assert accepted or not take, "a take without a descriptor"
            self.patch_words += int(self.dut.patch_written.value)
            if take:
                self.takes.append((self.clock.cycle, take))
            if give:
                self.gives.append((self.clock.cycle, give))
            working = accepted or (working and not give)

    async def write(self, memory: int, start: int, words: list[int]) -> None:
        """Fill a memory."""
        self.dut.host.value = 1
        self.dut.host_write.value = 1
        self.dut.host_memory.value = memory
        for i, word in enumerate(words):
            self.dut.host_address.value = start + i
            self.dut.host_data.value = word
            await self.clock.next_edge()
        self.dut.host_write.value = 0
        self.dut.host.value = 0

    async def read(self, memory: int, addresses: list[int]) -> list[int]:
        """Read a memory; the first address stands in the cycle after this call."""
        self.dut.host.value = 1
        self.dut.host_memory.value = memory
        values = []
        for i in range(len(addresses) + 2):
            self.dut.host_address.value = addresses[min(i, len(addresses) - 1)]
            await self.clock.next_edge()
            if i >= 2:
                values.append(int(self.dut.host_read.value))
        self.dut.host.value = 0
        return values

    def make_case(self, channels: int, stride: int, coordinates: int, small: bool = False,
                  single: bool = False) -> Case:
        """A random image of the largest or a random grid that the memories hold, or of a single token."""
        config = self.config
        terms = 9 * channels + coordinates
        words = -(-terms // config.width)
        token_words = -(-stride * stride * channels // config.width)
        fits = [grid for grid in range(1, 33)
                if channels * (grid * stride) ** 2 <= config.pixel_words and grid <= config.coordinate_words
                and grid * grid * 2 * words <= config.normalised_words
                and grid * grid * 2 * token_words + LAST_BASE <= config.residual_words]
        grid = 1 if single else self.random.choice([1, *fits[:4]]) if small else fits[-1]
        model = ModelConfig(name="bench", image_channels=channels, image_size=grid * stride, stride=stride, channels=1,
                            blocks=1, heads=1, coordinate_channels=coordinates)
        shape = (channels, model.image_size, model.image_size)
        pixels, clean = (np.where(self.numpy.random(shape) < 0.7, image // 4, image)
                         for image in self.numpy.integers(-32768, 32768, (2, *shape)))
        residual = self.numpy.integers(-32768, 32768, (model.tokens, 2 * token_words, config.width))
        return Case(model, pixels, clean, residual, NoiseGenerator((1, 2, 3, 4)))

    async def load(self, case: Case, base: int, seed: bool = True) -> None:
        """Bring images, residual rows (two predictions beside each other), coordinates and seed into the engine."""
        for memory, image in ((PIXEL, case.pixels), (CLEAN, case.clean)):
            await self.write(memory, 0, [int(x) & 0xFFFF for x in image.ravel()])
        rows = case.residual.reshape(-1, self.config.width)
        await self.write(RESIDUAL, base, [pack(word, 16) for word in rows])
        lines = numbers.coordinate_channels(case.model.grid, case.model.coordinate_channels)
        await self.write(COORDINATE, 0, [pack(line, 8) for line in lines])
        if seed:
            state = tuple(self.random.getrandbits(32) for _ in range(4))
            case.generator = NoiseGenerator(state)
            self.dut.seed.value = pack(state, 32)
            self.dut.seed_load.value = 1
            await self.clock.next_edge()
            self.dut.seed_load.value = 0

    def row(self) -> StepRow:
        """Usual coefficients, or anything in 18 bits."""
        limit = self.random.choice([1 << 17, 1 << 13, 1 << 10])
        return StepRow(**{name: self.random.choice([self.random.randrange(-limit, limit), -limit, limit - 1])
                          for name in COEFFICIENTS})

    def limit(self, update: int) -> int:
        """A limit for a step that changes so much: never, around it, or anything."""
        return self.random.choice([0, max(0, update - 1), update, update, update + 1,
                                   self.random.getrandbits(UPDATE_BITS)])

    def word(self, row: StepRow) -> int:
        """A step word, with anything in the bits that do not count."""
        word = 0
        for place, field in enumerate(STEP_FIELDS):
            slot = getattr(row, field.name) & ((1 << field.bits) - 1)
            slot |= self.random.getrandbits(STEP_SLOT_BITS) >> field.bits << field.bits
            word |= slot << STEP_SLOT_BITS * place
        return word

    async def compare_images(self, what: str, case: Case) -> None:
        """Both images, last pixel first."""
        for name, memory, image in (("latent", PIXEL, case.pixels), ("clean", CLEAN, case.clean)):
            got = await self.read(memory, list(range(image.size))[::-1])
            self.board.compare(f"{what} {name}", image.ravel()[::-1] & 0xFFFF, got)
            mark_limits({"clean": "clean image"}.get(name, name), image, *numbers.LIMITS[numbers.Format.WIDE])

    async def compare_update(self, what: str, update: int, row: StepRow) -> None:
        """The change of the clean image, and whether it is below the limit, a cycle after the pulse."""
        await self.clock.next_edge()
        await self.clock.next_edge()
        self.board.compare(f"{what} update", [update], [int(self.dut.update.value)])
        mark("update at its greatest" if update == (1 << UPDATE_BITS) - 1 else "update between")
        self.board.compare(f"{what} settled", [int(update < row.stop_below)], [int(self.dut.settled.value)])

    def descriptor(self, case: Case, operation: PixelOperation, **fields: int) -> dict[str, int]:
        """A descriptor's fields: the shape, and random engines to wait for and to signal."""
        model = case.model
        words = -(-model.patch_terms // self.config.width)
        self.singles += model.tokens == 1
        stride = case.residual.shape[1] if model.tokens > 1 else MOST_STRIDE * (self.singles % 2)
        every, draw = (1 << ENGINES) - 1, self.random.choice
        handshake = {name: draw([0, every, self.random.getrandbits(ENGINES)])
                     for name in ("wait_first", "wait_each", "signal_each")}
        last = draw([0, every]) if handshake["signal_each"] else 1 << self.random.randrange(ENGINES)
        return {"operation": operation, "grid": model.grid, "stride": model.stride, "channels": model.image_channels,
                "coordinates": model.coordinate_channels, "words": words, "token_stride": stride,
                **handshake, "signal_last": last, **fields}

    async def run(self, fields: dict[str, int], cycles: int) -> None:
        """Run one descriptor; every pulse in its very cycle."""
        needs = fields["wait_first"] | fields["wait_each"]
        self.gives.clear()
        self.takes.clear()
        sending = cocotb.start_soon(self.source.send([encode(fields)]))
        wrong = ~needs & (1 << ENGINES) - 1
        for _ in range(self.random.randrange(4) if needs else 0):
            missing = 1 << self.random.choice(bits(needs))
            self.dut.available.value = needs & ~missing | wrong
            await self.clock.next_edge()
            mark_waits(Engine.PIXEL, missing)
        self.dut.available.value = needs | self.random.getrandbits(ENGINES)
        (accepted,) = await sending
        self.dut.available.value = self.random.getrandbits(ENGINES)
        await self.clock.wait_cycles(cycles)
        if not self.gives:  # the watching task wakes at the same edge, in either order
            assert int(self.dut.give.value) == fields["signal_each"] | fields["signal_last"], \
                f"no give {cycles} cycles after acceptance"
        else:
            assert self.gives == [(accepted + cycles, fields["signal_each"] | fields["signal_last"])]
        assert self.takes == ([(accepted, needs)] if needs else [])
        mark_engine(self.config, Opcode.PIXEL, fields)


def bits(value: int) -> list[int]:
    """Positions of the ones."""
    return [i for i in range(value.bit_length()) if value >> i & 1]


def pack(values, width: int) -> int:
    """Integers side by side, the first lowest."""
    mask = (1 << width) - 1
    return sum((int(value) & mask) << (width * i) for i, value in enumerate(values))


def encode(fields: dict[str, int]) -> int:
    """An issued descriptor: no opcode and no register selects."""
    word = position = 0
    for field in FIELDS[Opcode.PIXEL]:
        if field.name.removesuffix("_register") in RELOCATABLE[Opcode.PIXEL] and field.name.endswith("_register"):
            continue
        word |= int(fields.get(field.name, 0)) << position
        position += field.bits
    return word


def stepped(case: Case, row: StepRow, draw: bool, swapped: bool = False) -> int:
    """Bring the case's images to where one step brings them, by the integer reference; returns the update.

    ``swapped``: the unguided velocity comes first in each token's words.
    """
    model = case.model
    half = case.residual.shape[1] // 2
    flat = case.residual.reshape(model.tokens, 2, half * case.residual.shape[2])[:, :, :model.token_pixels]
    noise = case.generator.values(model.tokens * model.token_pixels) if draw else np.zeros(flat[:, 0].size, dtype=int)
    before = case.clean
    pixels, clean = (golden_pixel.to_tokens(image, model) for image in (case.pixels, case.clean))
    case.pixels, case.clean = (golden_pixel.to_image(tokens, model) for tokens in golden_pixel.sampler_step(
        pixels, clean, flat[:, int(swapped)], flat[:, int(not swapped)], noise.reshape(flat[:, 0].shape), row))
    return golden_pixel.update(before, case.clean)


async def check_step(bench: Bench, case: Case, base: int) -> None:
    """One STEP, its cycles, every pixel of both images after it, and how much changed."""
    model = case.model
    last = bench.config.step_words - 1
    address = bench.random.choice([0, last, bench.random.randint(0, last)])
    draw, swapped = bench.random.random() < 0.7, bench.random.random() < 0.5
    row = bench.row()
    update = stepped(case, row, draw, swapped)
    row = replace(row, stop_below=bench.limit(update))
    await bench.write(STEP, address, [bench.word(row)])
    half = case.residual.shape[1] // 2
    fields = bench.descriptor(case, PixelOperation.STEP, step=address, draw_noise=int(draw),
                              guided_base=base + half * swapped, unguided_base=base + half * (not swapped))
    await bench.run(fields, STEP_CYCLES + 2 * model.tokens * model.token_pixels)
    shape = f"step C={model.image_channels} S={model.stride}"
    await bench.compare_update(shape, update, row)
    await bench.compare_images(shape, case)


async def check_patch(bench: Bench, case: Case) -> None:
    """One PATCH, its cycles and every word."""
    model, width = case.model, bench.config.width
    terms = golden_pixel.patches(case.pixels, model).astype(np.int64)
    words = -(-model.patch_terms // width)
    size = model.tokens * 2 * words
    last = bench.config.normalised_words - size
    base = bench.random.choice([0, last, bench.random.randint(0, last)])
    fields = bench.descriptor(case, PixelOperation.PATCH, destination_base=base)
    before = bench.patch_words
    await bench.run(fields, PATCH_CYCLES + model.tokens * (model.patch_terms + model.patch_terms % 2))
    await bench.clock.wait_cycles(2)
    bench.board.compare("patch words", [size], [bench.patch_words - before])
    padded = np.pad(terms, ((0, 0), (0, words * width - terms.shape[1])))
    planes = np.stack(activation_planes(padded), axis=1).reshape(size, width)
    expected = [pack(row, 4) for row in planes]
    got = await bench.read(NORMALISED, [base + i for i in range(size)][::-1])
    bench.board.compare(f"patch C={model.image_channels} S={model.stride}", expected[::-1], got)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def every_shape(dut):
    """STEP and PATCH of the largest image of each shape, then of random sizes."""
    bench = Bench(dut)
    await bench.start()
    for round_ in range(2):
        for shape in SHAPES:
            case = bench.make_case(*shape, small=bool(round_), single=round_ == 1 and shape == SHAPES[0])
            last = bench.config.residual_words - case.residual.shape[0] * case.residual.shape[1]
            base = bench.random.choice([0, last, bench.random.randint(0, LAST_BASE)])
            await bench.load(case, base)
            for _ in range(2):
                await check_step(bench, case, base)
            await check_patch(bench, case)
    print(bench.board.finish(least=1000))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def back_to_back(dut):
    """Waiting descriptors are taken in the cycle after each pulse; noise goes on where the last one stopped."""
    bench = Bench(dut)
    await bench.start()
    case = bench.make_case(1, 2, 6, small=True)
    await bench.load(case, 0)
    half = case.residual.shape[1] // 2
    descriptors = []
    for i in range(5):
        row = bench.row()
        draw = i % 2 == 0
        update = stepped(case, row, draw)
        row = replace(row, stop_below=bench.limit(update))
        await bench.write(STEP, i, [bench.word(row)])
        descriptors.append(bench.descriptor(case, PixelOperation.STEP, step=i, draw_noise=int(draw), guided_base=0,
                                            unguided_base=half))
    dut.available.value = (1 << ENGINES) - 1
    accepted = await bench.source.send([encode(fields) for fields in descriptors])
    cycles = STEP_CYCLES + 2 * case.model.tokens * case.model.token_pixels
    assert [b - a for a, b in zip(accepted, accepted[1:], strict=False)] == [cycles + 1] * 4
    await bench.clock.wait_cycles(cycles + 1)
    assert [cycle for cycle, _ in bench.gives] == [cycle + cycles for cycle in accepted]
    await bench.compare_update("steps", update, row)
    await bench.compare_images("steps", case)
    print(bench.board.finish(least=2 * case.pixels.size))
