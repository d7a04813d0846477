"""Quantise a float model, and see what it costs.

    python -m golden.quantise calibrate --model tiny --output build/tiny.safetensors
    python -m golden.quantise sensitivity --checkpoint my/float.safetensors --set garments
    python -m golden.quantise finetune --checkpoint build/tiny.safetensors --minutes 3
    python -m golden.quantise report --checkpoint my/quantised.safetensors --float my/float.safetensors

``python -m golden.compile precision`` chooses what to hold in 8 bits under a budget of cycles.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from golden.model import checkpoint
from golden.model.train import main, validation_loss
from golden.quantise import finetune, report, sensitivity, source


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults in the options' help, the examples as they stand."""


def calibrate(options: argparse.Namespace) -> None:
    """Write a quantised checkpoint without training."""
    source.prepare(options)
    how = source.clipping(options)
    path = source.source_path(options)
    output = source.not_itself(options.output, path)
    found = source.load(path, ("float",))
    groups = source.eight_bit(options, found)
    pictures = source.pictures(options, found)
    model = source.calibrated(found, *source.first(pictures.train, options.images), how, groups)
    before, after = (round(validation_loss(each, *pictures.test), 5) for each in (source.float_model(found), model))
    record = {"calibrated_loss": after, "clip": how.method, "images": options.images, "float": found.record}
    made = source.quantised_checkpoint(model, source.first(pictures.test, options.images), record)
    checkpoint.save(output, made)
    print(f"validation loss: float {before}, calibrated {after}; {made.residual_fraction_bits} fraction bits of the "
          f"residual stream; 8-bit: {', '.join(('convolution', *groups, 'decoder'))}")
    print(f"wrote {output}")


def calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``calibrate``."""
    source.add_source(parser)
    source.add_clipping(parser)
    source.add_eight_bit(parser)
    parser.add_argument("--output", type=Path, required=True, help="quantised checkpoint to write")


COMMANDS = {"calibrate": (calibrate, calibrate_arguments, "quantise without training"),
            "finetune": (finetune.run, finetune.add_arguments, "train with every quantiser in place"),
            "sensitivity": (sensitivity.run, sensitivity.add_arguments, "damage of each part at 4 and at 8 bits"),
            "report": (report.run, report.add_arguments, "damage by layer of a quantised checkpoint")}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m golden.quantise", description=__doc__, formatter_class=Formatter)
    commands = made.add_subparsers(required=True, metavar="|".join(COMMANDS))
    for name, (entry, add_arguments, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, formatter_class=Formatter)
        add_arguments(command)
        command.set_defaults(run=entry)
    return made


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(arguments)
    return main(options.run, options)


if __name__ == "__main__":
    sys.exit(run())
