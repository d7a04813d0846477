"""Frames of the serial link to bytes and back; pure functions. ``golden.spec.link`` defines them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from golden.spec.link import ESCAPE, ESCAPE_FLIP, FLAG, HEADER_BITS, MAX_WORDS, OVERHEAD_WORDS, WORD_BYTES

HEADER = "<" + "".join({8: "B", 16: "H"}[bits] for bits in HEADER_BITS.values())
LEAST_BYTES = OVERHEAD_WORDS * WORD_BYTES
MOST_BYTES = LEAST_BYTES + MAX_WORDS * WORD_BYTES


class FrameError(ValueError):
    """A frame that cannot be sent; the message is one sentence that says why."""


class Frame(NamedTuple):
    """A request or an answer; ``code`` is a Command or an Answer."""

    sequence: int
    code: int
    address: int
    words: tuple[int, ...] = ()


def encode(frame: Frame) -> bytes:
    """A frame as it goes over the line, with both flags; raises ``FrameError`` for what does not fit."""
    if len(frame.words) > MAX_WORDS:
        raise FrameError(f"the frame has {len(frame.words)} words; expected at most {MAX_WORDS}")
    try:
        content = struct.pack(f"{HEADER}{len(frame.words)}I", frame.sequence, frame.code, frame.address, *frame.words)
    except struct.error:
        raise FrameError(f"a field of {frame} is out of its range; give non-negative numbers of its width") from None
    return bytes([FLAG]) + stuff(content + struct.pack("<I", zlib.crc32(content))) + bytes([FLAG])


def stuff(content: bytes) -> bytes:
    """Flags and escapes within a frame become an escape and the byte with some bits inverted."""
    result = content.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPE ^ ESCAPE_FLIP]))
    return result.replace(bytes([FLAG]), bytes([ESCAPE, FLAG ^ ESCAPE_FLIP]))


def decode(content: bytes) -> Frame | None:
    """The frame between two flags, escapes still in it; None for anything that is no good frame."""
    plain = unstuff(content)
    if plain is None or not LEAST_BYTES <= len(plain) <= MOST_BYTES or len(plain) % WORD_BYTES:
        return None
    count = (len(plain) - LEAST_BYTES) // WORD_BYTES
    sequence, code, address, *words, crc = struct.unpack(f"{HEADER}{count + 1}I", plain)
    if crc != zlib.crc32(plain[:-WORD_BYTES]):
        return None
    return Frame(sequence, code, address, tuple(words))


def unstuff(content: bytes) -> bytes | None:
    """The other way of ``stuff``; None where an escape has no byte behind it. Several in a row are one."""
    if content.endswith(bytes([ESCAPE])):
        return None
    first, *rest = content.split(bytes([ESCAPE]))
    rest = [part for part in rest if part]
    return first + b"".join(bytes([part[0] ^ ESCAPE_FLIP]) + part[1:] for part in rest)


class Splitter:
    """Collects bytes in any portions and yields what lies between flags; never keeps more than a frame can be."""

    LONGEST = 2 * MOST_BYTES
    """Bytes of the longest frame, if every one is escaped."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._inside = False

    @property
    def is_waiting(self) -> bool:
        """Whether what comes is dropped until a flag does."""
        return not self._inside

    def feed(self, content: bytes) -> Sequence[bytes]:
        """What these bytes complete, empty frames left out; before the first flag and of an endless one nothing."""
        *ended, open_end = bytes(self._held + content).split(bytes([FLAG]))
        if not self._inside and ended:
            ended[0] = b""
        self._inside = self._inside or bool(ended)
        if len(open_end) > self.LONGEST:
            self._inside = False
        self._held[:] = open_end if self._inside else b""
        return [part for part in ended if part and len(part) <= self.LONGEST]
