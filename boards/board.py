"""What the tools must know of a board: its FPGA, its pins, and what runs on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amaranth.build import TemplatedPlatform

CONFIGS = Path("configs")


@dataclass(frozen=True, kw_only=True)
class Device:
    """An FPGA as its flow names it.

    ``flow``: a key of ``boards.flows.FLOWS`` (open tools) or of ``boards.vendor.FLOWS`` (the vendor's). ``capacity``:
    what it has, in the terms of that flow. ``options``: how place and route, or the vendor's project, names it.
    """

    name: str
    flow: str
    capacity: dict[str, int]
    options: tuple[str, ...]
    packer: tuple[str, ...] = ()   # how the tool that writes the bitstream names it, where it must be told


Pad = tuple[str, int]
"""A resource of amaranth-boards: its name and number."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board; its name is that of its file in ``boards/catalogue``.

    ``platform``: its pins, by amaranth-boards. ``divide``: the core's clock is the crystal's, divided by this power of
    two. ``config`` and ``model``: what it is built with, and a trained model that runs on it.
    """

    title: str
    platform: type[TemplatedPlatform]
    device: Device
    clock: str
    config: str
    model: str
    divide: int = 1
    baud: int = 1_000_000
    serial: Pad = ("uart", 0)
    button: Pad = ("button", 0)
    sdram: Pad | None = None       # a chip as of golden.spec.sdram, for configurations whose weights are in one
    lights: tuple[Pad, Pad, Pad] = (("led", 0), ("led", 1), ("led", 2))   # busy, error, done

    @property
    def crystal_hz(self) -> int:
        """Frequency at the board's clock pin."""
        return round(self.platform().lookup(self.clock).clock.frequency)

    @property
    def clock_hz(self) -> int:
        """Frequency of the core's clock."""
        return self.crystal_hz // self.divide

    @property
    def config_path(self) -> Path:
        """The file of its configuration."""
        return CONFIGS / f"{self.config}.toml"
