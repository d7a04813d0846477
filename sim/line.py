"""How well the serial link uses its line, measured on a simulated board: ``python -m sim.line``.

Prints, for frames of several lengths, which share of the line's bits is register values, and how many bytes a second
that is at a baud rate. The simulated host answers at once; a USB adapter adds its latency to every frame (--latency).
Exit status: 0 when measured, 1 when the simulation fails, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from golden.spec.link import BITS_A_BYTE, WORD_BYTES
from golden.spec.validation import ConfigError, require
from sim.board import SMALLEST, BoardJob, build_board, run_board
from sim.runner import SimulationError
from sim.units import GenerationError
from sim.verilator import SetupError

FAILED, BAD_INPUT = 1, 2


def measure(config: Path) -> dict[str, dict[int, float]]:
    """Share of the line that is values, by direction and words of a frame."""
    with tempfile.TemporaryDirectory(prefix="halftone-") as folder:
        job = BoardJob(image="", config=str(config), label="", seed=1, expected=[], cycles=0,
                       result=str(Path(folder) / "line.json"))
        run_board("sim.bench_line", job, build_board(config))
        read = json.loads(Path(job.result).read_text(encoding="utf-8"))
    return {kind: {int(length): share for length, share in shares.items()} for kind, shares in read.items()}


def bytes_a_second(share: float, words: int, baud: int, latency: float) -> float:
    """Of values in frames of so many words, where each exchange takes ``latency`` seconds beside the line's time."""
    content = words * WORD_BYTES
    return content / (content * BITS_A_BYTE / (share * baud) + latency)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.line", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=SMALLEST, help="TOML file of the hardware (default: small)")
    parser.add_argument("--baud", type=int, default=1_000_000, help="for bytes a second (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds of each exchange beside the line's")
    options = parser.parse_args(arguments)
    try:
        require(options.baud > 0, f"--baud is {options.baud}; expected a positive number")
        require(options.latency >= 0, f"--latency is {options.latency}; expected 0 or more seconds")
        shares = measure(options.config)
    except (ConfigError, GenerationError, SetupError, OSError) as error:
        print(f"sim.line: {error}", file=sys.stderr)
        return BAD_INPUT
    except SimulationError as error:
        print(error, file=sys.stderr)
        return FAILED
    print("words a frame   write: share, bytes/s      read: share, bytes/s")
    for words in shares["write"]:
        each = [(share[words], bytes_a_second(share[words], words, options.baud, options.latency))
                for share in (shares["write"], shares["read"])]
        print(f"{words:13}   {'      '.join(f'{share:8.1%} {speed:12,.0f}' for share, speed in each)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
