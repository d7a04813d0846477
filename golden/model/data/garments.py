"""Fashion-MNIST from its idx files, as images in [-1, 1]."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from golden.model.data.errors import DataError
from golden.spec.model import ModelConfig

DEFAULT_FOLDER = Path("/usr/share/datasets/fashion-mnist")    # Debian's package dataset-fashion-mnist
FILES = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> numpy.ndarray:
    """An idx file of bytes, gzipped: two zero bytes, type 8, the number of axes, their sizes, the data."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{path} could not be read ({error}); install Debian's dataset-fashion-mnist "
                        "or name the folder of its idx files with --data") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise DataError(f"{path} does not start as an idx file of bytes; expected 00 00 08")
    axes = raw[3]
    shape = struct.unpack_from(f">{axes}I", raw, 4) if len(raw) >= 4 + 4 * axes else ()
    body = numpy.frombuffer(raw, numpy.uint8, offset=min(len(raw), 4 + 4 * axes))
    if not shape or body.size != numpy.prod(shape, dtype=numpy.int64):
        raise DataError(f"{path} holds {body.size} bytes of data; its header says shape {shape}")
    return body.reshape(shape)


def fit_image(images: Tensor, size: int) -> Tensor:
    """28x28 bytes (B, 28, 28) to (B, 1, size, size) in [-1, 1]: pooled to at most ``size``, then padded black."""
    images = images[:, None].float() / 127.5 - 1
    if size < 28:
        images = functional.avg_pool2d(images, 2)
    room = size - images.shape[-1]
    if room < 0:
        raise DataError(f"image_size is {size}; expected at least 14")
    before, after = room // 2, room - room // 2
    return functional.pad(images, (before, after, before, after), value=-1.0)


def load(split: str, config: ModelConfig, folder: Path) -> tuple[Tensor, Tensor]:
    """One split, ``train`` or ``test``: images (B, 1, H, H) float in [-1, 1], labels (B, 1) int64."""
    images = read_idx(folder / f"{FILES[split]}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{FILES[split]}-labels-idx1-ubyte.gz")
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(f"{folder} holds images {images.shape} and labels {labels.shape}; expected one label an image")
    pictures = fit_image(torch.from_numpy(images.copy()), config.image_size)
    return pictures, torch.from_numpy(labels.astype(numpy.int64))[:, None]
