"""Scenes of ``rtl.memory``."""

from __future__ import annotations

from amaranth.hdl import unsigned

from golden.spec.check import stored
from golden.spec.descriptors import LoadSource
from golden.spec.hardware import HardwareConfig
from golden.spec.image import Kind, Memory, Section, build_segment, segment_words
from golden.spec.step import STEP_FIELDS, STEP_SLOT_BITS
from rtl.bench.catalogue_array import LoaderBench
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import EVERY_ENGINE, engines, generator, hexadecimal, issued, loaded, nibbles, pack, played
from rtl.memory.burst_queue import BurstQueue
from rtl.memory.checked_ram import CheckedRam, VerifiedRam
from rtl.memory.image_loader import ImageLoader
from rtl.memory.line_ram import LineRam
from rtl.memory.part_ram import PARTS, PartRam
from rtl.memory.ports import READ_LATENCY
from rtl.memory.ram import Ram
from rtl.memory.step_ram import StepRam
from rtl.memory.transposer import Transposer
from rtl.memory.twin_ram import TwinRam
from rtl.memory.word_check import WordCheck

DEPTH, BITS = 16, 8
LINE_WORDS = 4
ITEM_BITS = 8


def ram(config: HardwareConfig) -> Drive:
    """Three writes, reads of what was written, and a read of the word that is written in the same cycle."""
    write = [{"write.enable": 1, "write.address": address, "write.data": 0xA0 + address} for address in range(3)]
    read = [{"read.enable": 1, "read.address": address} for address in range(3)]
    yield from played([write[0], {**write[1], **read[0]}, {**write[2], **read[1]}, read[2],
                       {**write[0], **read[0]}], after=3)


def twin_ram(config: HardwareConfig) -> Drive:
    for address in range(3):
        yield Cycle({"write.enable": 1, "write.address": address, "write.data": 0xB0 + address})
    yield Cycle({"read_0.enable": 1, "read_0.address": 0, "read_1.enable": 1, "read_1.address": 2})
    yield from played([{"read_0.enable": 1, "read_0.address": 1}], after=3)


def part_ram(config: HardwareConfig) -> Drive:
    """Two words as often as they may be written; then their parts."""
    for address, word in enumerate((0xB1A1, 0xB2A2)):
        yield from played([{"write.enable": 1, "write.address": address, "write.data": word}], after=PARTS - 1)
    yield from played(({"read.enable": 1, "read.address": part} for part in range(2 * PARTS)), after=READ_LATENCY)


def step_ram(config: HardwareConfig) -> Drive:
    """A word with bits above its first field; it is read back without them."""
    word = 0x3FFF1234 | 0x5678 << STEP_SLOT_BITS
    yield from played([{"write.enable": 1, "write.address": 3, "write.data": word},
                       {"read.enable": 1, "read.address": 3}], after=READ_LATENCY + 1)


def line_ram(config: HardwareConfig) -> Drive:
    for address in range(LINE_WORDS):
        yield Cycle({"write.enable": 1, "write.address": address, "write.data": 0xC0 + address})
    yield from played([{"read.enable": 1, "read.address": 0, "read.words": (1 << LINE_WORDS) - 1}], after=3)


def word_check(config: HardwareConfig) -> Drive:
    """A stored word, whole and damaged."""
    kept = stored(0xC3, BITS)
    yield from played(({"valid": 1, "word": word} for word in (kept, kept ^ 1, kept ^ 0b11, kept)), after=2)


def verified_ram(config: HardwareConfig) -> Drive:
    """Two words, of which one is damaged."""
    for address, damage in enumerate((0, 1 << 5)):
        yield Cycle({"write.enable": 1, "write.address": address, "write.data": stored(0xC0 + address, BITS) ^ damage})
    yield from played([{"read.enable": 1, "read.address": address} for address in range(2)], after=4)


def loader(config: HardwareConfig) -> Drive:
    """Six rows of weights."""
    draw = generator()
    yield from loaded("load_weight", (draw.getrandbits(config.word_bits) for _ in range(6)))
    yield from issued({"source": LoadSource.WEIGHT, "rows": 6, "slot": 1, "signal_last": 2},
                      {"available": EVERY_ENGINE}, after=2)


def transposer(config: HardwareConfig) -> Drive:
    """A tile: token t has t in its even channels and 7 - t in the odd ones."""
    for token in range(config.width):
        yield Cycle({"valid": 1, "row": token, "base": 300,
                     "vector": pack([(token, 7 - token)[channel % 2] for channel in range(config.width)], 4)})
    yield from played([{}] * (config.width + 3))


def image_loader(config: HardwareConfig) -> Drive:
    """A whole segment of two words for the step memory, then its CRC."""
    words = segment_words(build_segment(config, Kind.PROGRAM, [Section(Memory.COORDINATE, 3, [0x1234, 0x5678])]))
    yield from played(({"words.valid": 1, "words.payload": word} for word in words), after=3)


