"""PNG pictures: one image, or a contact sheet of its denoising steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFont

FLOAT_RANGE = (-1.0, 1.0)
BACKGROUND = 255
INK = 0
GAP = 4
CAPTION = 14
FRAME_MILLISECONDS, LAST_FRAME_MILLISECONDS = 350, 2000


def to_pixels(image: numpy.ndarray, low: float | None = None, high: float | None = None) -> numpy.ndarray:
    """8-bit pixels of an image.

    Args:
        image: (height, width), or (channels, height, width) with 1 or 3 channels.
        low: the value that is black; -1 for floats, required for integers.
        high: the value that is white; 1 for floats, required for integers.

    Returns:
        (height, width) or (height, width, 3), of type uint8; values outside the range are clipped.

    Raises:
        ValueError: the shape is no picture, or the range of an integer image is missing or empty.
    """
    array = numpy.asarray(image)
    if low is None or high is None:
        if not numpy.issubdtype(array.dtype, numpy.floating):
            raise ValueError("an integer image needs low and high, the values that are black and white")
        low, high = FLOAT_RANGE
    if high <= low:
        raise ValueError(f"high ({high}) must be above low ({low})")
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    elif array.ndim == 3 and array.shape[0] == 3:
        array = array.transpose(1, 2, 0)
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] == 3):
        raise ValueError(f"shape {numpy.shape(image)} is no picture with 1 or 3 channels first")
    scaled = (array.astype(numpy.float64) - low) * (255.0 / (high - low))
    return numpy.clip(numpy.rint(scaled), 0, 255).astype(numpy.uint8)


def enlarge(pixels: numpy.ndarray, scale: int) -> numpy.ndarray:
    """Repeat every pixel ``scale`` times each way."""
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


def write_image(path: Path, image: numpy.ndarray, low: float | None = None, high: float | None = None,
                scale: int = 8) -> Path:
    """Write one image as PNG, greyscale or RGB, enlarged ``scale`` times; see ``to_pixels`` for the rest."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(enlarge(to_pixels(image, low, high), scale)).save(path, format="PNG")
    return path


def contact_sheet(path: Path, rows: Mapping[str, Sequence[numpy.ndarray]], captions: Sequence[str] = (),
                  low: float | None = None, high: float | None = None, scale: int = 3) -> Path:
    """Write a sheet with one named row of images under each other, such as "RTL" and "float model".

    Args:
        rows: title of a row and its images, all of one size.
        captions: a text above each column.

    Raises:
        ValueError: there is no image, or their sizes differ; and as ``to_pixels``.
    """
    tiles = {title: [_coloured(enlarge(to_pixels(image, low, high), scale)) for image in images]
             for title, images in rows.items()}
    sizes = {tile.shape for images in tiles.values() for tile in images}
    if len(sizes) != 1:
        raise ValueError(f"a contact sheet needs images of one size, not of {len(sizes)}")
    height, width, _ = sizes.pop()
    font = ImageFont.load_default()
    margin = GAP * 2 + max(int(font.getlength(title)) for title in tiles)
    column = max([width, *(int(font.getlength(caption)) for caption in captions)]) + GAP
    line = max(height, CAPTION) + GAP
    columns = max(len(images) for images in tiles.values())
    sheet = Image.new("RGB", (margin + columns * column, CAPTION + GAP + len(tiles) * line), (BACKGROUND,) * 3)
    draw = ImageDraw.Draw(sheet)
    for index, caption in enumerate(captions):
        draw.text((margin + index * column, 1), caption, fill=(INK,) * 3, font=font)
    for row, (title, images) in enumerate(tiles.items()):
        top = CAPTION + GAP + row * line
        draw.text((GAP, top), title, fill=(INK,) * 3, font=font)
        for index, tile in enumerate(images):
            sheet.paste(Image.fromarray(tile), (margin + index * column, top))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, format="PNG")
    return path


def film(path: Path, pairs: Sequence[tuple[numpy.ndarray, numpy.ndarray]], scale: int = 8) -> Path:
    """Write an animated PNG: a frame for each pair of images, side by side, the last one longest.

    Raises:
        ValueError: as ``to_pixels``.
    """
    frames = []
    for pair in pairs:
        left, right = (_coloured(enlarge(to_pixels(image), scale)) for image in pair)
        gap = numpy.full((len(left), GAP * 2, 3), BACKGROUND, dtype=numpy.uint8)
        frames.append(Image.fromarray(numpy.concatenate([left, gap, right], axis=1)))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, format="PNG", save_all=True, append_images=frames[1:], loop=0,
                   duration=[FRAME_MILLISECONDS] * (len(frames) - 1) + [LAST_FRAME_MILLISECONDS])
    return path


def _coloured(pixels: numpy.ndarray) -> numpy.ndarray:
    return pixels if pixels.ndim == 3 else numpy.stack([pixels] * 3, axis=2)
