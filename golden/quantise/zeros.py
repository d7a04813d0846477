"""Zeros among the left operands of a trained model's integers: ``python -m golden.quantise.zeros --model sparse``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from golden.integer.workload import ZeroShares
from golden.model import checkpoint, zoo
from golden.model.labels import in_turn
from golden.model.train import main
from golden.quantise.draw import draw_labels


def count_steps(source: checkpoint.Checkpoint, images: int, steps: int, guidance: float,
                **options: object) -> list[ZeroShares]:
    """Zeros of each step of so many drawings, labels in turn, every context; ``options`` as of ``draw_many``."""
    drawn = draw_labels(source, in_turn(source.config, images), range(images), steps=steps, guidance=guidance,
                        count_zeros=True, **options)
    return list(drawn.zeros)


def total(source: checkpoint.Checkpoint, steps: list[ZeroShares]) -> ZeroShares:
    """The zeros of all steps."""
    shares = ZeroShares(source.config, source.eight_bit)
    for step in steps:
        shares.merge(step)
    return shares


def count(source: checkpoint.Checkpoint, images: int, steps: int, guidance: float, **options: object) -> ZeroShares:
    """Zeros of so many drawings over all steps; the rest as ``count_steps``."""
    return total(source, count_steps(source, images, steps, guidance, **options))


def rounded(shares: ZeroShares) -> dict[str, float]:
    """Shares by layer, to four places."""
    return {name: round(share, 4) for name, share in shares.by_layer().items()}


def run(options: argparse.Namespace) -> None:
    """Print the shares as JSON."""
    source = checkpoint.load(zoo.checkpoint_path(options.model, "quantised", options.weights))
    steps = count_steps(source, options.images, options.steps, options.guidance, workers=options.workers)
    shares = total(source, steps)
    figures = {"images": options.images, "steps": options.steps, "guidance": options.guidance,
               "by_layer": rounded(shares), "weighted": round(shares.mean(), 4)}
    if options.by_step:
        figures["by_step"] = [{**rounded(step), "weighted": round(step.mean(), 4)} for step in steps]
    print(json.dumps(figures, indent=2))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", default=zoo.DEFAULT, help="a trained model")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of <model>/quantised.safetensors")
    parser.add_argument("--images", type=int, default=4, help="images to draw, labels in turn")
    parser.add_argument("--steps", type=int, default=12, help="Euler steps")
    parser.add_argument("--guidance", type=float, default=2.0, help="classifier-free guidance; 1 is none")
    parser.add_argument("--by-step", action="store_true", help="the shares of every step, too")
    parser.add_argument("--workers", type=int, help="processes (default: 1, or 2 for many images)")
    return parser


if __name__ == "__main__":
    sys.exit(main(run, arguments().parse_args()))