def burst_queue(config: HardwareConfig) -> Drive:
    """A burst of six into room for four, and then all leave."""
    for item in range(6):
        yield Cycle({"push": 1, "item": 10 + item, "pop": int(item == 5)})
    yield from played([{}, {"pop": 1}, {"pop": 1}, {"pop": 1}], after=2)


def port(name: str, data: bool = True) -> tuple[Row, ...]:
    """Rows of a memory's port."""
    rows = (Row(f"{name}.enable"), Row(f"{name}.address", f"{name}.enable"))
    return (*rows, Row(f"{name}.data", f"{name}.enable", hexadecimal)) if data else rows


def read(name: str) -> tuple[Row, ...]:
    """Rows of a reader's port; its data comes later than its enable."""
    return (*port(name, data=False), Row(f"{name}.data", text=hexadecimal))


FAULTS = (Row("fault"), Row("collision"))
CHECKED = (Row("fault"), Row("collision"), Row("damaged"))
SCENES = {
    "ram": Scene(
        top=lambda config: Ram(DEPTH, BITS), drive=ram, rows=(*port("write"), *read("read"), *FAULTS),
        text="Each word is read a cycle after it was written. The last read meets a write of the same word: "
             "`collision`."),
    "word_check": Scene(
        top=lambda config: WordCheck(BITS), drive=word_check,
        rows=(Row("valid"), Row("word", "valid", hexadecimal), Row("damaged")),
        text="A word with its check bits; the same with a bit flipped, then with two; the first again."),
    "verified_ram": Scene(
        top=lambda config: VerifiedRam(DEPTH, BITS), drive=verified_ram,
        rows=(*port("write"), *read("read"), *CHECKED),
        text="Two words are written with their check bits, the second with a bit flipped; both are read."),
    "checked_ram": Scene(
        top=lambda config: CheckedRam(DEPTH, BITS), drive=ram, rows=(*port("write"), *read("read"), *CHECKED),
        text="As the scene of `Ram`: nothing is damaged, so the verdict is low."),
    "twin_ram": Scene(
        top=lambda config: TwinRam(DEPTH, BITS), drive=twin_ram,
        rows=(*port("write"), *read("read_0"), *read("read_1"), *FAULTS),
        text="Three writes, then both readers read."),
    "part_ram": Scene(
        top=lambda config: PartRam(DEPTH, 2 * BITS), drive=part_ram,
        rows=(*port("write"), *read("read"), *FAULTS),
        text="Two words of two bytes, PARTS cycles apart; then their bytes are read, the lower first."),
    "step_ram": Scene(
        top=lambda config: StepRam(DEPTH), drive=step_ram,
        rows=(*port("write"), *read("read"), *FAULTS),
        text=f"A word is written whose first slot has bits above its field of {STEP_FIELDS[0].bits}; it is read "
             "without them."),
    "line_ram": Scene(
        top=lambda config: LineRam(DEPTH, BITS, LINE_WORDS), drive=line_ram,
        rows=(*port("write"), *read("read"), *FAULTS), text="Four words are written one by one, and read as a line."),
    "loader": Scene(
        top=LoaderBench, drive=loader,
        rows=(Row("descriptor.valid"), Row("descriptor.ready"), Row("descriptor.payload.rows", "descriptor.valid"),
              Row("descriptor.payload.slot", "descriptor.valid"), Row("take", text=engines), Row("busy"), Row("idle"),
              *port("engine.weight", data=False), *port("written", data=False),
              Row("written.data", "written.enable", nibbles), Row("give", text=engines)),
        text="One descriptor: six rows from the weight store into slot 1, which begins at row 256. The lowest four "
             "weights are shown."),
    "transposer": Scene(
        top=Transposer, drive=transposer,
        rows=(Row("valid"), Row("row", "valid"), Row("vector", "valid", nibbles), Row("output_valid"),
              Row("output_address", "output_valid"), Row("output", "output_valid", nibbles), Row("overrun")),
        text="A tile of eight tokens and eight channels. The lowest four places are shown."),
    "image_loader": Scene(
        top=ImageLoader, drive=image_loader,
        rows=(Row("words.valid"), Row("words.ready"), Row("words.payload", "words.valid", hexadecimal),
              Row("loading"), *port("coordinate"), Row("program_loaded"), Row("error")),
        text="A program segment with one section, two words for the coordinate memory: magic, version, kind, "
             "fingerprint, number of sections; memory, first address, number of words; the words; the CRC."),
    "burst_queue": Scene(
        top=lambda config: BurstQueue(4, unsigned(ITEM_BITS)), drive=burst_queue,
        rows=(Row("push"), Row("item", "push"), Row("pop"), Row("valid"), Row("several"), Row("front", "valid"),
              Row("overrun")),
        text="Six items come to a queue of four; two are lost."),
}
