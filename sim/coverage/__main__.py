"""Run the benches with everything counted: functional bins, lines, branches and toggles of the Verilog.

Units and the cores of the small configurations are built anew with Verilator's counters. Fails if a test fails, or if a
functional bin is not hit and has no reason in sim/coverage/reasons.toml.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sim.coverage import functional, lines, marks, report, structure
from sim.verilator import BUILD, REPOSITORY

TESTS = ("tests/rtl", "tests/sim/test_random_systems.py", "tests/sim/test_core_errors.py", "tests/sim/test_draw.py",
         "tests/sim/test_timeline.py", "tests/sim/test_segments.py", "tests/sim/test_search.py")
"""Where the benches are; what they do with planted bugs counts for nothing, so it is left out."""
SELECTION = "not planted"
SYSTEMS = {"HALFTONE_SYSTEMS": "24"}
"""Random models of each small core: more than in the regression, so that rare kinds come too."""
PAGE = REPOSITORY / "docs" / "coverage.md"
RESULT = REPOSITORY / "docs" / "coverage.json"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m sim.coverage", description=__doc__)
    made.add_argument("tests", nargs="*", help="tests to run instead of all that count; then holes do not fail")
    made.add_argument("--folder", type=Path, default=BUILD / "coverage" / "run",
                      help="for counts (default: build/coverage/run)")
    made.add_argument("--output", type=Path, default=BUILD / "coverage" / "coverage.json",
                      help="figures as JSON (default: build/coverage/coverage.json)")
    made.add_argument("--keep", action="store_true", help="add to what the folder holds from runs before")
    made.add_argument("--summarise", action="store_true", help="run nothing: say what the folder holds")
    made.add_argument("--accept", action="store_true", help="make the figures those of docs/coverage.json and its page")
    return made


def run_tests(tests: list[str], folder: Path) -> int:
    """Run them in a process of its own; returns its exit status."""
    variables = {**SYSTEMS, marks.VARIABLE: str(folder / "marks"), lines.VARIABLE: str(folder / "lines")}
    command = [sys.executable, "-m", "pytest", *(tests or TESTS), "-k", SELECTION]
    return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **variables}, check=False).returncode


def figures(folder: Path, command: str) -> tuple[dict, list[str]]:
    """What a folder of counts comes to, and its summary."""
    found = functional.hits(folder / "marks")
    groups = functional.groups(found, functional.read_reasons("functional"))
    units = structure.units(lines.merged(folder / "lines"), functional.read_reasons("structural"))
    text = [*functional.lines(groups, True), "lines, branches and toggles by unit:", *structure.lines(units)]
    return report.content(groups, units, command), text


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    if not options.keep and not options.summarise:
        shutil.rmtree(options.folder, ignore_errors=True)
    command = " ".join(["python -m sim.coverage", *options.tests]) if options.tests else "make coverage"
    try:
        status = 0 if options.summarise else run_tests(options.tests, options.folder)
        made, text = figures(options.folder, command)
    except (functional.ReasonError, lines.CountError) as error:
        print(f"sim.coverage: {error}", file=sys.stderr)
        return 2
    print("\n".join(text))
    if status:
        print("sim.coverage: tests failed, so the figures are not kept", file=sys.stderr)
        return 1
    report.write(options.output, made)
    if options.accept:
        report.write(RESULT, made)
        PAGE.write_text(report.with_tables(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    holes = report.has_unexplained(made)
    if holes and not options.tests:
        print(f"sim.coverage: {len(holes)} bins are not hit and have no reason, {holes[0]!r} the first; exercise them, "
              "or say why not in sim/coverage/reasons.toml", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
