"""Make a drawing's page again from what make sim has left: report.json and its pictures, without simulating.

Writes report.html into the same folder: one file, to be opened with any browser, that loads nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from golden.spec.validation import ConfigError
from sim.draw import BAD_INPUT, Parser, shortest
from sim.page.build import write_page
from sim.page.load import PageError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(prog="python -m sim.page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--report", type=Path, required=True, help="folder of a drawing, such as build/sim/sparse")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        print(shortest(write_page(parser().parse_args(arguments).report)))
    except (ConfigError, PageError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
