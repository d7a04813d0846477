"""Program images: segments and ``.htn`` files, and what the tools take from their manifests."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from boards.host.session import choose_label, shape_of
from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import (
    FILE_MAGIC,
    SEGMENT_MAGIC,
    ImageError,
    Kind,
    Memory,
    build_segment,
    parse_segment,
    read_image,
    stream_words,
    write_image,
)
from golden.spec.validation import ConfigError
from tests.fuzz.target import DEEP, Target, check_sentence, json_values, words

CONFIG = HardwareConfig(lanes=8, width=8, residual_words=64, pixel_words=64)
KINDS = {"program": Kind.PROGRAM, "conditioning": Kind.CONDITIONING}
MANIFEST: dict[str, Any] = {"model": {"image_channels": 1, "image_size": 8}, "hardware": asdict(CONFIG),
                            "step_contexts": [2, 1]}


def mostly(draw: st.DrawFn, usual: Any, else_: st.SearchStrategy[Any]) -> Any:
    """The usual value seven times of eight."""
    return draw(else_) if draw(st.integers(0, 7)) == 7 else usual


@st.composite
def segments(draw: st.DrawFn, kind: Kind | None = None) -> bytes:
    """A segment that is nearly right: any word may be another, the end may be missing, the CRC wrong."""
    kind = draw(st.sampled_from(Kind)) if kind is None else kind
    sections = draw(st.lists(st.sampled_from(Memory), min_size=1, max_size=3))
    content = [mostly(draw, value, words) for value in
               (SEGMENT_MAGIC, FORMAT_VERSION, int(kind), CONFIG.fingerprint, len(sections))]
    for memory in sections:
        depth, bits = CONFIG.memory_shapes[memory.name.lower()]
        count = draw(st.integers(1, 3))
        content += [mostly(draw, value, words) for value in (int(memory), draw(st.integers(0, depth - count)), count)]
        high = bits % 32 or 32
        for _ in range(count):
            content += draw(st.lists(words, min_size=stream_words(bits) - 1, max_size=stream_words(bits) - 1))
            content.append(mostly(draw, draw(st.integers(0, (1 << high) - 1)), words))
    raw = struct.pack(f"<{len(content)}I", *content)
    raw = mostly(draw, raw, st.binary(max_size=40).map(lambda tail: raw + tail))
    raw += mostly(draw, zlib.crc32(raw), words).to_bytes(4, "little")
    return raw[:mostly(draw, len(raw), st.integers(0, len(raw)))]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file that is nearly right: any entry of the manifest may be anything."""
    roles = draw(st.sampled_from([("program", "conditioning"), ("program",), ("conditioning",), (),
                                  ("program", "conditioning", "conditioning"), ("program", "program")]))
    entries, body = [], b""
    for number, role in enumerate(roles):
        data = draw(segments(KINDS[role]))
        entry = {"role": role, "name": f"label {number}" if role == "conditioning" else None, "offset": len(body),
                 "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        entries.append(mostly(draw, {key: mostly(draw, value, json_values) for key, value in entry.items()},
                              json_values))
        body += data
    manifest = {**{key: mostly(draw, value, json_values) for key, value in MANIFEST.items()},
                "segments": mostly(draw, entries, json_values)}
    for table in ("model", "hardware"):
        if isinstance(manifest[table], dict):
            manifest[table] = {key: mostly(draw, value, json_values) for key, value in manifest[table].items()}
    text = mostly(draw, json.dumps(mostly(draw, manifest, json_values)).encode(),
                  st.one_of(st.binary(max_size=40), st.just(DEEP.encode())))
    length = mostly(draw, len(text), words)
    whole = FILE_MAGIC + length.to_bytes(4, "little") + text + body
    return whole[:mostly(draw, len(whole), st.integers(0, len(whole)))]


def check_segment(content: bytes, folder: Path) -> None:
    """A segment is refused, or read as exactly what builds it again."""
    try:
        kind, sections = parse_segment(content, CONFIG)
    except ImageError as error:
        return check_sentence(error)
    assert build_segment(CONFIG, kind, sections) == content


def check_file(content: bytes, folder: Path) -> None:
    """A file is refused, or what it says can be written again, printed and drawn within the hardware's memory."""
    path = folder / "image.htn"
    path.write_bytes(content)
    try:
        image = read_image(path)
    except ImageError as error:
        return check_sentence(error)
    held = [image.program, *image.conditionings.values()]
    assert sum(map(len, held)) <= len(content)
    for name in image.conditionings:
        name.encode()
        assert name.isprintable()
    with suppress(ImageError):
        read_image(path, CONFIG)
    write_image(folder / "again.htn", image.program, image.conditionings, image.manifest)
    again = read_image(folder / "again.htn")
    assert (again.program, again.conditionings) == (image.program, image.conditionings)
    check_shape(image)
    return None


def check_shape(image: Any) -> None:
    """What is drawn fits the pixel memory."""
    try:
        choose_label(image, None)
        shape = shape_of(image)
    except (ImageError, ConfigError) as error:
        return check_sentence(error)
    assert 0 < shape.channels * shape.side**2 <= shape.hardware.pixel_words
    assert shape.steps >= 0
    return None


TARGETS = (
    Target("segment", "a segment of a program image", st.one_of(st.binary(max_size=64), segments()), check_segment,
           ("golden.spec",)),
    Target("image", "an .htn file and its manifest", st.one_of(st.binary(max_size=64), files()), check_file,
           ("golden.spec", "boards.host.session")),
)
