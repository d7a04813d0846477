"""What a configuration is to fit, by name: how much there is of each resource, and the clock it is taken to run at."""

from __future__ import annotations

from dataclasses import dataclass

from boards import catalogue
from boards.board import Board
from boards.report import DEVICES
from golden.spec.validation import require

DEVICE_CLOCK_MHZ = 50.0
"""Of a device without a board: nothing has been routed, so this is an assumption; ``--clock`` takes another."""


@dataclass(frozen=True)
class Target:
    """An ECP5: ``capacity`` in the terms of ``boards.report.needs``."""

    capacity: dict[str, int]
    clock_mhz: float


def boards() -> dict[str, Board]:
    """Boards with an ECP5, which the area model is of."""
    found = {name: catalogue.find(name) for name in catalogue.names()}
    return {name: board for name, board in found.items() if board.device.flow == "ecp5"}


def names() -> tuple[str, ...]:
    """Targets that are known."""
    return (*boards(), *DEVICES)


def find(name: str) -> Target:
    """The target of that name; raises ``ConfigError`` that lists those that are known."""
    require(name in names(), f"there is no board or device '{name}'; expected one of {', '.join(names())}")
    if name in DEVICES:
        return Target(DEVICES[name], DEVICE_CLOCK_MHZ)
    board = boards()[name]
    return Target(board.device.capacity, board.clock_hz / 1e6)
