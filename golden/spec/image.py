"""The program image: what the compiler writes, the host sends and the hardware checks.

A *segment* is a stream of little-endian 32-bit words: magic, version, kind, fingerprint of the hardware, number of
sections; for each section its memory, first address, number of memory words and the words, each low half first in as
many 32-bit words as its bits need; last the CRC-32 of everything before. A file holds one program segment, any number
of conditionings, and a manifest in JSON.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.validation import shown

SEGMENT_MAGIC = int.from_bytes(b"HTN1", "little")
FILE_MAGIC = b"HALFTONE"
WORD_BYTES = 4
HEADER_WORDS = 5
SECTION_HEADER_WORDS = 3


class ImageError(ValueError):
    """An image that cannot be used; the message is one sentence that says why and what to do."""


class Memory(enum.IntEnum):
    """Memories that a segment fills."""

    PROGRAM = 0
    WEIGHT = 1
    MODULATION = 2
    STEP = 3
    COORDINATE = 4
    SPLIT = 5
    PIXEL = 6
    CLEAN = 7


class Kind(enum.IntEnum):
    PROGRAM = 1
    CONDITIONING = 2


class Section(NamedTuple):
    """Words for consecutive addresses of one memory."""

    memory: Memory
    start: int
    words: Sequence[int]


class Segment(NamedTuple):
    kind: Kind
    sections: tuple[Section, ...]


class Image(NamedTuple):
    """What a file holds."""

    program: bytes
    conditionings: dict[str, bytes]
    manifest: dict[str, Any]


def stream_words(bits: int) -> int:
    """32-bit words that a memory word takes in a segment."""
    return -(-bits // (8 * WORD_BYTES))


def build_segment(config: HardwareConfig, kind: Kind, sections: Iterable[Section]) -> bytes:
    """A segment for this hardware; raises ``ImageError`` for a section or word that does not fit."""
    sections = list(sections)
    if not sections:
        raise ImageError("the segment has no section; give at least one")
    parts = [_pack(SEGMENT_MAGIC, FORMAT_VERSION, kind, config.fingerprint, len(sections))]
    for section in sections:
        bits = _check_section(config, section.memory, section.start, len(section.words))
        size = stream_words(bits) * WORD_BYTES
        for index, word in enumerate(section.words):
            if not 0 <= word < 1 << bits:
                raise ImageError(f"word {index} for memory {Memory(section.memory).name} is {word:#x}; "
                                 f"expected {bits} bits")
        parts.append(_pack(section.memory, section.start, len(section.words)))
        parts += [int(word).to_bytes(size, "little") for word in section.words]
    content = b"".join(parts)
    return content + _pack(zlib.crc32(content))


def parse_segment(content: bytes, config: HardwareConfig) -> Segment:
    """Verify a segment for this hardware and take it apart; raises ``ImageError``."""
    kind = check_segment(content)
    fingerprint, count = struct.unpack_from("<2I", content, 3 * WORD_BYTES)
    if fingerprint != config.fingerprint:
        raise ImageError(f"the segment is for hardware {fingerprint:08x} and this is {config.fingerprint:08x}; "
                         "compile the image for this configuration")
    if not count:
        raise ImageError("the segment has no section; compile the image again")
    end = len(content) - WORD_BYTES
    position = HEADER_WORDS * WORD_BYTES
    sections = []
    for _ in range(count):
        if position + SECTION_HEADER_WORDS * WORD_BYTES > end:
            raise ImageError("the segment is truncated within its sections; load or compile the image again")
        memory, start, length = struct.unpack_from("<3I", content, position)
        position += SECTION_HEADER_WORDS * WORD_BYTES
        bits = _check_section(config, memory, start, length)
        size = stream_words(bits) * WORD_BYTES
        if position + length * size > end:
            raise ImageError("the segment is truncated within its sections; load or compile the image again")
        words = [int.from_bytes(content[position + i * size:position + (i + 1) * size], "little")
                 for i in range(length)]
        if any(word >> bits for word in words):
            raise ImageError(f"a word for memory {Memory(memory).name} has more than its {bits} bits; compile the "
                             "image again")
        position += length * size
        sections.append(Section(Memory(memory), start, words))
    if position != end:
        raise ImageError(f"the segment has {end - position} bytes after its last section; compile the image again")
    return Segment(kind, tuple(sections))


def check_segment(content: bytes) -> Kind:
    """Verify what does not depend on the hardware: magic, version, kind and CRC; raises ``ImageError``."""
    if len(content) < (HEADER_WORDS + 1) * WORD_BYTES or len(content) % WORD_BYTES:
        raise ImageError(f"the segment is truncated: {len(content)} bytes; load or compile the image again")
    magic, version, kind = struct.unpack_from("<3I", content)
    if magic != SEGMENT_MAGIC:
        raise ImageError(f"the segment begins with {content[:WORD_BYTES]!r} instead of b'HTN1'; give a Halftone image")
    if version != FORMAT_VERSION:
        raise ImageError(f"the segment has format version {version} and this is {FORMAT_VERSION}; compile it again")
    if kind not in tuple(Kind):
        raise ImageError(f"the segment is of kind {kind}; expected {', '.join(f'{k} ({k.name})' for k in Kind)}")
    (crc,) = struct.unpack_from("<I", content, len(content) - WORD_BYTES)
    if crc != zlib.crc32(content[:-WORD_BYTES]):
        raise ImageError("the segment's CRC is wrong, so it was damaged or cut; copy or compile the image again")
    return Kind(kind)


def segment_words(content: bytes) -> tuple[int, ...]:
    """A segment as the 32-bit words that the hardware takes."""
    if len(content) % WORD_BYTES:
        raise ImageError(f"the segment is truncated: {len(content)} bytes are no whole words; copy the image again")
    return struct.unpack(f"<{len(content) // WORD_BYTES}I", content)


def write_image(path: Path | str, program: bytes, conditionings: dict[str, bytes], manifest: dict[str, Any]) -> None:
    """Write an ``.htn`` file in one piece: readers see the old file or the new one. Key ``segments`` is ours."""
    if "segments" in manifest:
        raise ImageError("the manifest already holds 'segments'; leave that key to the file")
    contents = [("program", None, program), *(("conditioning", name, data) for name, data in conditionings.items())]
    for role, name, data in contents:
        _check_role(role, name, data)
    entries = []
    offset = 0
    for role, name, data in contents:
        entries.append({"role": role, "name": name, "offset": offset, "size": len(data),
                        "sha256": hashlib.sha256(data).hexdigest()})
        offset += len(data)
    text = json.dumps({**manifest, "segments": entries}, sort_keys=True, indent=1).encode()
    whole = b"".join([FILE_MAGIC, _pack(len(text)), text, *(data for _, _, data in contents)])
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(whole)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_image(path: Path | str, config: HardwareConfig | None = None) -> Image:
    """Read and verify an ``.htn`` file, against the hardware too where given; raises ``ImageError``."""
    whole = _read(Path(path))
    start = len(FILE_MAGIC) + WORD_BYTES
    if whole[:len(FILE_MAGIC)] != FILE_MAGIC[:len(whole)]:
        raise ImageError(f"{path} is no Halftone image; give an .htn file")
    if len(whole) < start:
        raise ImageError(f"image {path} is truncated; copy it again")
    length = int.from_bytes(whole[len(FILE_MAGIC):start], "little")
    if start + length > len(whole):
        raise ImageError(f"image {path} is truncated; copy it again")
    body = whole[start + length:]
    manifest, entries = _manifest(path, whole[start:start + length])
    programs: list[bytes] = []
    conditionings: dict[str, bytes] = {}
    end = 0
    for role, name, offset, size, digest in entries:
        data = body[offset:offset + size]
        if offset != end or size < 0 or len(data) != size:
            raise ImageError(f"image {path} is truncated or its manifest is damaged; copy it again")
        if hashlib.sha256(data).hexdigest() != digest:
            raise ImageError(f"image {path} is damaged: segment {shown(name or role)} has another SHA-256; copy it "
                             "again")
        _check_role(role, name, data)
        if config is not None:
            parse_segment(data, config)
        if name in conditionings:
            raise ImageError(f"image {path} holds {shown(name)} twice; compile it again")
        if role == "program":
            programs.append(data)
        else:
            conditionings[name] = data
        end += size
    if end != len(body):
        raise ImageError(f"image {path} has {len(body) - end} trailing bytes; copy it again")
    if len(programs) != 1:
        raise ImageError(f"image {path} holds {len(programs)} programs; expected one, so compile it again")
    return Image(programs[0], conditionings, manifest)


def _read(path: Path) -> bytes:
    """The bytes of a file; of a pipe or device, which might never end, nothing is read."""
    try:
        if not path.is_file():
            raise ImageError(f"image {path} cannot be read: no such file; give the path of an .htn file")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"image {path} cannot be read: {error.strerror}; give the path of an .htn file") from None


def _manifest(path: Path | str, text: bytes) -> tuple[dict[str, Any], list[tuple[str, str | None, int, int, str]]]:
    """The manifest without its list of segments, and that: role, name, offset, size and digest, types checked."""
    try:
        manifest = json.loads(text)
        entries = [(e["role"], e["name"], e["offset"], e["size"], e["sha256"]) for e in manifest.pop("segments")]
        json.dumps(manifest).encode()       # one that is read can be shown, too
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ImageError(f"image {path} has a damaged manifest; copy or compile it again") from None
    if not all(isinstance(role, str) and type(offset) is type(size) is int for role, _, offset, size, _ in entries):
        raise ImageError(f"image {path} has a damaged manifest; copy or compile it again")
    return manifest, entries


def _check_role(role: str, name: str | None, data: bytes) -> None:
    """Raise ``ImageError`` unless a segment is what it is listed as, and a conditioning has a name one can print."""
    expected = {"program": Kind.PROGRAM, "conditioning": Kind.CONDITIONING}.get(role)
    if expected is Kind.CONDITIONING and not (isinstance(name, str) and name.isprintable()):
        raise ImageError(f"a conditioning's name is {shown(name)}; expected printable text, so rename the label")
    if expected is Kind.PROGRAM and name is not None:
        raise ImageError(f"a program's name is {shown(name)}; expected none, so compile the image again")
    kind = check_segment(data)
    if kind is not expected:
        raise ImageError(f"segment {name or shown(role)} is of kind {kind.name} and is listed as {shown(role)}; "
                         "compile it again")


def _check_section(config: HardwareConfig, memory: int, start: int, length: int) -> int:
    """Bits of the memory's words; raises ``ImageError`` unless the section lies inside it."""
    if memory not in tuple(Memory):
        raise ImageError(f"a section is for memory {memory}, which does not exist; compile the image again")
    depth, bits = config.memory_shapes[Memory(memory).name.lower()]
    if length < 1 or start < 0 or start + length > depth:
        raise ImageError(f"a section has {length} words from {start} on for memory {Memory(memory).name} of {depth}; "
                         "compile the image again")
    return bits


def _pack(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)
