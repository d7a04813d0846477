"""The image format: what is built is read back, and everything else is refused with one sentence."""

from __future__ import annotations

import dataclasses
import random
import zlib

import pytest

from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import (
    ImageError,
    Kind,
    Memory,
    Section,
    build_segment,
    parse_segment,
    read_image,
    segment_words,
    write_image,
)
from golden.spec.registers import ADDRESSES, COUNTERS, MEANINGS, REGISTERS, ErrorCode, explain
from sim import seed as seeds

CONFIG = HardwareConfig(lanes=8, width=8, residual_words=64)


@pytest.fixture
def generator() -> random.Random:
    return seeds.generator("image")


def random_sections(generator: random.Random, count: int = 4) -> tuple[Section, ...]:
    sections = []
    for _ in range(count):
        memory = generator.choice(list(Memory))
        depth, bits = CONFIG.memory_shapes[memory.name.lower()]
        length = generator.randrange(1, 9)
        start = generator.choice([0, depth - length, generator.randrange(depth - length)])
        sections.append(Section(memory, start, [generator.getrandbits(bits) for _ in range(length)]))
    return tuple(sections)


def with_crc(content: bytes) -> bytes:
    return content[:-4] + zlib.crc32(content[:-4]).to_bytes(4, "little")


def patched(content: bytes, word: int, value: int) -> bytes:
    """One word changed, and the CRC right again."""
    return with_crc(content[:4 * word] + value.to_bytes(4, "little") + content[4 * word + 4:])


def refusal(content: bytes, config: HardwareConfig = CONFIG) -> str:
    with pytest.raises(ImageError) as caught:
        parse_segment(content, config)
    sentence = str(caught.value)
    assert "\n" not in sentence and not sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("kind", Kind)
def test_a_segment_is_read_back(generator, kind):
    for _ in range(20):
        sections = random_sections(generator)
        content = build_segment(CONFIG, kind, sections)
        assert parse_segment(content, CONFIG) == (kind, sections)
        words = segment_words(content)
        assert words[:5] == (0x314E5448, FORMAT_VERSION, kind, CONFIG.fingerprint, len(sections))


def test_low_halves_come_first():
    words = [0x100000002, 1 << 96 | 5]
    sections = [Section(Memory.COORDINATE, 3, [7]), Section(Memory.MODULATION, 9, words)]
    content = build_segment(CONFIG, Kind.PROGRAM, sections)
    assert segment_words(content)[5:-1] == (Memory.COORDINATE, 3, 1, 7, Memory.MODULATION, 9, 2, 2, 1, 0, 0, 5, 0, 0, 1)


def test_header_words_are_checked(generator):
    content = build_segment(CONFIG, Kind.PROGRAM, random_sections(generator))
    assert "begins with" in refusal(patched(content, 0, 1))
    assert "format version 9" in refusal(patched(content, 1, 9))
    assert "kind 3" in refusal(patched(content, 2, 3))
    assert "is for hardware" in refusal(content, dataclasses.replace(CONFIG, slots=8))
    assert "no section" in refusal(patched(content, 4, 0))
    assert f"memory {len(Memory)}" in refusal(patched(content, 5, len(Memory)))
    assert "section has" in refusal(patched(content, 6, 1 << 20))
    assert "section has 0 words" in refusal(patched(content, 7, 0))
    assert "truncated" in refusal(patched(content, 4, 5))
    assert "after its last section" in refusal(patched(content, 4, 3))


def test_every_cut_and_flip_is_refused(generator):
    content = build_segment(CONFIG, Kind.CONDITIONING, random_sections(generator, 2))
    for length in range(len(content)):
        refusal(content[:length])
    for _ in range(300):
        position, bit = generator.randrange(len(content)), generator.randrange(8)
        flipped = bytearray(content)
        flipped[position] ^= 1 << bit
        refusal(bytes(flipped))
    refusal(content + b"\0\0\0\0")
    assert "after its last section" in refusal(with_crc(content + b"\0\0\0\0"))


@pytest.mark.parametrize("section", [
    Section(Memory.STEP, 0, []), Section(Memory.STEP, -1, [0]), Section(Memory.STEP, 64, [0]),
    Section(Memory.WEIGHT, 0, [1 << 32]), Section(Memory.WEIGHT, 0, [-1]), Section(len(Memory), 0, [0]),
])
def test_what_does_not_fit_is_not_built(section):
    with pytest.raises(ImageError):
        build_segment(CONFIG, Kind.PROGRAM, [section])


@pytest.fixture
def image_file(tmp_path, generator):
    program = build_segment(CONFIG, Kind.PROGRAM, random_sections(generator))
    conditionings = {name: build_segment(CONFIG, Kind.CONDITIONING, random_sections(generator)) for name in ("a", "ü")}
    path = tmp_path / "model.htn"
    write_image(path, program, conditionings, {"model": "tiny", "steps": 8})
    return path, program, conditionings


def test_a_file_is_read_back(image_file):
    path, program, conditionings = image_file
    image = read_image(path, CONFIG)
    assert image == (program, conditionings, {"model": "tiny", "steps": 8})
    assert [file.name for file in path.parent.iterdir()] == ["model.htn"]


def test_a_damaged_file_is_refused(image_file, generator, tmp_path):
    path, _, _ = image_file
    whole = path.read_bytes()
    copy = tmp_path / "copy.htn"
    for length in [*range(16), *(generator.randrange(len(whole)) for _ in range(100))]:
        copy.write_bytes(whole[:length])
        with pytest.raises(ImageError):
            read_image(copy)
    start = 12 + int.from_bytes(whole[8:12], "little")
    for _ in range(100):
        flipped = bytearray(whole)
        flipped[generator.randrange(start, len(whole))] ^= 1 << generator.randrange(8)
        copy.write_bytes(flipped)
        with pytest.raises(ImageError, match="damaged"):
            read_image(copy)
    copy.write_bytes(whole + b"x")
    with pytest.raises(ImageError, match="1 trailing"):
        read_image(copy)
    copy.write_bytes(b"\x89PNG" + whole)
    with pytest.raises(ImageError, match="no Halftone image"):
        read_image(copy)
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path / "nothing.htn")
    with pytest.raises(ImageError, match="is for hardware"):
        read_image(path, dataclasses.replace(CONFIG, slots=8))


def test_a_failed_write_leaves_the_old_file(image_file):
    path, program, conditionings = image_file
    before = path.read_bytes()
    with pytest.raises(ImageError, match="kind PROGRAM"):
        write_image(path, program, {"a": program}, {})
    with pytest.raises(TypeError):
        write_image(path, program, conditionings, {"model": object()})
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_the_register_map_is_one_to_one():
    assert list(ADDRESSES.values()) == list(range(len(REGISTERS)))
    assert all(f"{name}_{half}" in ADDRESSES for name in COUNTERS for half in ("LOW", "HIGH"))
    assert set(MEANINGS) == set(ErrorCode)
    assert all(code.name in explain(code) for code in ErrorCode) and "update" in explain(99)
