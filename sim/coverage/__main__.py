"""Run the benches with everything counted: functional bins, lines, branches and toggles of the Verilog.

Units and the cores of the small configurations are built anew with Verilator's counters. The tests run in parts, a file
each; one that fails is named, and its counts are left out. Fails if a part has failed or not run, or if something is
not reached and has no reason in sim/coverage/reasons.toml.

    python -m sim.coverage --jobs 2 --accept
    python -m sim.coverage --resume                            what is missing, has failed, or counted older hardware
    python -m sim.coverage --resume tests/rtl/test_norm.py     a part again, and the sum of all
    python -m sim.coverage tests/rtl/test_norm.py              a part alone
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from sim.coverage import functional, identity, lines, parts, report, structure
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

PAGE = REPOSITORY / "docs" / "coverage.md"
FOLDER = BUILD / "coverage"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m sim.coverage", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("tests", nargs="*", help="tests to run instead of all that count, each a part; then holes do not "
                                               "fail")
    made.add_argument("--folder", type=Path, help="for counts (default: build/coverage/run, or build/coverage/chosen "
                                                  "for chosen tests)")
    made.add_argument("--output", type=Path, default=FOLDER / "coverage.json",
                      help="figures as JSON (default: build/coverage/coverage.json)")
    made.add_argument("--jobs", type=int, default=1, help="parts that run at a time (default: %(default)s)")
    made.add_argument("--resume", action="store_true", help="keep the good parts of a whole run, and run the rest")
    made.add_argument("--summarise", action="store_true", help="run nothing: say what the folder holds")
    made.add_argument("--accept", action="store_true",
                      help="make the figures those of docs/coverage.json and .md; with --summarise even if parts are "
                           "missing, which are then named there")
    return made


def figures(folder: Path, tests: list[str], command: str) -> tuple[dict[str, Any], list[str]]:
    """What these parts of a folder come to, and a summary."""
    found: dict[str, list[str]] = {}
    places = [parts.folder_of(folder, each) for each in tests]
    for place in places:
        found |= functional.hits(place / parts.MARKS)
    designs = lines.by_design(place / parts.LINES for place in places)
    known, bins = functional.read_reasons("structural"), functional.read_reasons("functional")
    groups, units = functional.groups(found, bins), structure.units(designs, known)
    met = bins.met(hole for group in groups for hole in group.holes) | known.met(structure.holes(designs))
    text = [*functional.lines(groups, True), "lines, branches and toggles by unit:", *structure.lines(units)]
    return report.content(groups, units, met, command), text


def run(options: argparse.Namespace, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Run what is asked for; the parts to sum up, and those that are of no use with why."""
    whole = parts.whole() if options.resume or not options.tests else []
    tests = [*whole, *(each for each in options.tests if each not in whole)]
    if not options.summarise:
        if not options.resume:
            shutil.rmtree(folder, ignore_errors=True)
        due = options.tests or list(parts.problems(folder, tests))
        parts.run_parts(folder, due, options.jobs)
    elif options.tests or not whole:
        tests = list(options.tests)
    return tests, parts.problems(folder, tests)


def accept(made: dict[str, Any]) -> None:
    """Make figures those of the documents, with the digests of the units' Verilog."""
    today = identity.generate(FOLDER / "identity")
    made["verilog"] = {unit: today[unit] for unit in made["units"] if unit in today}
    report.write(report.RESULT, made)
    PAGE.write_text(report.with_tables(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")


def refusal(options: argparse.Namespace) -> str | None:
    """Why a command line makes no sense; None where it does."""
    if options.jobs < 1:
        return f"--jobs is {options.jobs}; expected at least 1"
    if options.accept and options.tests and not options.resume:
        return f"--accept takes a whole run, and {options.tests[0]} is a part; leave out the tests, or add --resume"
    missing = [each for each in options.tests if not (REPOSITORY / each.split("::")[0]).exists()]
    return f"there are no tests {missing[0]}; expected a file such as {parts.whole()[0]}" if missing else None


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    wrong = refusal(options)
    if wrong:
        print(f"sim.coverage: {wrong}", file=sys.stderr)
        return 2
    partial = bool(options.tests) and not options.resume
    folder = (options.folder or FOLDER / ("chosen" if partial else "run")).resolve()
    command = " ".join(["python -m sim.coverage", *options.tests]) if partial else "make coverage"
    try:
        tests, bad = run(options, folder)
        made, text = figures(folder, [each for each in tests if each not in bad], command)
        print("\n".join(text))
        for each, why in bad.items():
            print(f"sim.coverage: {each} {why}, so it is not in these figures", file=sys.stderr)
        if bad and not (options.summarise and options.accept):
            print("sim.coverage: the figures are not kept; python -m sim.coverage --resume runs the rest",
                  file=sys.stderr)
            return 1
        made["left_out"] = bad
        report.write(options.output, made)
        if options.accept:
            accept(made)
    except (functional.ReasonError, lines.CountError, GenerationError) as error:
        print(f"sim.coverage: {error}", file=sys.stderr)
        return 2
    return told(made, partial)


def told(made: dict[str, Any], partial: bool) -> int:
    """Say what needs a reason or a test, and which reasons are not needed; returns the exit status.

    A toggle may be a matter of chance, so what fails a whole run is a functional bin alone.
    """
    bins, rest = report.unexplained(made)
    idle = [pattern for pattern, met in made["reasons"].items() if not met]
    if partial:
        return 0
    for names, what in ((rest, "lines, branches or toggles are not reached and have no reason"),
                        (idle, "patterns of sim/coverage/reasons.toml match nothing"),
                        (bins, "bins are not hit and have no reason: exercise them, or say why not in "
                               "sim/coverage/reasons.toml")):
        if names:
            print(f"sim.coverage: {len(names)} {what}; the first is {names[0]!r}", file=sys.stderr)
    return int(bool(bins))


if __name__ == "__main__":
    sys.exit(main())
