"""A board's Verilog: ``python -m boards.verilog --board ulx3s_85f``.

``core.v`` is one file with all of the design, its top module is ``top``; ``core.json`` says what is in it, and
``top.*`` are the constraints of the board's tools. The same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from boards import catalogue, vendor
from boards.board import Board
from boards.build import write_whole
from boards.constraints import constraints
from boards.pins import Pin, pins
from boards.top import BoardTop, board_top, multiplier_family
from golden.spec.hardware import load_hardware
from golden.spec.validation import ConfigError
from rtl.interface import ports
from rtl.verilog import convert, describe, write

OUTPUT = Path("build/verilog")


def described_ports(top: BoardTop) -> list[dict]:
    """Name, direction and bits of every port."""
    both_ways = top.sdram_data
    return ports(top, clocked=False) + (
        [] if both_ways is None else [{"name": both_ways.name, "direction": "inout", "bits": len(both_ways)}])


def location(places: dict[str, Pin], port: str) -> str | list[str]:
    """Where a port is; of several bits, where each of them is."""
    if port in places:
        return places[port].location
    return [pin.location for name, pin in places.items() if name.startswith(f"{port}[")]


def write_board(board: Board, name: str, config: Path, folder: Path) -> None:
    """Write a board's Verilog, description and constraints; raises ``ConfigError`` for what cannot be built."""
    hardware = load_hardware(config)
    places = pins(board, hardware)
    top = board_top(board, hardware, places)
    description = {
        **describe(hardware, "top", False), "board": name, "device": board.device.name, "clock_hz": board.clock_hz,
        "crystal_hz": board.crystal_hz, "baud": board.baud, "model": board.model, "family": multiplier_family(board),
        "ports": [{**port, "pin": location(places, port["name"])} for port in described_ports(top)],
    }
    write(folder, "core", convert(top, "top", ports=top.all_ports), description)
    for file, text in (constraints(board, places) | vendor.script(board)).items():
        write_whole(folder / file, text)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.verilog", description=__doc__)
    parser.add_argument("--board", required=True, help=f"one of {', '.join(catalogue.names())}")
    parser.add_argument("--config", type=Path, help="another configuration than the board's own")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for a folder of the board (%(default)s)")
    options = parser.parse_args(arguments)
    folder = options.output / options.board
    try:
        board = catalogue.find(options.board)
        write_board(board, options.board, options.config or board.config_path, folder)
    except ConfigError as error:
        print(f"boards.verilog: {error}", file=sys.stderr)
        return 2
    print(folder / "core.v")
    return 0


if __name__ == "__main__":
    sys.exit(main())
