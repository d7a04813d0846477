"""Judges of drawn images: one classifier for each data set, whose features serve the Fréchet distance.

``python -m golden.model.judge --set cifar`` trains one and writes ``weights/judges/cifar.safetensors``. A judge is read
from there and never trained on the way, so that every figure of a data set comes from the same eyes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from golden.model import data, zoo
from golden.model.checkpoint import CheckpointError

FORMAT = "halftone-judge-1"
FEATURES = 128           # numbers before the logits
WIDTHS = (32, 48, 96)    # channels at the whole, half and quarter side
POOLED = 2               # side of the map that the features see
BATCH = 250              # images judged at a time
LabelSets = tuple[tuple[str, ...], ...]


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
                         nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """x + f(x) with one convolution; keeps the shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Judge(nn.Module):
    """Images (B, C, h, h) in [-1, 1] to logits by way of ``features`` (B, 128).

    Smaller images are enlarged to the side H of the training images, each pixel to a square. The logits of all A labels
    lie side by side, (B, sum of the sets' sizes).
    """

    def __init__(self, image_channels: int, image_size: int, label_sets: LabelSets):
        super().__init__()
        whole, half, quarter = WIDTHS
        self.image_channels, self.image_size, self.label_sets = image_channels, image_size, label_sets
        self.features = nn.Sequential(
            convolution(image_channels, whole),
            convolution(whole, half, stride=2), Residual(half),
            convolution(half, quarter, stride=2), Residual(quarter), Residual(quarter),
            nn.AdaptiveAvgPool2d(POOLED), nn.Flatten(), nn.Linear(quarter * POOLED**2, FEATURES), nn.ReLU())
        self.logits = nn.Linear(FEATURES, sum(map(len, label_sets)))

    def enlarged(self, images: Tensor) -> Tensor:
        """Images of the training images' side."""
        channels, side = images.shape[1], images.shape[-1]
        if channels != self.image_channels or self.image_size % side:
            raise ValueError(f"the judge takes images of {self.image_channels} channels and side {self.image_size} or "
                             f"a divisor of it; found {channels} and {side}")
        return images.repeat_interleave(self.image_size // side, 2).repeat_interleave(self.image_size // side, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(self.enlarged(images)))

    def split(self, logits: Tensor) -> tuple[Tensor, ...]:
        """The logits of each of the A labels, (B, size of its set)."""
        return logits.split([len(names) for names in self.label_sets], dim=1)

    @torch.no_grad()
    def judged(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 128) float64 and the most likely labels (B, A) of images (B, C, h, h)."""
        features = torch.cat([self.features(self.enlarged(part)) for part in images.split(BATCH)])
        labels = torch.stack([part.argmax(1) for part in self.split(self.logits(features))], dim=1)
        return features.double(), labels


def accuracy(judge: Judge, images: Tensor, labels: Tensor) -> tuple[float, ...]:
    """Share of images (B, C, h, h) that the judge takes for their label, for each of the A labels (B, A)."""
    return tuple((judge.judged(images)[1] == labels).double().mean(0).tolist())


@dataclass(frozen=True, kw_only=True)
class StoredJudge:
    """A judge as its file holds it."""

    judge: Judge
    set: str
    accuracy: tuple[float, ...]    # of each label, on the data set's test images
    record: dict                   # how it was trained


def judge_path(name: str, weights: Path = zoo.WEIGHTS) -> Path:
    """Where the judge of a data set lies."""
    return weights / "judges" / f"{name}.safetensors"


def stored_tensors(judge: Judge) -> dict[str, Tensor]:
    """The state with weights in half precision, which halves the file and changes no label of note."""
    kept = {name: tensor for name, tensor in judge.state_dict().items() if not name.endswith("num_batches_tracked")}
    return {name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous() for name, tensor in kept.items()}


def save(path: Path, stored: StoredJudge) -> None:
    """Write a judge whole or not at all."""
    judge = stored.judge
    header = {"format": FORMAT, "set": stored.set, "image_channels": judge.image_channels,
              "image_size": judge.image_size, "label_sets": judge.label_sets, "accuracy": stored.accuracy,
              "record": stored.record}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(stored_tensors(judge), partial, metadata={"halftone": json.dumps(header, sort_keys=True)})
    partial.chmod(0o644)             # safetensors makes files for their owner alone
    partial.replace(path)


def load(name: str, weights: Path = zoo.WEIGHTS) -> StoredJudge:
    """The judge of a data set, ready to judge; raises ``DataError`` or ``CheckpointError``."""
    if name not in data.SETS:
        raise data.DataError(f"there is no data set '{name}'; expected one of {', '.join(data.SETS)}")
    path = judge_path(name, weights)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} could not be read as safetensors: {error}; "
                              f"train it with python -m golden.model.judge --set {name}") from error
    try:
        header = json.loads(metadata["halftone"])
        found, kind = header["set"], header["format"]
        judge = Judge(header["image_channels"], header["image_size"], tuple(map(tuple, header["label_sets"])))
        stored = StoredJudge(judge=judge, set=found, accuracy=tuple(header["accuracy"]), record=header["record"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} carries no usable judge metadata ({error}); expected format {FORMAT}") from error
    if kind != FORMAT or found != name:
        raise CheckpointError(f"{path} is of format {kind!r} and set {found!r}; expected {FORMAT!r} and {name!r}")
    check(judge, tensors, path)
    judge.load_state_dict(tensors, strict=False)       # all but the counts of batches, which nothing uses
    judge.eval().requires_grad_(False)
    return stored


def check(judge: Judge, tensors: dict[str, Tensor], path: Path) -> None:
    """Names, shapes and finite values; the first fault raises ``CheckpointError``."""
    expected = {name: tuple(tensor.shape) for name, tensor in stored_tensors(judge).items()}
    for name in sorted(expected.keys() ^ tensors.keys()):
        raise CheckpointError(f"{path}: tensor {name} is {'missing' if name in expected else 'unknown'}; "
                              f"expected the {len(expected)} tensors of a judge")
    for name, shape in expected.items():
        if tuple(tensors[name].shape) != shape:
            raise CheckpointError(f"{path}: tensor {name} has shape {tuple(tensors[name].shape)}; expected {shape}")
        if not bool(torch.isfinite(tensors[name]).all()):
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinite values; expected finite numbers")


def loss(judge: Judge, logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Mean over the A labels (B, A) of the cross entropy."""
    parts = [functional.cross_entropy(part, labels[:, index], label_smoothing=smoothing)
             for index, part in enumerate(judge.split(logits))]
    return torch.stack(parts).mean()


def arguments() -> argparse.ArgumentParser:
    """Options of the training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--set", required=True, help=f"data set, one of {', '.join(data.SETS)}")
    parser.add_argument("--data", type=Path, help="folder of the data set")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder that receives judges/<set>")
    parser.add_argument("--epochs", type=float, help="passes over the training images (default: the set's recipe)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser


if __name__ == "__main__":
    from golden.model.judge_training import run
    from golden.model.train import main

    sys.exit(main(run, arguments().parse_args()))
