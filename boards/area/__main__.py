"""The area model of ECP5: fit it to synthesis, or ask it.

    python -m boards.area fit
    python -m boards.area errors
    python -m boards.area show --config configs/small.toml

``fit`` synthesises every configuration of boards/area/points.py (out of context, no place and route), each distinct
module once: what is in build/area already is not mapped again. It writes boards/area/ecp5.json and prints the errors.
``errors`` prints them again, and says whether the hardware is still what it was then.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from boards.area import points
from boards.area.fit import Point, errors, fit, largest, leave_one_out
from boards.area.measure import Measured, measure
from boards.area.model import FITTED_FILE, load
from boards.area.modules import Library
from boards.area.origin import compared, origin, versions
from boards.report import load as load_config
from boards.synthesis import KINDS, SynthesisError
from golden.spec.hardware import HardwareConfig
from golden.spec.validation import ConfigError

SCRATCH = Path("build/area")
NAMES = {"LUT4": "look-up table sites", "TRELLIS_FF": "flip-flops", "DP16KD": "block RAM", "MULT18X18D": "DSP"}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m boards.area", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(required=True, metavar="fit|errors|show")
    fitting = commands.add_parser("fit",
                                    help="synthesise, fit, and write the model; 15 minutes of a core at first")
    fitting.add_argument("--width", type=int, action="append", choices=points.WIDTHS,
                         help="only cores of this width; repeat for more (default: all)")
    fitting.add_argument("--known", action="store_true",
                         help="synthesise nothing: fit to the cores that are in --scratch already")
    fitting.add_argument("--scratch", type=Path, default=SCRATCH, help="cells of modules (default: %(default)s)")
    fitting.add_argument("--output", type=Path, default=FITTED_FILE, help="default: boards/area/ecp5.json")
    fitting.set_defaults(run=run_fit)
    checking = commands.add_parser("errors", help="print the errors of the fit in boards/area/ecp5.json, and whether "
                                   "it is of today's hardware")
    checking.set_defaults(run=run_errors)
    showing = commands.add_parser("show", help="cells of a configuration by the model, as JSON")
    showing.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    showing.set_defaults(run=run_show)
    return made


def run_fit(options: argparse.Namespace) -> None:
    """Synthesise, fit, write, and print the errors."""
    widths = options.width or points.WIDTHS
    library = Library(options.scratch)
    measured = [measure(config, library, announce, role, options.known) for role, configs in points.BY_ROLE.items()
                for config in configs if config.width in widths]
    content = fitted_content([one for one in measured if one]) | {"versions": versions(), "origin": origin()}
    partial = options.output.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(options.output)
    print(f"{table(content)}\n\n{options.output}")


def run_errors(_: argparse.Namespace) -> None:
    """Print the errors, and whether the fit still belongs to the hardware."""
    content = json.loads(FITTED_FILE.read_text(encoding="utf-8"))
    print(f"{table(content)}\n\n{compared(content, origin(), versions())}")


def announce(text: str) -> None:
    """Say what is going on."""
    print(text, file=sys.stderr, flush=True)


def as_point(measured: Measured) -> Point:
    """A measured core as the fit takes it."""
    return HardwareConfig(**measured["config"]), measured["parts"]


def fitted_content(measured: list[Measured]) -> dict:
    """The file: coefficients, ranges, errors, and what was measured."""
    fitted = [as_point(one) for one in measured if one["role"] != points.NEVER_FITTED]
    held_out = [as_point(one) for one in measured if one["role"] == points.NEVER_FITTED]
    model = fit(fitted)
    return {"coefficients": model.coefficients, "ranges": model.ranges,
            "held_out": {point[0].name: errors(model, point) for point in held_out},
            "leave_one_out": leave_one_out(fitted), "measured": {one["config"]["name"]: one for one in measured}}


def table(content: dict) -> str:
    """Errors on cores that were not fitted, in Markdown."""
    lines = ["| core | of | " + " | ".join(NAMES.values()) + " |", "|" + " --- |" * (2 + len(NAMES))]
    for kind in ("held_out", "leave_one_out"):
        found, title = content[kind], kind.replace("_", " ")
        if not found:       # too few cores for it
            continue
        for name, row in found.items():
            lines.append(f"| {name} | {title} | " + " | ".join(cell(row[resource]) for resource in NAMES) + " |")
        lines.append(f"| **largest error** | {title} | "
                     + " | ".join(f"**{largest(found, resource):.1%}**" for resource in NAMES) + " |")
    return "\n".join(lines)


def cell(row: dict) -> str:
    """Synthesised, and the prediction's error."""
    return f"{row['synthesised']:,} ({row['error']:+.1%})"


def run_show(options: argparse.Namespace) -> None:
    """Print what the model says."""
    model, config = load(), load_config(options.config)
    used = model.cells(config)
    print(json.dumps({"cells": {kind: used[kind] for kind in KINDS}, "needs": model.needs(config)}, indent=1))


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (ConfigError, SynthesisError, ValueError, OSError) as error:
        print(f"boards.area: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
