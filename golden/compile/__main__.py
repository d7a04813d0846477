"""Compile a trained model to a program image, check an image, or choose 4 or 8 bits for a model's layers.

    python -m golden.compile write --model tiny --steps 8 --output build/tiny.htn
    python -m golden.compile check build/tiny.htn
    python -m golden.compile precision --model tiny --budget 1.2 --output build/tiny.safetensors
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from golden.compile import precision
from golden.compile.calibrate import compile_calibrated
from golden.compile.layout import CompileError
from golden.compile.split_plan import MODES
from golden.integer.plan import DEFAULT
from golden.integer.samplers import SAMPLERS
from golden.model import data, zoo
from golden.model.checkpoint import CheckpointError, load
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.image import ImageError, read_image
from golden.spec.timing import estimate
from golden.spec.validation import ConfigError

BAD_INPUT = 2
BAD_INPUTS = (CheckpointError, CompileError, ConfigError, data.DataError, ImageError, OSError, zoo.UnknownModelError)


def hardware(path: Path | None) -> HardwareConfig:
    """The configuration of a file, or the default one."""
    return HardwareConfig() if path is None else load_hardware(path)


def write(options: argparse.Namespace) -> None:
    """Compile, and say what came out."""
    config = hardware(options.config)
    checkpoint = load(zoo.checkpoint_path(options.model, "quantised", options.weights))
    compiled = compile_calibrated(checkpoint, config, steps=options.steps, guidance=options.guidance,
                                  split=options.split, sampler=options.sampler, eta=options.eta,
                                  guidance_range=tuple(options.guidance_range), stop=options.stop)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    compiled.write(options.output)
    cycles = estimate(compiled.descriptors, config, compiled.plan.evaluations, compiled.plan.contexts).cycles
    print(f"{options.output}: {options.model} for {config.name}, {options.steps} steps, {len(compiled.descriptors)} "
          f"descriptors, {len(compiled.program):,} bytes of program, {cycles:,} cycles an image if nothing were zero")
    for name, need in compiled.layout.needs().items():
        print(f"  {name:12} {need:6} of {config.memory_shapes[name][0]} words")


def check(options: argparse.Namespace) -> None:
    """Read an image, verify every segment for the hardware, and show its manifest."""
    image = read_image(options.image, hardware(options.config))
    print(json.dumps(image.manifest, indent=1, sort_keys=True))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m golden.compile", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(required=True, metavar="write|check|precision")
    writing = commands.add_parser("write", help="compile a model to an .htn file")
    writing.add_argument("--model", default=zoo.DEFAULT, help="a trained model (default: %(default)s)")
    writing.add_argument("--steps", type=int, default=12, help="denoising steps (default: %(default)s)")
    writing.add_argument("--guidance", type=float, default=2.0, help="1 needs one context (default: %(default)s)")
    writing.add_argument("--split", choices=MODES, help="what dense lanes get (default: balanced where there are any)")
    writing.add_argument("--sampler", choices=SAMPLERS, default=DEFAULT, help="default: %(default)s")
    writing.add_argument("--eta", type=float, default=1.0, help="strength of maruyama's noise (default: %(default)s)")
    writing.add_argument("--guidance-range", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"),
                         help="times from 0, the noise, to 1 between which steps are guided (default: 0 1)")
    writing.add_argument("--stop", type=float, default=0.0, help="end when the predicted image, in [-1, 1], changes by "
                         "less on average (default: 0, never)")
    writing.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of the trained models")
    writing.add_argument("--output", type=Path, required=True, help="the .htn file to write")
    writing.set_defaults(run=write)
    checking = commands.add_parser("check", help="verify an .htn file and print its manifest")
    checking.add_argument("image", type=Path, help="an .htn file")
    checking.set_defaults(run=check)
    choosing = commands.add_parser("precision", help="choose the layers to hold in 8 bits under a budget of cycles",
                                   formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    precision.add_arguments(choosing)
    choosing.set_defaults(run=lambda options: precision.run(options, hardware(options.config)))
    for command in (writing, checking, choosing):
        command.add_argument("--config", type=Path, help="TOML file of the hardware (default: 16 x 16 multipliers)")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
