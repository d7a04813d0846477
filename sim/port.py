"""A simulated board on a serial port of this computer: ``python -m sim.port``.

Prints the port's name. Any program that knows the link can use it, ``python -m boards.host.tool`` with --patience, as
a simulated board is slow; the baud rate does not matter. Ctrl-C ends it. Exit status: 0 then, 1 when the simulation
fails, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from golden.spec.validation import ConfigError
from sim.board import SMALLEST, BoardJob, build_board, run_board
from sim.runner import SimulationError
from sim.units import GenerationError
from sim.verilator import SetupError

FAILED, BAD_INPUT = 1, 2
DAY_SECONDS = 86_400.0


def job_for(config: Path, result: Path) -> BoardJob:
    """A job without an image: the program at the other end brings its own. ``result``: file for the port's name."""
    return BoardJob(image="", config=str(config), label="", seed=0, expected=[], cycles=0, result=str(result))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.port", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=SMALLEST, help="TOML file of the hardware (default: small)")
    options = parser.parse_args(arguments)
    try:
        build = build_board(options.config)
        with tempfile.TemporaryDirectory(prefix="halftone-") as folder:
            run_board("sim.bench_port", job_for(options.config, Path(folder) / "port"), build, quiet=False,
                      timeout=DAY_SECONDS)
    except KeyboardInterrupt:
        return 0
    except (ConfigError, GenerationError, SetupError, OSError) as error:
        print(f"sim.port: {error}", file=sys.stderr)
        return BAD_INPUT
    except SimulationError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
