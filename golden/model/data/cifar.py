"""CIFAR-10: the standard binary files, or JPEG files in a folder for each class."""

from __future__ import annotations

from pathlib import Path

import numpy
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from golden.model.data.errors import DataError
from golden.spec.model import ModelConfig

SIDE = 32
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BINARIES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
RECORD = 1 + 3 * SIDE * SIDE     # a label, then the red, green and blue planes


def read_binary(path: Path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """One batch of the binary version: images (n, 3, 32, 32) uint8, labels (n,)."""
    raw = numpy.fromfile(path, numpy.uint8)
    if not raw.size or raw.size % RECORD:
        raise DataError(f"{path} holds {raw.size} bytes; expected a multiple of {RECORD}, CIFAR-10's binary version")
    records = raw.reshape(-1, RECORD)
    if records[:, 0].max() >= len(CLASSES):
        raise DataError(f"{path} holds label {records[:, 0].max()}; expected 0 to {len(CLASSES) - 1}, as in CIFAR-10")
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE), records[:, 0]


def read_jpeg(path: Path) -> numpy.ndarray:
    """One image, (3, 32, 32) uint8."""
    try:
        with Image.open(path) as picture:
            pixels = numpy.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path} could not be read as an image ({error}); copy the data set again") from error
    if pixels.shape != (SIDE, SIDE, 3):
        raise DataError(f"{path} is of {pixels.shape[1]} by {pixels.shape[0]} pixels; expected {SIDE} by {SIDE}")
    return pixels.transpose(2, 0, 1)


def read_folders(folder: Path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Every image of a folder for each class: images (n, 3, 32, 32) uint8, labels (n,)."""
    files = [(path, label) for label, name in enumerate(CLASSES)
             for path in sorted((folder / name).glob("*.[jp][pn]g"))]
    if not files:
        raise DataError(f"{folder} holds neither {BINARIES['test'][0]} and the like nor folders {', '.join(CLASSES)} "
                        "of JPEG files; name the data set's folder with --data")
    return (numpy.stack([read_jpeg(path) for path, _ in files]), numpy.array([label for _, label in files]))


def load(split: str, config: ModelConfig, folder: Path) -> tuple[Tensor, Tensor]:
    """One split, ``train`` or ``test``: images (B, 3, 32, 32) float in [-1, 1], labels (B, 1) int64."""
    if (config.image_size, config.image_channels, config.labels) != (SIDE, 3, CLASSES):
        raise DataError(f"model {config.name} takes images of {config.image_channels} channels, side "
                        f"{config.image_size} and classes {', '.join(config.labels) or 'none'}; "
                        f"CIFAR-10 has 3, {SIDE} and {', '.join(CLASSES)}")
    paths = [folder / name for name in BINARIES[split]]
    if all(path.exists() for path in paths):
        images, labels = (numpy.concatenate(each) for each in zip(*map(read_binary, paths), strict=True))
    else:
        images, labels = read_folders(folder / split)
    return torch.from_numpy(images).float() / 127.5 - 1, torch.from_numpy(labels.astype(numpy.int64))[:, None]
