"""Pixel-art avatars: the Nouns, composed at random from parts that their project declares CC0.

The parts come in ``image-data.json`` of the npm package ``@nouns/assets``: a palette, background colours, and for each
part its bounding box and runs of (length, colour).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import torch
from torch import Tensor

from golden.model.data.errors import DataError
from golden.spec.model import ModelConfig

SIDE = 32
COUNTS = {"train": 40_000, "test": 5_000}
SEEDS = {"train": 1, "test": 2}
FILE = "image-data.json"
PARTS = ("body", "accessory", "head", "glasses")
"""From the back to the front."""
GROUPS = {"body": "bodies", "accessory": "accessories", "head": "heads", "glasses": "glasses"}
PREFIXES = {"body": ("body-",), "accessory": ("accessory-",), "head": ("head-",),
            "glasses": ("glasses-square-", "glasses-")}
BACKGROUND = "background"
BACKGROUNDS = {"cool": "d5d7e1", "warm": "e1d7d5"}


def colours(text: str) -> list[int]:
    """Red, green and blue of "rrggbb"."""
    return list(bytes.fromhex(text))


def short_name(part: str, file_name: str) -> str:
    """The value of an attribute that a file name stands for: "cat" of "head-cat"."""
    for prefix in PREFIXES[part]:
        if file_name.startswith(prefix):
            return file_name.removeprefix(prefix)
    return file_name


def decode_part(data: str, palette: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Runs to an image (3, 32, 32) uint8 and where it covers what lies behind, (32, 32) bool.

    Bytes: palette number, then top, right, bottom and left of the box, then pairs of length and colour (0: nothing).
    """
    raw = bytes.fromhex(data.removeprefix("0x"))
    _, top, right, bottom, left = raw[:5]
    runs = numpy.frombuffer(raw[5:], numpy.uint8).reshape(-1, 2)
    pixels = numpy.repeat(runs[:, 1], runs[:, 0])
    width, height = right - left, -(-len(pixels) // max(1, right - left))
    if width < 1 or right > SIDE or top + height > SIDE:
        raise DataError(f"a part's box is {top}, {right}, {bottom}, {left} with {len(pixels)} pixels; "
                        f"expected one within {SIDE} by {SIDE}")
    index = numpy.zeros((SIDE, SIDE), numpy.uint8)
    box = numpy.zeros(width * height, numpy.uint8)
    box[:len(pixels)] = pixels
    index[top:top + height, left:right] = box.reshape(height, width)
    return palette[index].transpose(2, 0, 1), index > 0


def read_parts(folder: Path, config: ModelConfig) -> dict[str, tuple[Tensor, Tensor]]:
    """Images (n, 3, 32, 32) and covers (n, 1, 32, 32) of every value of each attribute."""
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        palette = numpy.array([colours(text or "000000") for text in document["palette"]], numpy.uint8)
        named = {part: {short_name(part, entry["filename"]): entry["data"] for entry in document["images"][group]}
                 for part, group in GROUPS.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} could not be read ({error}); unpack the npm package @nouns/assets and name the folder "
                        "of its image-data.json with --data") from error
    parts = {}
    for part in PARTS:
        wanted = dict(config.attributes).get(part, ())
        missing = [name for name in wanted if name not in named[part]]
        if missing or not wanted:
            raise DataError(f"{path} has no {part} '{', '.join(missing)}'; expected some of {', '.join(named[part])}")
        decoded = [decode_part(named[part][name], palette) for name in wanted]
        images, covers = (torch.from_numpy(numpy.stack(each)) for each in zip(*decoded, strict=True))
        parts[part] = images, covers[:, None]
    return parts


def compose(labels: Tensor, parts: dict[str, tuple[Tensor, Tensor]], config: ModelConfig) -> Tensor:
    """Images (B, 3, 32, 32) float in [-1, 1] of labels (B, A): background, then each part over what lies behind."""
    names = [name for name, _ in config.attributes]
    values = dict(config.attributes)[BACKGROUND]
    unknown = [name for name in values if name not in BACKGROUNDS]
    if unknown:
        raise DataError(f"there is no background '{unknown[0]}'; expected {', '.join(BACKGROUNDS)}")
    backgrounds = torch.tensor([colours(BACKGROUNDS[name]) for name in values], dtype=torch.uint8)
    image = backgrounds[labels[:, names.index(BACKGROUND)]][:, :, None, None].expand(-1, -1, SIDE, SIDE)
    for part in PARTS:
        images, covers = parts[part]
        chosen = labels[:, names.index(part)]
        image = torch.where(covers[chosen], images[chosen], image)
    return image.float() / 127.5 - 1


def load(split: str, config: ModelConfig, folder: Path) -> tuple[Tensor, Tensor]:
    """One split, ``train`` or ``test``: avatars (B, 3, 32, 32) float in [-1, 1], labels (B, A) int64, at random."""
    if (config.image_size, config.image_channels) != (SIDE, 3):
        raise DataError(f"model {config.name} takes images of {config.image_channels} channels and side "
                        f"{config.image_size}; avatars have 3 and {SIDE}")
    if set(dict(config.attributes)) != {BACKGROUND, *PARTS}:
        raise DataError(f"model {config.name} has attributes {', '.join(dict(config.attributes)) or 'none'}; "
                        f"avatars have {', '.join((BACKGROUND, *PARTS))}")
    generator = torch.Generator().manual_seed(SEEDS[split])
    labels = torch.stack([torch.randint(len(names), (COUNTS[split],), generator=generator)
                          for names in config.label_sets], dim=1)
    return compose(labels, read_parts(folder, config), config), labels
