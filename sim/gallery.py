"""Draw every class with the integer reference, which is bit for bit the RTL, and write one contact sheet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from golden.compile.compiler import Compiled, compile_checkpoint
from golden.integer.evaluate import sample
from golden.model import zoo
from golden.model.checkpoint import load
from golden.model.labels import NO_LABEL, describe, in_turn
from golden.spec.hardware import load_hardware
from golden.spec.model import ModelConfig
from sim.draw import BAD_INPUT, BAD_INPUTS
from sim.picture import contact_sheet
from sim.reference import PIXEL_ONE
from sim.verilator import BUILD, REPOSITORY

ROWS = 10
"""Random descriptions of a model with attributes."""


def last_image(compiled: Compiled, label: str, seed: int) -> object:
    """The finished image, (C, H, H) int16."""
    *_, last = sample(compiled.model, compiled.contexts(label), compiled.plan, seed)
    return last.clean


def gallery(compiled: Compiled, seeds: range) -> dict[str, list]:
    """Images by prompt, one for each seed."""
    labels = [label for label in compiled.conditionings if label != NO_LABEL]
    with tqdm(total=len(labels) * len(seeds), unit="image") as bar:
        rows: dict[str, list] = {}
        for label in labels:
            rows[label] = []
            for seed in seeds:
                rows[label].append(last_image(compiled, label, seed))
                bar.update()
    return rows


def usual_prompts(config: ModelConfig) -> list[str]:
    """Every class, or some attributes at random."""
    labels = in_turn(config, ROWS if config.attributes else len(config.labels))
    return [describe(config, tuple(row)) for row in labels.tolist()]


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.gallery", description=__doc__)
    parser.add_argument("--model", default=zoo.DEFAULT, help="a trained model (default: %(default)s)")
    parser.add_argument("--count", type=int, default=4, help="images of each class (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=12, help="denoising steps (default: %(default)s)")
    parser.add_argument("--guidance", type=float, default=2.0, help="strength of the class (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="PNG (default: build/gallery/<model>.png)")
    parser.add_argument("--prompt", action="append", help="a row's (again for each row; default: every class)")
    parser.add_argument("--config", type=Path, default=REPOSITORY / "configs" / "default.toml",
                        help="TOML file of the hardware")
    options = parser.parse_args(arguments)
    try:
        checkpoint = load(zoo.checkpoint_path(options.model))
        prompts = options.prompt or usual_prompts(checkpoint.config)
        compiled = compile_checkpoint(checkpoint, load_hardware(options.config), steps=options.steps,
                                      guidance=options.guidance, prompts=prompts)
        seeds = range(options.seed, options.seed + options.count)
        rows = gallery(compiled, seeds)
        output = options.output or BUILD / "gallery" / f"{options.model}.png"
        output.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(output, rows, [f"seed {seed}" for seed in seeds], -PIXEL_ONE, PIXEL_ONE)
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
