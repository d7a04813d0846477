"""Quantisation-aware training of a trained float model: ``python -m golden.quantise.finetune --model tiny``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import torch
from torch import Tensor
from tqdm import tqdm

from golden.model import checkpoint, data, zoo
from golden.model.train import Schedule, arguments, chosen, fit, main, validation_loss
from golden.quantise.calibrate import calibrate, residual_fraction_bits
from golden.quantise.quantised import QuantisedTransformer, stored

DEFAULTS = {"tiny": Schedule(minutes=3, batch=128, rate=1e-3), "fashion": Schedule(minutes=25, batch=64, rate=7e-4),
            "sparse": Schedule(minutes=26, batch=64, rate=1e-3, zeros=0.68),
            "avatars": Schedule(minutes=25, batch=64, rate=7e-4), "cifar": Schedule(minutes=25, batch=64, rate=7e-4)}
CALIBRATION_IMAGES = 256


def quantised_from(source: checkpoint.Checkpoint, images: Tensor, labels: Tensor) -> QuantisedTransformer:
    """A calibrated quantised model of a float checkpoint, not yet fine-tuned."""
    model = QuantisedTransformer(source.config)
    model.load_state_dict(source.tensors, strict=False)
    calibrate(model, images[:CALIBRATION_IMAGES], labels[:CALIBRATION_IMAGES])
    return model


def run(options: argparse.Namespace) -> None:
    """Fine-tune one model and write its quantised checkpoint."""
    config, schedule = zoo.config(options.model), chosen(options, DEFAULTS)
    torch.set_num_threads(options.threads)
    torch.manual_seed(schedule.seed)
    source = checkpoint.load(zoo.checkpoint_path(config.name, "float", options.weights))
    if source.config != config or source.kind != "float":
        raise checkpoint.CheckpointError(f"the float checkpoint of {config.name} holds {source.kind} {source.config}; "
                                         f"expected float {config}")
    schedule = replace(schedule, zeros_weight=source.record.get("penalty_weight", schedule.zeros_weight))
    pictures = data.load(zoo.data_set(config.name), config, options.data)
    model, probe = quantised_from(source, *pictures.train), QuantisedTransformer(config).eval()
    calibrated_loss = round(validation_loss(model, *pictures.test), 5)
    print(f"validation loss: float {source.record.get('validation_loss')}, calibrated only {calibrated_loss}")
    path = options.weights / config.name / "quantised.safetensors"

    def save(tensors: dict[str, Tensor], record: dict) -> None:
        tensors = stored(tensors)
        probe.load_state_dict(tensors)
        bits, peak = residual_fraction_bits(probe, *(part[:CALIBRATION_IMAGES] for part in pictures.test))
        record |= {"validation_loss": round(validation_loss(probe, *pictures.test), 5),
                   "calibrated_loss": calibrated_loss, "residual_peak": round(peak, 3), "float": source.record}
        checkpoint.save(path, checkpoint.Checkpoint(config=config, kind="quantised", tensors=tensors,
                                                    residual_fraction_bits=bits, record=record))
        tqdm.write(f"{path}: {bits} fraction bits, {record}", file=sys.stderr)

    fit(model, pictures, schedule, save)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main(run, arguments(__doc__, DEFAULTS).parse_args()))
