"""Quantisation-aware training of a trained float model: ``python -m golden.quantise.finetune --model tiny``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from golden.model import checkpoint, train, zoo
from golden.model.train import Schedule, fit, main, validation_loss
from golden.quantise import source
from golden.quantise.quantised import QuantisedTransformer, stored

DEFAULTS = {"tiny": Schedule(minutes=3, batch=128, rate=1e-3), "fashion": Schedule(minutes=25, batch=64, rate=7e-4),
            "sparse": Schedule(minutes=26, batch=64, rate=1e-3, zeros=0.68),
            "avatars": Schedule(minutes=25, batch=64, rate=7e-4), "cifar": Schedule(minutes=25, batch=64, rate=7e-4)}


def start(options: argparse.Namespace) -> tuple[checkpoint.Checkpoint, Path]:
    """The checkpoint to begin with, float or already calibrated, and the file to write."""
    if options.checkpoint:
        found = source.load(options.checkpoint, checkpoint.KINDS)
        output = options.output or options.checkpoint.with_name("quantised.safetensors")
        return found, source.not_itself(output, options.checkpoint)
    config = zoo.config(options.model)
    path = zoo.checkpoint_path(config.name, "float", options.weights)
    found = checkpoint.load(path)
    if found.config != config or found.kind != "float":
        raise checkpoint.CheckpointError(f"the float checkpoint of {config.name} holds {found.kind} {found.config}; "
                                         f"expected float {config}")
    return found, source.not_itself(options.output or path.with_name("quantised.safetensors"), path)


def beginning(options: argparse.Namespace, found: checkpoint.Checkpoint,
              images: tuple[Tensor, Tensor]) -> QuantisedTransformer:
    """The model before fine-tuning: a quantised checkpoint's, or a float one's calibrated on ``images``."""
    groups = source.eight_bit(options, found)
    if found.kind == "float":
        return source.calibrated(found, *images, groups=groups)
    if groups:
        raise checkpoint.CheckpointError(f"--eight-bit is {options.eight_bit} beside a quantised checkpoint, which "
                                         "has its own; expected a float checkpoint with it")
    model = QuantisedTransformer(found.config, found.eight_bit)
    model.load_state_dict(found.tensors)
    return model


def run(options: argparse.Namespace) -> None:
    """Fine-tune one model and write its quantised checkpoint."""
    source.prepare(options)
    found, path = start(options)
    history = found.record if found.kind == "float" else found.record.get("float", {})
    schedule = train.chosen(options, DEFAULTS, found.config.name)
    torch.manual_seed(schedule.seed)
    schedule = replace(schedule, zeros_weight=history.get("penalty_weight", schedule.zeros_weight))
    pictures = source.pictures(options, found)
    model = beginning(options, found, source.first(pictures.train, source.CALIBRATION_IMAGES))
    probe = QuantisedTransformer(found.config, model.eight_bit).eval()
    calibrated_loss = round(validation_loss(model, *pictures.test), 5)
    print(f"validation loss: float {history.get('validation_loss', 'not recorded')}, before {calibrated_loss}")

    def save(tensors: dict[str, Tensor], record: dict) -> None:
        probe.load_state_dict(stored(tensors))
        record |= {"validation_loss": round(validation_loss(probe, *pictures.test), 5),
                   "calibrated_loss": calibrated_loss, "float": history}
        made = source.quantised_checkpoint(probe, source.first(pictures.test, source.CALIBRATION_IMAGES), record)
        checkpoint.save(path, made)
        tqdm.write(f"{path}: {made.residual_fraction_bits} fraction bits, {made.record}", file=sys.stderr)

    fit(model, pictures, schedule, save)
    print(f"wrote {path}")


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Options of the command."""
    train.add_arguments(parser, DEFAULTS)
    source.add_checkpoint(parser)
    source.add_eight_bit(parser)
    parser.add_argument("--output", type=Path, help="file to write (default: quantised.safetensors beside the source)")
    return parser


if __name__ == "__main__":
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    sys.exit(main(run, add_arguments(command).parse_args()))
