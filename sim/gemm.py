"""Any matrix product through the RTL: sequencer, weight loader and array with their memories, compared bit by bit.

Left operand: uint4 (int4 with --signed), (tokens, channels), each value zero with probability --zeros and otherwise
any other value alike. Weights: int4, -7 to 7, (outputs, channels). Shapes need not divide the array: tokens are padded
to groups of `lanes`, channels and outputs to words of `width`, with zeros.

cycles: from the cycle in which the array accepts its first descriptor (not counted) to the one in which the last
result is written (counted). The first `slots` weight tiles are loaded before, as they are in a program whose array was
busy before; all others are loaded meanwhile. predicted: the same by golden.spec.timing, and must be equal.
macs: multiply-accumulates that the array did; offered: those with the zeros; skipped: the difference; all three as
counted in the array, padding included. useful macs: those of the product itself with a left operand that is not zero.
utilisation: useful macs / (multipliers x cycles). speed-up: cycles that the timing model predicts with no zero skipped,
over cycles. share of ideal: speed-up x (1 - s), where s is the share of zeros as drawn; padding, which is skipped too,
can take it past 1. lanes wait: lane-cycles, while tokens are in flight, without a channel of a line that they hold,
for the drain, or without a line. Dense lanes, where the hardware has any, get channels by the balanced rule
(golden/integer/split.py) with the product's own non-zeros, and rows are padded to whole lines, which masks are of.

Exit status: 0 when every result and every prediction is right, 1 when not, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from golden.spec.hardware import load_hardware
from golden.spec.validation import ConfigError
from sim.gemm_product import Request, Shape, fitted
from sim.gemm_run import Row, faults, measure
from sim.runner import SimulationError
from sim.units import GenerationError
from sim.verilator import REPOSITORY, SetupError

WRONG, BAD_INPUT = 1, 2


class Parser(argparse.ArgumentParser):
    """Refuses a bad argument in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")


def parser() -> Parser:
    """The command line."""
    made = Parser(prog="python -m sim.gemm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--tokens", type=int, default=64, help="rows of the left operand (default: %(default)s)")
    made.add_argument("--channels", type=int, default=128, help="terms of each sum (default: %(default)s)")
    made.add_argument("--outputs", type=int, default=128, help="rows of the weights (default: %(default)s)")
    made.add_argument("--zeros", type=float, default=0.5, help="share of zeros, 0 to 1 (default: %(default)s)")
    made.add_argument("--seed", type=int, default=7, help="of all operands (default: %(default)s)")
    made.add_argument("--signed", action="store_true", help="the left operand is int4, -8 to 7")
    made.add_argument("--dense", action="store_true", help="multiply zeros too")
    made.add_argument("--config", type=Path, default=REPOSITORY / "configs" / "default.toml",
                      help="TOML file of the hardware, whose memories are made to fit (default: configs/default.toml)")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def summary(row: Row) -> list[str]:
    """A product in a few lines."""
    lanes = row["lanes"] * row["cycles"]
    waits = ", ".join(f"{cause} {count:,} ({count / lanes:.1%})" for cause, count in row["lane_wait_cycles"].items())
    agree = "as predicted" if row["cycles"] == row["predicted_cycles"] else \
        f"but {row['predicted_cycles']:,} were predicted"
    kind = "int4" if row["signed"] else "uint4"
    skipped = "multiplied too" if row["dense"] else "skipped"
    return [
        f"{row['tokens']} x {row['channels']} {kind} times {row['outputs']} outputs on {row['lanes']} x {row['width']} "
        f"multipliers, seed {row['seed']}",
        f"zeros          {row['zero_share']:.2%} of the left operand, {skipped}",
        f"cycles         {row['cycles']:,}, {agree}; {row['dense_cycles']:,} with no zero skipped",
        f"macs           {row['macs']:,} of {row['macs_offered']:,} offered, {row['macs_skipped']:,} skipped",
        f"utilisation    {row['utilisation']:.1%} of {row['multipliers']} multipliers, "
        f"by {row['useful_macs']:,} useful macs",
        f"speed-up       {row['speed_up']:.2f}, {row['share_of_ideal']:.1%} of the ideal 1 / (1 - s)",
        f"lanes wait     {waits} (lane-cycles)",
        f"compared       {row['values_compared']:,} results bit by bit, {row['mismatches']:,} differ",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    try:
        options = parser().parse_args(arguments)
        shape = Shape(options.tokens, options.channels, options.outputs)
        request = Request(shape, options.zeros, options.seed, options.signed, options.dense)
        row = measure(request, fitted(load_hardware(options.config), [shape], options.signed))
    except (ConfigError, GenerationError, SetupError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    print(json.dumps(row) if options.json else "\n".join(summary(row)))
    found = faults(row)
    for fault in found:
        print(f"error: {fault}", file=sys.stderr)
    return WRONG if found else 0


if __name__ == "__main__":
    sys.exit(main())
