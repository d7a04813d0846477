"""Estimate of a drawing's energy: counts of multiplications and memory accesses, times published energies.

The counts are those of the program's own descriptors with the operands of the integer reference, whose every value is
the RTL's; no simulation is needed. The energies are of a 45 nm process, not of an FPGA: only ratios mean anything.
docs/energy.md has the source of each number, the scaling, and what is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from golden.compile.compiler import Compiled
from golden.integer.evaluate import sample
from golden.integer.plan import DEFAULT as DEFAULT_SAMPLER
from golden.integer.samplers import SAMPLERS
from golden.model.zoo import DEFAULT, WEIGHTS
from sim.accesses import SKIPPING
from sim.draw import BAD_INPUT, BAD_INPUTS, Parser
from sim.drawing import Request, prepare
from sim.energies import SOURCE, Estimate, constants, estimate
from sim.recorded_timing import Execution, RecordedTiming
from sim.verilator import REPOSITORY

COLUMN = 29
"""Characters of a column of the table."""


def walk(compiled: Compiled, label: str, seed: int) -> tuple[Execution, ...]:
    """Every descriptor of a drawing, with the operands of the integer reference."""
    timing = RecordedTiming(compiled)
    for step in sample(compiled.model, compiled.contexts(label), compiled.plan, seed):
        timing.follow(step)
    timing.finish()
    return tuple(timing.model.executions)


def table(rows: Sequence[Estimate]) -> list[str]:
    """The estimate in lines: microjoules by what takes them, a column for each design."""
    def line(name: str, cells: Sequence[str]) -> str:
        return f"{name:14}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)

    def energies(name: str, values: Sequence[float]) -> str:
        return line(name, [f"{value / 1e6:,.2f}" for value in values])

    names = list(dict.fromkeys(name for row in rows for name in row["memories"]))
    return [
        line("", [row["design"] for row in rows]),
        line("done, 10^6", [f"{row['macs'] / 1e6:,.1f}" for row in rows]),
        line("skipped, 10^6", [f"{row['skipped_macs'] / 1e6:,.1f}" for row in rows]),
        energies("multiply", [row["multiply_picojoules"] for row in rows]),
        energies("accumulate", [row["accumulate_picojoules"] for row in rows]),
        *(energies(name, [row["memories"].get(name, {"picojoules": 0})["picojoules"] for row in rows])
          for name in names),
        energies("sum", [row["picojoules"] for row in rows]),
        line("ratio", [f"{row['ratio']:.2f}" for row in rows]),
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(prog="python -m sim.energy", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default=DEFAULT, help="a trained model (default: %(default)s)")
    made.add_argument("--config", type=Path, default=REPOSITORY / "configs" / "default.toml",
                      help="TOML file of the hardware (default: configs/default.toml)")
    made.add_argument("--label", "--prompt", help="what to draw (default: the last class or value of each attribute)")
    made.add_argument("--seed", type=int, default=7, help="of the noise (default: %(default)s)")
    made.add_argument("--steps", type=int, default=2, help="denoising steps (default: %(default)s)")
    made.add_argument("--guidance", type=float, default=2.0, help="1 needs one context (default: %(default)s)")
    made.add_argument("--sampler", choices=SAMPLERS, default=DEFAULT_SAMPLER, help="default: %(default)s")
    made.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the trained models")
    made.add_argument("--json", action="store_true", help="print every count instead of the table")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        options = parser().parse_args(arguments)
        prepared = prepare(Request(options.model, options.label, options.seed, options.steps, options.guidance,
                                   options.config, options.weights, sampler=options.sampler))
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    executions = walk(prepared.compiled, prepared.label, options.seed)
    rows = estimate(executions, prepared.compiled.layout.hardware)
    if options.json:
        print(json.dumps({"constants": constants(), "designs": rows}, indent=1))
        return 0
    print(f"Estimate for {options.steps} steps of {options.model} on {options.config.name}, in microjoules "
          f"(energies of {SOURCE})")
    print("\n".join(table(rows)))
    print(f"ratio: energy over that of {SKIPPING.name}; docs/energy.md says what it counts and what not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
