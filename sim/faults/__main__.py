"""Inject faults into a running core: ``python -m sim.faults --count 4000``.

Bits of stored words, bytes of the image, frames of the serial link, reset, a host that stalls or vanishes. Each
injection must end in the exact image or in an error that the host is told; a hang or another image fails the run, with
the line that replays it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from golden.spec.validation import ConfigError
from sim import seed as seeds
from sim.faults import table
from sim.faults.campaign import CONFIG, OUTSIDE, SHARES, inject, numbers, without_checks
from sim.faults.job import Outcome
from sim.runner import SimulationError
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

KINDS = (*SHARES, *OUTSIDE)


def command_line() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m sim.faults", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="injections of all kinds")
    parser.add_argument("--seed", type=int, help="of the injections; HALFTONE_SEED or a fresh one without it")
    parser.add_argument("--kind", choices=KINDS, help="injections of this kind alone")
    parser.add_argument("--number", type=int, help="one injection, by its number; needs --kind")
    parser.add_argument("--config", type=Path, default=CONFIG, help="hardware configuration")
    parser.add_argument("--unchecked", action="store_true", help="a core without check bits, which must fail")
    parser.add_argument("--outside", type=int, default=0, metavar="N",
                        help="also so many flips in memories without check bits, counted but not judged")
    parser.add_argument("--output", type=Path, help="write the counts to this file, as JSON")
    return parser


def chosen(options: argparse.Namespace) -> dict[str, list[int]]:
    """Numbers of the injections of each kind; raises ``ConfigError``."""
    if options.count < 1:
        raise ConfigError(f"--count is {options.count}; expected at least 1")
    if options.number is not None:
        if options.kind is None or options.number < 0:
            raise ConfigError(f"--number is {options.number}; expected one from 0 on, and the --kind that it is of")
        return {options.kind: [options.number]}
    wanted = {options.kind: list(range(options.count))} if options.kind else numbers(options.count)
    return wanted | ({kind: list(range(options.outside)) for kind in OUTSIDE} if options.outside else {})


def replay(outcome: Outcome, seed: int, options: argparse.Namespace) -> str:
    """The line that repeats one injection."""
    words = [f'--kind "{outcome.kind}"', f"--number {outcome.number}", f"--seed {seed}"]
    words += ["--unchecked"] if options.unchecked else []
    words += [f"--config {options.config}"] if options.config != CONFIG else []
    return f"python -m sim.faults {' '.join(words)}"


def judge(outcomes: list[Outcome], seed: int, options: argparse.Namespace) -> int:
    """Print the table and every bad outcome; the exit status."""
    counted = table.counts(outcomes)
    print(table.markdown(counted))
    if options.output:
        command = f"python -m sim.faults --count {options.count} --seed {seed}"
        table.write(options.output, command + (f" --outside {options.outside}" if options.outside else ""), seed,
                    options.config.stem, counted)
    bad = [outcome for outcome in outcomes if outcome.bad and outcome.kind not in OUTSIDE]
    for outcome in bad:
        print(f"{outcome.outcome}: {outcome.kind} {outcome.number}: {outcome.detail}\n"
              f"replay: {replay(outcome, seed, options)}", file=sys.stderr)
    return 1 if bad else 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = command_line().parse_args(arguments)
    try:
        wanted = chosen(options)
        seed = seeds.seed() if options.seed is None else options.seed
        options.config = options.config if options.config.is_absolute() else REPOSITORY / options.config
        config = without_checks(options.config, BUILD / "faults") if options.unchecked else options.config
        return judge(inject(config, seed, wanted), seed, options)
    except (ConfigError, GenerationError) as error:
        print(f"sim.faults: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"sim.faults: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
