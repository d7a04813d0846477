"""Which port of a board's top is at which pin, out of the resources of amaranth-boards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.build import Resource, Subsignal

from boards.board import Board

LIGHTS = ("busy", "error", "done")
INPUTS = ("clk", "rx", "button")
PORTS = ("clk", "rx", "tx", "button", *LIGHTS)
"""Ports of a board's top, one bit each."""


@dataclass(frozen=True)
class Pin:
    """A pin of the FPGA: its name there, its attributes as the flow spells them, and whether it is active low."""

    location: str
    attributes: dict[str, str]
    inverted: bool


def pins(board: Board) -> dict[str, Pin]:
    """The pin of every port, in the order of PORTS."""
    platform = board.platform()
    serial = platform.lookup(*board.serial)
    lines = {part.name: part for part in serial.ios}
    sources = {"clk": platform.lookup(board.clock), "rx": lines["rx"], "tx": lines["tx"],
               "button": platform.lookup(*board.button),
               **{name: platform.lookup(*light) for name, light in zip(LIGHTS, board.lights, strict=True)}}
    return {name: pin(platform, source, serial if source in lines.values() else None)
            for name, source in ((port, sources[port]) for port in PORTS)}


def pin(platform: object, source: Resource | Subsignal, parent: Resource | None) -> Pin:
    """The one pin of a resource, or of a part of one, which has its parent's attributes too."""
    (place,) = source.ios[0].map_names(platform._conn_pins, source)
    return Pin(place, dict(attributes(platform, source, parent)), source.ios[0].invert)


def attributes(platform: object, source: Resource | Subsignal, parent: Resource | None) -> Iterator[tuple[str, str]]:
    """Names and values; some are made by a function of the platform."""
    for name, value in ({**parent.attrs, **source.attrs} if parent else source.attrs).items():
        value = value(platform) if callable(value) else value
        if value is not None:
            yield name, str(value)
