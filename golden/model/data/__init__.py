"""Data sets by name: pictures in [-1, 1] and their labels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from golden.model.data import avatars, cifar, garments
from golden.model.data.errors import DataError

__all__ = ["SETS", "DataError", "DataSet", "Pictures", "load"]

DOWNLOADS = Path("build/data")


class DataSet(NamedTuple):
    """Where a set lies unless told otherwise, how it is read, and whether its mirror images are as good."""

    folder: Path
    read: object
    mirrored: bool = False


class Pictures(NamedTuple):
    """Both splits: images (B, C, H, H) float in [-1, 1], labels (B, A) int64."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    mirrored: bool


SETS = {"garments": DataSet(garments.DEFAULT_FOLDER, garments.load),
        "avatars": DataSet(DOWNLOADS / "avatars", avatars.load),
        "cifar": DataSet(DOWNLOADS / "cifar", cifar.load, mirrored=True)}


def load(name: str, config: object, folder: Path | None = None) -> Pictures:
    """A data set as a model takes it; raises ``DataError`` for what is missing or does not suit the model."""
    if name not in SETS:
        raise DataError(f"there is no data set '{name}'; expected one of {', '.join(SETS)}")
    found = SETS[name]
    train, test = (found.read(split, config, folder or found.folder) for split in ("train", "test"))
    return Pictures(train, test, found.mirrored)
