"""Pages of all units, with timing diagrams: ``python -m rtl.document --output build/units``."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from rtl.document import pages
from rtl.document.units import units


def write(path: Path, text: str) -> None:
    """A file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rtl.document", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/units"), help="folder (default: %(default)s)")
    parser.add_argument("--unit", action="append", choices=[unit.name for unit in units()], metavar="NAME",
                        help="only this unit; may be given several times")
    options = parser.parse_args(arguments)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"rtl.document: {options.output} is no folder to write to: {error.strerror}; give another --output",
              file=sys.stderr)
        return 2
    warnings.simplefilter("ignore", UnusedElaboratable)  # units that are made only for their ports
    wanted = [unit for unit in units() if not options.unit or unit.name in options.unit]
    for unit in wanted:
        write(options.output / f"{unit.name}.md", pages.page(unit))
        if unit.name in pages.SCENES:
            write(options.output / f"{unit.name}.svg", pages.diagram(unit))
    write(options.output / "index.md", pages.index())
    print(f"{len(wanted)} units: {options.output / 'index.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
