"""Where the ports of a board's top are, as each flow wants to read it."""

from __future__ import annotations

from boards.board import Board
from boards.pins import INPUTS, Pin


def lpf(board: Board, pins: dict[str, Pin]) -> str:
    """Lattice ECP5."""
    lines = []
    for port, pin in pins.items():
        settings = "".join(f" {name}={value}" for name, value in pin.attributes.items())
        lines += [f'LOCATE COMP "{port}" SITE "{pin.location}";', f'IOBUF PORT "{port}"{settings};']
    return "\n".join([*lines, f'FREQUENCY PORT "clk" {board.crystal_hz} HZ;', ""])


def pcf(board: Board, pins: dict[str, Pin]) -> str:
    """Lattice iCE40."""
    lines = []
    for port, pin in pins.items():
        pull = " -pullup yes" if pin.attributes.get("PULLUP") == "1" else ""
        lines.append(f"set_io{pull} {port} {pin.location}")
    return "\n".join([*lines, f"set_frequency clk {board.crystal_hz / 1e6:g}", ""])


def cst(board: Board, pins: dict[str, Pin]) -> str:
    """Gowin; it has no place for the clock's frequency, which place and route is given otherwise."""
    lines = []
    for port, pin in pins.items():
        settings = "".join(f" {name}={value}" for name, value in pin.attributes.items())
        lines += [f'IO_LOC "{port}" {pin.location};', f'IO_PORT "{port}"{settings};']
    return "\n".join([*lines, ""])


def xdc(board: Board, pins: dict[str, Pin]) -> str:
    """Xilinx. Pins but the clock's have no timing to keep."""
    lines = []
    for port, pin in pins.items():
        settings = " ".join(f"{name} {value}" for name, value in pin.attributes.items())
        lines.append(f"set_property -dict {{ PACKAGE_PIN {pin.location} {settings} }} [get_ports {port}]")
    lines += [f"create_clock -name crystal -period {1e9 / board.crystal_hz:g} [get_ports clk]"]
    if board.divide > 1:
        lines.append(f"create_generated_clock -name core -source [get_ports clk] -divide_by {board.divide} "
                     "[get_pins buffer/O]")
    return "\n".join([*lines, *untimed(pins), ""])


def qsf(board: Board, pins: dict[str, Pin]) -> str:
    """Intel: pins; the clock is in ``sdc``."""
    lines = []
    for port, pin in pins.items():
        lines.append(f"set_location_assignment PIN_{pin.location} -to {port}")
        lines += [f'set_instance_assignment -name {name.upper()} "{value}" -to {port}'
                  for name, value in pin.attributes.items()]
    return "\n".join([*lines, ""])


def sdc(board: Board, pins: dict[str, Pin]) -> str:
    """Intel: the clock and, where it is divided, the core's."""
    lines = [f"create_clock -name crystal -period {1e9 / board.crystal_hz:g} [get_ports clk]"]
    if board.divide > 1:
        lines.append(f"create_generated_clock -name core -source [get_ports clk] -divide_by {board.divide} "
                     f"[get_registers {{*divider*slow}}]")
    return "\n".join([*lines, "derive_clock_uncertainty", *untimed(pins), ""])


def untimed(pins: dict[str, Pin]) -> list[str]:
    """Ports that any time will do for: a serial line, a button and lights."""
    return [f"set_false_path -{'from' if port in INPUTS else 'to'} [get_ports {port}]"
            for port in pins if port != "clk"]


FILES = {"ecp5": {"lpf": lpf}, "ice40": {"pcf": pcf}, "gowin": {"cst": cst}, "vivado": {"xdc": xdc},
         "quartus": {"qsf": qsf, "sdc": sdc}}
"""Suffix and writer of each flow's files."""


def constraints(board: Board, pins: dict[str, Pin]) -> dict[str, str]:
    """Name and text of each file."""
    return {f"top.{suffix}": write(board, pins) for suffix, write in FILES[board.device.flow].items()}
