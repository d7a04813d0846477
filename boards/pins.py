"""Which port of a board's top is at which pin, out of the resources of amaranth-boards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.build import Resource, Subsignal, TemplatedPlatform

from boards.board import Board
from boards.sdram import PARTS, PREFIX
from golden.spec.hardware import HardwareConfig
from golden.spec.validation import require

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


def pins(board: Board, config: HardwareConfig | None = None) -> dict[str, Pin]:
    """The pin of every port, in the order of PORTS; then those of an SDRAM, where the configuration needs one.

    A port with several bits has one name for each, as ``sdram_bank[0]``. Raises ``ConfigError`` for a board without
    such a chip.
    """
    platform = board.platform()
    serial = platform.lookup(*board.serial)
    lines = {part.name: part for part in serial.ios}
    sources = {"clk": platform.lookup(board.clock), "rx": lines["rx"], "tx": lines["tx"],
               "button": platform.lookup(*board.button),
               **{name: platform.lookup(*light) for name, light in zip(LIGHTS, board.lights, strict=True)}}
    places = {name: pin(platform, source, serial if source in lines.values() else None)
              for name, source in ((port, sources[port]) for port in PORTS)}
    return places | (sdram_pins(board, platform) if config and config.sdram_weights else {})


def sdram_pins(board: Board, platform: TemplatedPlatform) -> dict[str, Pin]:
    """The pins of a board's SDRAM; active low or not, a level there is that of the chip's data sheet."""
    require(board.sdram is not None, f"{board.title} has no SDRAM that weights could be in; choose a configuration "
                                     "whose hardware.sdram_weights is 0")
    resource = platform.lookup(*board.sdram)
    parts = {part.name: part for part in resource.ios}
    found = {}
    for port, names in PARTS.items():
        places = [place for name in names for place in parts[name].ios[0].map_names(platform._conn_pins, resource)]
        for bit, place in enumerate(places):
            name = f"{PREFIX}{port}" + (f"[{bit}]" if len(places) > 1 else "")
            found[name] = Pin(place, dict(attributes(platform, parts[names[0]], resource)), False)
    return found


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
