"""Quality of a trained model, float and quantised: ``python -m golden.quantise.evaluate --model tiny``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from golden.model import checkpoint, data, judge, sampler, zoo
from golden.model.labels import in_turn
from golden.model.train import main, validation_loss
from golden.model.transformer import Transformer
from golden.quantise.quantised import load_quantised

NOISE_SEED = 7


def draw(model: Transformer, count: int, *, steps: int, guidance: float, batch: int = 50) -> tuple[Tensor, Tensor]:
    """``count`` images from fixed noise, labels in turn: (count, C, H, H) clamped to [-1, 1], (count, A)."""
    config = model.config
    generator = torch.Generator().manual_seed(NOISE_SEED)
    noise = torch.randn(count, config.image_channels, config.image_size, config.image_size, generator=generator)
    labels = in_turn(config, count)
    drawn = [sampler.euler(model, part, label, no_label=config.no_label, steps=steps, guidance=guidance)[-1]
             for part, label in zip(tqdm(noise.split(batch), unit="batch"), labels.split(batch), strict=True)]
    return torch.cat(drawn).clamp(-1, 1), labels


def run(options: argparse.Namespace) -> None:
    """Print the figures as JSON."""
    config = zoo.config(options.model)
    torch.set_num_threads(options.threads)
    models = {kind: load(zoo.checkpoint_path(config.name, kind, options.weights))
              for kind, load in (("float", checkpoint.load_float), ("quantised", load_quantised))}
    models["quantised"].fix_gain(sampler.times(options.steps)[:-1])
    (images, labels), (test_images, test_labels), _ = data.load(zoo.data_set(config.name), config, options.data)
    examiner = judge.train_judge(images, labels)
    real = judge.moments(examiner, test_images)
    figures = {"steps": options.steps, "guidance": options.guidance, "images": options.images,
               "judge_test_accuracy": judge.accuracy(examiner, test_images, test_labels),
               "train_frechet": judge.frechet(judge.moments(examiner, images[:options.images]), real)}
    for kind, model in models.items():
        drawn, wanted = draw(model, options.images, steps=options.steps, guidance=options.guidance)
        figures[kind] = {"validation_loss": validation_loss(model, test_images, test_labels),
                         "label_accuracy": judge.accuracy(examiner, drawn, wanted),
                         "frechet": judge.frechet(judge.moments(examiner, drawn), real)}
    print(json.dumps(figures, indent=2))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", default="tiny", help=f"one of {', '.join(zoo.names())}")
    parser.add_argument("--data", type=Path, help="folder of the data set")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of <model>/*.safetensors")
    parser.add_argument("--images", type=int, default=1000, help="images to draw with each model")
    parser.add_argument("--steps", type=int, default=16, help="Euler steps")
    parser.add_argument("--guidance", type=float, default=2.0, help="classifier-free guidance; 1 is none")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    return parser


if __name__ == "__main__":
    sys.exit(main(run, arguments().parse_args()))
