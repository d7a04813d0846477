"""What place and route says of the clock, and which modules the slowest path goes through."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

MARGIN = 0.05
"""Share by which the routed clock must be faster than the board's: room for voltage, temperature and jitter beyond
what the tool's model of the device holds."""


class TimingError(RuntimeError):
    """The routed design misses its clock; the message tells by how much and along which modules."""


@dataclass(frozen=True)
class Leg:
    """A stretch of a path within one module: ``logic`` and ``routing`` in nanoseconds."""

    module: str
    logic: float
    routing: float


@dataclass(frozen=True)
class Timing:
    """``mhz``: the fastest that the slowest clock may be. ``path``: what limits it, from register to register."""

    mhz: float
    path: tuple[Leg, ...]


def read_timing(report: Path, modules: Collection[str]) -> Timing:
    """Timing out of nextpnr's report; ``modules`` are the dotted paths below the top that a cell may be in."""
    content = json.loads(report.read_text(encoding="utf-8"))
    clocks = content["fmax"]
    if not clocks:
        raise TimingError(f"{report} names no clock; the design has no path between registers")
    slowest = min(clocks, key=lambda name: clocks[name]["achieved"])
    edge = f"posedge {slowest}"
    paths = [path["path"] for path in content["critical_paths"] if path["from"] == path["to"] == edge]
    return Timing(clocks[slowest]["achieved"], legs(paths[0], modules) if paths else ())


def legs(path: list[dict], modules: Collection[str]) -> tuple[Leg, ...]:
    """The path by module: a wire belongs to the module that it leads to."""
    steps = [(module_of(step["to"]["cell"], modules), step["type"] == "routing", step["delay"]) for step in path]
    result = []
    for module, group in groupby(steps, key=lambda step: step[0]):
        inside = list(group)
        result.append(Leg(module, logic=sum(delay for _, routed, delay in inside if not routed),
                          routing=sum(delay for _, routed, delay in inside if routed)))
    return tuple(result)


def module_of(cell: str, modules: Collection[str]) -> str:
    """The innermost module that the cell's name says it is in; "top" for none."""
    parts = cell.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in modules:
            return name
    return "top"


def path_text(path: tuple[Leg, ...]) -> str:
    """One line a leg."""
    width = max((len(leg.module) for leg in path), default=0)
    return "\n".join(f"  {leg.module:{width}}  {leg.logic:6.2f} ns logic  {leg.routing:6.2f} ns routing"
                     for leg in path)


def require_clock(timing: Timing, clock_hz: int) -> None:
    """Raises ``TimingError`` unless the design runs at ``clock_hz`` with MARGIN to spare."""
    needed = clock_hz / 1e6 * (1 + MARGIN)
    if timing.mhz < needed:
        raise TimingError(
            f"the routed clock is {timing.mhz:.2f} MHz; expected at least {needed:.2f} MHz, the board's "
            f"{clock_hz / 1e6:g} MHz and {MARGIN:.0%}; the failing path, by module:\n{path_text(timing.path)}")
