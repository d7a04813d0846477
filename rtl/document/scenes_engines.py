"""Scenes of the engines of ``rtl.units`` with the memories of their benches, and of their control."""

from __future__ import annotations

from golden.spec import numbers
from golden.spec.descriptors import Engine, NormFormat, PixelOperation
from golden.spec.hardware import HardwareConfig
from golden.spec.step import STEP_FIELDS, STEP_SLOT_BITS
from rtl.bench.catalogue import NormBench, SoftmaxBench
from rtl.bench.pixel_bench import BenchMemory, PixelBench
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import (
    EVERY_ENGINE,
    engines,
    generator,
    int16,
    issued,
    loaded,
    member,
    nibbles,
    pack,
    played,
)
from rtl.units.iterations import Iterations
from rtl.units.norm_control import NormReader, NormReplay, NormTable, NormWriter
from rtl.units.patch import PatchPacker
from rtl.units.pixel_engine import PixelEngine
from rtl.units.pixel_walk import PixelWalk

COUNT_BITS = 12
MAXIMUM = 40
TO_ARRAY = 1 << Engine.ARRAY


def softmax(config: HardwareConfig) -> Drive:
    """A row of each lane, of one word."""
    draw = generator()
    rows = [[MAXIMUM - draw.randrange(70) for _ in range(config.width)] for _ in range(config.lanes)]
    yield from loaded("load_score", (pack(row, numbers.SCORE_BITS) for row in rows))
    maxima = pack([max(row) for row in rows] * 2, numbers.SCORE_BITS)
    yield from issued({"words": 1, "multiplier": 8000, "signal_last": TO_ARRAY},
                      {"maxima": maxima, "available": EVERY_ENGINE}, after=3)


def norm(config: HardwareConfig) -> Drive:
    """A group of tokens of one word."""
    draw = generator()
    words = ([draw.randrange(-4000, 4000) for _ in range(config.width)] for _ in range(config.lanes))
    yield from loaded("load_residual", (pack(word, numbers.WIDE_BITS) for word in words))
    yield from loaded("load_modulation", [pack([90, 0] * config.width, numbers.GAIN_BITS)])
    yield from issued({"count": 1, "words": 1, "format": NormFormat.UINT4, "shift": 12, "signal_last": TO_ARRAY},
                      {"available": EVERY_ENGINE}, after=3)


def pixel_engine(config: HardwareConfig) -> Drive:
    """A step of an image of one token, 2 x 2 pixels: x' = x + v / 4."""
    values = {"keep": 4096, "guided": 1024, "clean_keep": 4096, "clean_guided": 4096}
    step = pack([values.get(field.name, 0) for field in STEP_FIELDS], STEP_SLOT_BITS)
    memories = {BenchMemory.PIXEL: [1000, -2000, 3000, 40], BenchMemory.CLEAN: [0] * 4, BenchMemory.STEP: [step],
                BenchMemory.RESIDUAL: [pack([400, 800, -400, 40], numbers.WIDE_BITS)]}
    for memory, words in memories.items():
        for address, word in enumerate(words):
            yield Cycle({"host": 1, "host_memory": memory, "host_address": address, "host_write": 1,
                         "host_data": word & (1 << STEP_SLOT_BITS * len(STEP_FIELDS)) - 1}, shown=False)
    yield from issued({"operation": PixelOperation.STEP, "grid": 1, "stride": 2, "channels": 1, "token_stride": 1,
                       "signal_last": TO_ARRAY}, {"available": EVERY_ENGINE}, after=3)


def iterations(config: HardwareConfig) -> Drive:
    """Two iterations of three cycles; the semaphore of the second comes late."""
    held = {"valid": 1, "clear": 1, "wait_each": TO_ARRAY, "count": 2}
    later = {"wait_each": TO_ARRAY, "count": 2}
    yield Cycle(held)
    yield Cycle({**held, "available": TO_ARRAY})
    yield from played([later, later, {**later, "last_cycle": 1}, later, later, {**later, "available": TO_ARRAY}])
    yield from played([later, later, {**later, "last_cycle": 1}], after=2)


def norm_reader(config: HardwareConfig) -> Drive:
    held = {"words": 2}
    yield Cycle({**held, "load": 1, "base": 100})
    for _ in range(2 * config.lanes):
        yield Cycle({**held, "running": 1})
    yield from played([held] * 2)


def norm_replay(config: HardwareConfig) -> Drive:
    held = {"words": 4}
    yield from played([{**held, "start": 1}, held, held, held, {**held, "start": 1}, *[held] * 6])


def norm_table(config: HardwareConfig) -> Drive:
    """Tokens of two words; the table moves on after a group."""
    held = {"words": 2, "groups": 1, "step": 10}
    yield Cycle({**held, "load": 1, "base": 50})
    for place in range(2 * config.lanes + 4):
        yield Cycle({**held, "valid": 1, "word": place % 2})
    yield Cycle(held)


def norm_writer(config: HardwareConfig) -> Drive:
    """A group of tokens of one word in two nibble planes."""
    held = {"words": 1, "wide": 1, "signal_last": TO_ARRAY}
    yield Cycle({**held, "load": 1, "base": 200, "count": 1})
    for token in range(config.lanes):
        word = {**held, "word": pack([0x10 + token] * config.width, 8)}
        yield Cycle({**word, "valid": 1})
        yield Cycle(word)
    yield from played([held] * 3)


