"""Pixels of the core to a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from golden.spec.numbers import PIXEL_FRACTION_BITS

WHITE = 255
PICTURE_CHANNELS = (1, 3)
"""Grey, or red, green and blue."""
PICTURE_PIXELS = 256
"""Side of the picture, roughly; pixels are repeated to reach it."""


def level(value: int) -> int:
    """A pixel as a byte: -1 is black, 1 white, and what is beyond is cut."""
    one = 1 << PIXEL_FRACTION_BITS
    return min(WHITE, max(0, ((value + one) * WHITE + one) // (2 * one)))


def write_png(path: Path, pixels: Sequence[int], channels: int, side: int) -> None:
    """Write ``channels`` planes of ``side`` x ``side`` pixels (grey or red, green, blue), whole or not at all.

    Raises ``ValueError`` for another number of channels or pixels, ``OSError`` where the file cannot be written.
    """
    if channels not in PICTURE_CHANNELS or len(pixels) != channels * side**2:
        raise ValueError(f"{len(pixels)} pixels are no picture of {channels} channels of {side} x {side}; expected 1 "
                         "or 3 channels")
    planes = [Image.frombytes("L", (side, side), bytes(level(value) for value in pixels[start:start + side**2]))
              for start in range(0, len(pixels), side**2)]
    picture = planes[0] if channels == 1 else Image.merge("RGB", planes)
    scale = max(1, PICTURE_PIXELS // side)
    partial = path.with_name(f".{path.name}.partial")
    try:
        picture.resize((side * scale, side * scale), Image.Resampling.NEAREST).save(partial, format="PNG")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
