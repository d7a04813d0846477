"""What the commands of ``golden.quantise`` work on: a checkpoint and pictures, and what they write."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from golden.model import checkpoint, data, zoo
from golden.model.checkpoint import Checkpoint, CheckpointError
from golden.model.transformer import Transformer
from golden.quantise.calibrate import CLIPPINGS, Calibration, Clipping, residual_fraction_bits
from golden.quantise.quantised import QuantisedTransformer
from golden.spec.validation import ConfigError

CALIBRATION_IMAGES = 256
PERCENTILE = Clipping().percentile


def add_source(parser: argparse.ArgumentParser) -> None:
    """Options that name a model and its pictures."""
    parser.add_argument("--model", default="tiny", help="a trained model by name")
    add_checkpoint(parser)
    parser.add_argument("--data", type=Path, help="folder of the data set (default: see docs/own-model.md)")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of <model>/*.safetensors")
    parser.add_argument("--images", type=int, default=CALIBRATION_IMAGES, help="images to measure with")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Options for a checkpoint that has no name here."""
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint instead of a model's name")
    parser.add_argument("--set", help=f"data set, one of {', '.join(data.SETS)} (default: the model's own)")


def add_clipping(parser: argparse.ArgumentParser) -> None:
    """Options of a calibration."""
    parser.add_argument("--clip", choices=CLIPPINGS, default=CLIPPINGS[0],
                        help="cut values off at the least squared error, at a percentile, or not at all")
    parser.add_argument("--percentile", type=float,
                        help=f"share of the values kept with --clip percentile (default: {PERCENTILE})")


def add_eight_bit(parser: argparse.ArgumentParser) -> None:
    """The option that names 8-bit groups."""
    parser.add_argument("--eight-bit", default="", help="groups in 8 bits, as blocks.0.attention,blocks.2.hidden")


def clipping(options: argparse.Namespace) -> Clipping:
    """The clipping that was asked for; raises ``ConfigError`` for a bad percentile, or one without use."""
    if options.percentile is None:
        return Clipping(method=options.clip)
    if options.clip != "percentile":
        raise ConfigError(f"--percentile is {options.percentile} with --clip {options.clip}; "
                         "expected --clip percentile with it")
    return Clipping(method=options.clip, percentile=options.percentile)


def eight_bit(options: argparse.Namespace, source: Checkpoint) -> tuple[str, ...]:
    """The groups of ``--eight-bit``; raises ``CheckpointError`` for one that the model does not have."""
    names = [name.strip() for name in options.eight_bit.split(",") if name.strip()]
    return checkpoint.checked_groups(source.config, names, "--eight-bit")


def prepare(options: argparse.Namespace) -> None:
    """Take the threads; raises ``ConfigError`` unless ``--images`` and ``--threads`` are at least 1."""
    for name in ("images", "threads"):
        if getattr(options, name, 1) < 1:
            raise ConfigError(f"--{name} is {getattr(options, name)}; expected 1 or more")
    torch.set_num_threads(options.threads)


def load(path: Path, kinds: tuple[str, ...]) -> Checkpoint:
    """A checkpoint of one of these kinds; raises ``CheckpointError`` for another."""
    found = checkpoint.load(path)
    if found.kind not in kinds:
        raise CheckpointError(f"{path} is of kind {found.kind!r}; expected {' or '.join(map(repr, kinds))}")
    return found


def source_path(options: argparse.Namespace, kind: str = "float") -> Path:
    """The checkpoint that was named, or the model's of this kind."""
    return options.checkpoint or zoo.checkpoint_path(options.model, kind, options.weights)


def pictures(options: argparse.Namespace, source: Checkpoint) -> data.Pictures:
    """Both splits of the set that was named, or of the model's own.

    Raises ``DataError`` for a model without a set of its own, and for labels that it does not have.
    """
    name = source.config.name
    if options.set is None and name not in zoo.names():
        raise data.DataError(f"the checkpoint's model '{name}' has no data set of its own; "
                             f"name one with --set: {', '.join(data.SETS)}")
    found = data.load(options.set or zoo.data_set(name), source.config, options.data)
    counts = source.config.no_label
    for images, labels in (found.train, found.test):
        largest = tuple(labels.amax(0).tolist())
        if len(largest) != len(counts) or any(a > b for a, b in zip(largest, counts, strict=True)):
            raise data.DataError(f"the data set's labels go up to {largest}; those of model '{name}' to {counts}, "
                                 "which stands for none: name a suitable set with --set")
        if images.shape[1:] != (source.config.image_channels, *[source.config.image_size] * 2):
            raise data.DataError(f"the data set's images have the shape {tuple(images.shape[1:])}; "
                                 f"model '{name}' takes {source.config.image_channels} channels of "
                                 f"{source.config.image_size} x {source.config.image_size}: name a suitable set")
    return found


def first(split: tuple[Tensor, Tensor], count: int) -> tuple[Tensor, Tensor]:
    """The first images and labels of a split."""
    return split[0][:count], split[1][:count]


def float_model(source: Checkpoint) -> Transformer:
    """The float model of a checked float checkpoint."""
    model = Transformer(source.config)
    model.load_state_dict(source.tensors)
    return model.eval()


def unquantised(source: Checkpoint, groups: tuple[str, ...] = ()) -> QuantisedTransformer:
    """The model of a float checkpoint with quantisers, whose steps are still to be set."""
    model = QuantisedTransformer(source.config, groups)
    model.load_state_dict(source.tensors, strict=False)
    return model.eval()


def calibrated(source: Checkpoint, images: Tensor, labels: Tensor, how: Clipping | None = None,
               groups: tuple[str, ...] = ()) -> QuantisedTransformer:
    """A calibrated quantised model of a float checkpoint, not yet fine-tuned."""
    model = unquantised(source, groups)
    Calibration(model, images, labels, how).apply(model)
    return model


def quantised_checkpoint(model: QuantisedTransformer, split: tuple[Tensor, Tensor], record: dict) -> Checkpoint:
    """A model in evaluation as a checkpoint, with the residual stream's step from the images of ``split``."""
    bits, peak = residual_fraction_bits(model, *split)
    return Checkpoint(config=model.config, kind="quantised", tensors=model.tensors(), residual_fraction_bits=bits,
                      eight_bit=model.eight_bit, record=record | {"residual_peak": round(peak, 3)})


def not_itself(output: Path, source: Path) -> Path:
    """``output``; raises ``ConfigError`` where it would replace the checkpoint that is read."""
    if output.resolve() == source.resolve():
        raise ConfigError(f"{output} is the checkpoint to read; name another file with --output")
    return output


def write_json(path: Path, figures: dict) -> None:
    """Write a file of figures whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)