def patch_packer(config: HardwareConfig) -> Drive:
    """A patch of one word and a half: pixels, then coordinates."""
    held = {"words": 2}
    yield Cycle({**held, "start": 1, "base": 64})
    for place in range(config.width + 2):
        slot = place % config.width
        last = place == config.width + 1
        yield Cycle({**held, "valid": 1, "pixel": 512 * place, "coordinate": -place, "is_coordinate": place >= 6,
                     "slot": slot, "word_end": slot == config.width - 1 or last, "token_end": last})
    yield from played([held] * 6)


def pixel_walk(config: HardwareConfig) -> Drive:
    """The pixels of an image of 2 x 2 tokens of 2 x 2 pixels."""
    shape = {"grid": 2, "stride": 2, "channels": 1, "coordinates": 0, "patch": 0}
    yield Cycle({"shape": shape})
    yield Cycle({"shape": shape, "start": 1})
    while not (yield Cycle({"shape": shape, "step": 1}))["last"]:
        pass


ENGINE = (Row("descriptor.valid"), Row("descriptor.ready"))
STATE = (Row("take", text=engines), Row("busy"), Row("idle"))
GIVE = (Row("give", text=engines),)
WRITTEN = (Row("written.enable"), Row("written.address", "written.enable"),
           Row("written.data", "written.enable", nibbles))
SCENES = {
    "softmax_engine": Scene(
        top=SoftmaxBench, drive=softmax,
        rows=(*ENGINE, Row("maxima[0]"), *STATE, Row("engine.score.enable"),
              Row("engine.score.address", "engine.score.enable"), *WRITTEN, Row("row_multiplier[0]"),
              Row("row_exponent[0]"), *GIVE),
        text="One descriptor: a row of one word for each lane. Of a word the lowest four channels are shown."),
    "norm_engine": Scene(
        top=NormBench, drive=norm,
        rows=(*ENGINE, *STATE, Row("engine.residual.enable"),
              Row("engine.residual.address", "engine.residual.enable"), *WRITTEN, *GIVE),
        text="One descriptor: a group of tokens of one word each, to uint4. Of a word the lowest four channels are "
             "shown."),
    "pixel_engine": Scene(
        top=lambda config: PixelBench(config, PixelEngine(config)), drive=pixel_engine,
        rows=(*ENGINE, Row("descriptor.payload.operation", "descriptor.valid", member(PixelOperation)), *STATE,
              Row("engine.pixel_read.enable"), Row("engine.pixel_read.address", "engine.pixel_read.enable"),
              Row("engine.pixel_write.enable"), Row("engine.pixel_write.address", "engine.pixel_write.enable"),
              Row("engine.pixel_write.data", "engine.pixel_write.enable", int16), *GIVE,
              Row("update")),
        text="A step of an image of one token with 2 x 2 pixels, 1000, -2000, 3000, 40; a quarter of the velocity "
             "400, 800, -400, 40 is added."),
    "iterations": Scene(
        top=lambda config: Iterations(COUNT_BITS), drive=iterations,
        rows=(Row("valid"), Row("count"), Row("wait_each", text=engines), Row("available", text=engines),
              Row("last_cycle"), Row("accept"), Row("take", text=engines), Row("running"), Row("waiting"),
              Row("last_iteration")),
        text="Two iterations of three cycles. The semaphore is late both times."),
    "norm_reader": Scene(
        top=NormReader, drive=norm_reader,
        rows=(Row("load"), Row("running"), Row("words"), Row("enable"), Row("address", "enable"), Row("first"),
              Row("last"), Row("last_cycle")),
        text="A group of tokens of two words."),
    "norm_replay": Scene(
        top=lambda config: NormReplay(config.norm_parts), drive=norm_replay,
        rows=(Row("start"), Row("words"), Row("enable"), Row("word", "enable")),
        text="Two tokens of four words, one behind the other."),
    "norm_table": Scene(
        top=NormTable, drive=norm_table,
        rows=(Row("load"), Row("base", "load"), Row("valid"), Row("word", "valid"), Row("address", "valid")),
        text="Tokens of two words; after a group the table moves on by 10."),
    "norm_writer": Scene(
        top=NormWriter, drive=norm_writer,
        rows=(Row("load"), Row("valid"), Row("word[0]", "valid"), Row("enable"), Row("address", "enable"),
              Row("data", "enable", nibbles), Row("give", text=engines), Row("active")),
        text="A group of tokens of one word in two planes; of a plane the lowest four channels are shown."),
    "patch_packer": Scene(
        top=PatchPacker, drive=patch_packer,
        rows=(Row("start"), Row("valid"), Row("pixel", "valid"), Row("coordinate", "valid"), Row("is_coordinate"),
              Row("slot", "valid"), Row("word_end"), Row("token_end"), Row("normalised.enable"),
              Row("normalised.address", "normalised.enable"),
              Row("normalised.data", "normalised.enable", nibbles)),
        text="Six pixels, then coordinates, in two words; each is written as a plane of high nibbles and one of low "
             "ones. The lowest four channels are shown."),
    "pixel_walk": Scene(
        top=PixelWalk, drive=pixel_walk,
        rows=(Row("start"), Row("step"), Row("address", "step"), Row("line", "step"), Row("column", "step"),
              Row("slot", "step"), Row("token_end"), Row("last")),
        text="The pixels of an image of 2 x 2 tokens with 2 x 2 pixels each; `line` and `column` are the token's."),
}
