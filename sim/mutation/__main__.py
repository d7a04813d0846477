"""Mutation testing: ``python -m sim.mutation --count 20 --seed 1``.

Faults are injected into every unit, one at a time, and the unit's benches must fail. Prints the share that they kill,
by unit and by kind of fault, and every survivor. What was tried before with the same hardware, benches and seed is not
tried again. Exit status: 0 when at least the share --least of the mutants that are not equivalent was killed, 1 when
not, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from golden.spec.validation import ConfigError, require
from sim.mutation.report import Judged, figures, summary, table, told
from sim.mutation.run import BenchError, Outcome, try_target
from sim.mutation.survivors import LIST, ListError, read_survivors
from sim.mutation.targets import TARGETS, Target
from sim.runner import SimulationError
from sim.units import GenerationError
from sim.verilator import SetupError

FAILED, BAD_INPUT = 1, 2
LEAST = 0.95


def chosen(units: Sequence[str]) -> list[Target]:
    """Targets by unit, or by unit and configuration; all without a name.

    Raises ``ConfigError`` for a name that there is not.
    """
    names = sorted({name for target in TARGETS for name in (target.unit, target.name)})
    for unit in units:
        require(unit in names, f"--unit is {unit!r}; expected one of {', '.join(names)}")
    return [target for target in TARGETS if not units or {target.unit, target.name} & set(units)]


def try_all(targets: Sequence[Target], count: int, seed: int) -> list[Outcome]:
    """Try each target, with a line of progress."""
    outcomes = []
    with tqdm(targets, unit="unit", disable=None) as progress:
        for target in progress:
            progress.set_description(target.name)
            outcomes.append(try_target(target, count, seed))
    return outcomes


def write_report(path: Path, found: dict, options: argparse.Namespace) -> None:
    """The figures as JSON, with the command that makes them; whole or not at all."""
    units = "".join(f" --unit {unit}" for unit in options.unit)
    command = f"python -m sim.mutation --count {options.count} --seed {options.seed}{units}"
    partial = path.with_name(f"{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps({"command": command, **found}, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def show(outcomes: Sequence[Outcome], judged: Judged) -> dict:
    """Print tables and survivors; returns the figures."""
    found = figures(outcomes, judged)
    print("\n".join([*table(found["units"], "unit"), "", *table(found["operators"], "fault"), ""]))
    print("\n".join(f"survives: {told(survivor)}" for survivor in found["survivors"]))
    print(summary(found))
    return found


def command_line() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m sim.mutation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=18, help="mutants of each unit; the core has more "
                        "(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="chooses mutants and stimuli (default: %(default)s)")
    parser.add_argument("--unit", action="append", default=[], help="only this one, such as norm or norm-small; may be "
                        "given again")
    parser.add_argument("--output", type=Path, help="file for the figures, as JSON")
    parser.add_argument("--least", type=float, default=LEAST, help="share to kill (default: %(default)s)")
    parser.add_argument("--survivors", type=Path, default=LIST, help="list of those that were judged")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = command_line().parse_args(arguments)
    try:
        require(options.count > 0, f"--count is {options.count}; expected a positive number")
        require(options.seed >= 0, f"--seed is {options.seed}; expected 0 or more")
        require(0 <= options.least <= 1, f"--least is {options.least}; expected a share from 0 to 1")
        judged = read_survivors(options.survivors)
        outcomes = try_all(chosen(options.unit), options.count, options.seed)
        found = show(outcomes, judged)
        if options.output:
            write_report(options.output, found, options)
    except (ConfigError, ListError, GenerationError, SetupError, OSError) as error:
        print(f"sim.mutation: {error}", file=sys.stderr)
        return BAD_INPUT
    except (BenchError, SimulationError) as error:
        print(f"sim.mutation: {error}", file=sys.stderr)
        return FAILED
    if found["share"] < options.least:
        print(f"sim.mutation: less than {options.least:.0%} killed", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
