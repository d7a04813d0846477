"""A board's bitstream: ``python -m boards.bitstream --board ulx3s_85f``.

With open tools: synthesis, place and route, and packing, with a report beside the bitstream. For a board that only its
vendor's tool can build: Verilog, constraints and a script for that tool, which is run where it is installed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from boards import catalogue, vendor
from boards.board import Board
from boards.build import FitError, Job, build
from boards.pins import pins
from boards.synthesis import SynthesisError
from boards.timing import TimingError
from boards.tools import ToolError
from boards.top import board_top
from boards.verilog import write_board
from golden.spec.hardware import load_hardware
from golden.spec.validation import ConfigError

OUTPUT = Path("build/boards")


def job_of(board: Board, name: str, config: Path, folder: Path, seed: int = 1) -> Job:
    """The board's core with a configuration, to be built in ``folder``."""
    hardware = load_hardware(config)
    places = pins(board, hardware)
    return Job(board=board, top=board_top(board, hardware, places), pins=places, clock_hz=board.clock_hz, name=name,
               config=hardware.name, folder=folder, seed=seed)


def table(content: dict, before: dict | None = None) -> str:
    """What a bitstream takes and how fast it is, beside what it was; Markdown."""
    head = ["", content["board"], "of", *(["before"] if before else [])]
    rows = [[name, f"{need:,}", f"{content['has'][name]:,}", *([f"{before['needs'][name]:,}"] if before else [])]
            for name, need in content["needs"].items()]
    rows.append(["clock, MHz", f"{content['routed_mhz']:.2f}", f"{content['clock_mhz']:g} needed",
                 *([f"{before['routed_mhz']:.2f}"] if before else [])])
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    lines += ["", "| critical path | logic, ns | routing, ns |", "| --- | --- | --- |"]
    lines += [f"| `{leg['module']}` | {leg['logic']:.2f} | {leg['routing']:.2f} |" for leg in content["critical_path"]]
    return "\n".join(lines)


def say(text: str) -> None:
    """Progress."""
    print(f"boards.bitstream: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.bitstream", description=__doc__)
    parser.add_argument("--board", required=True, help=f"one of {', '.join(catalogue.names())}")
    parser.add_argument("--config", type=Path, help="another configuration than the board's own")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for a folder of the board (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of place and route (default: %(default)s)")
    options = parser.parse_args(arguments)
    folder = options.output / options.board
    try:
        board = catalogue.find(options.board)
        config = options.config or board.config_path
        write_board(board, options.board, config, folder)
        if board.device.flow in vendor.FLOWS:
            print(vendor.build(board, folder, say))
            return 0
        job = job_of(board, options.board, config, folder, options.seed)
        print(f"{table(build(job, say))}\n\n{job.bitstream}")
    except ConfigError as error:
        print(f"boards.bitstream: {error}", file=sys.stderr)
        return 2
    except (FitError, SynthesisError, TimingError, ToolError) as error:
        print(f"boards.bitstream: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
