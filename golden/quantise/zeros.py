"""Zeros among the left operands of a trained model's integers: ``python -m golden.quantise.zeros --model sparse``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from golden.integer.evaluate import sample
from golden.integer.plan import euler_plan
from golden.integer.workload import ZeroShares
from golden.model import checkpoint, sampler, zoo
from golden.model.labels import in_turn, none
from golden.model.train import main
from golden.quantise.to_integers import to_integers


def count(source: checkpoint.Checkpoint, images: int, steps: int, guidance: float) -> ZeroShares:
    """Zeros of so many drawings, labels in turn, every step, both contexts."""
    moments = sampler.times(steps)
    labels = torch.cat([in_turn(source.config, images), none(source.config, 1)])
    model, tables = to_integers(source, moments[:-1], labels)
    plan = euler_plan(moments, guidance, source.residual_fraction_bits)
    shares = ZeroShares(source.config, model.eight_bit)
    with tqdm(total=images * steps, unit="step") as bar:
        for seed in range(images):
            guided = tables[seed]
            for step in sample(model, (guided,) if guidance == 1.0 else (tables[-1], guided), plan, seed):
                shares.add(step)
                bar.update(bool(step.number))
    return shares


def run(options: argparse.Namespace) -> None:
    """Print the shares as JSON."""
    source = checkpoint.load(zoo.checkpoint_path(options.model, "quantised", options.weights))
    shares = count(source, options.images, options.steps, options.guidance)
    print(json.dumps({"images": options.images, "steps": options.steps, "guidance": options.guidance,
                      "by_layer": {name: round(share, 4) for name, share in shares.by_layer().items()},
                      "weighted": round(shares.mean(), 4)}, indent=2))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", default=zoo.DEFAULT, help="a trained model")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of <model>/quantised.safetensors")
    parser.add_argument("--images", type=int, default=4, help="images to draw, labels in turn")
    parser.add_argument("--steps", type=int, default=12, help="Euler steps")
    parser.add_argument("--guidance", type=float, default=2.0, help="classifier-free guidance; 1 is none")
    return parser


if __name__ == "__main__":
    sys.exit(main(run, arguments().parse_args()))
