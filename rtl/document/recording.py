"""A unit in Amaranth's simulator: what its ports were, cycle by cycle."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from golden.spec.hardware import HardwareConfig

PERIOD = 1e-8
LONGEST = 400
"""Cycles after which a scene that is still going on is a mistake."""


@dataclass(frozen=True)
class Cycle:
    """Inputs of one cycle by path; all others are 0. What is not ``shown`` only prepares."""

    inputs: dict[str, Any]
    shown: bool = True


Drive = Generator[Cycle, dict[str, int], None]
"""Yields the inputs of each cycle, and gets what the rows of the scene were in it."""


@dataclass(frozen=True)
class Row:
    """One line of a diagram: a port, or a part of one, by its path.

    Args:
        path: attributes and indices from the top, such as ``descriptor.payload.words`` or ``sums[0]``.
        when: path of a flag without which the value means nothing.
        text: how a value is written; decimal if None.
        low: name of the configuration's field that says how many low bits are shown, as a signed number: column 0.
    """

    path: str
    when: str | None = None
    text: Callable[[int], str] | None = None
    low: str | None = None

    @property
    def label(self) -> str:
        """What the row is called: its path without the unit in its bench."""
        return re.sub(r"^(engine|unit|lane)\.", "", self.path)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a unit is shown doing.

    Args:
        top: makes what is simulated: the unit, or the unit with the memories of its bench.
        drive: makes the inputs of each cycle.
        rows: what the diagram shows.
        text: one or two sentences that say what happens.
        config: name of the configuration of ``configs/``.
    """

    top: Callable[[HardwareConfig], wiring.Component]
    drive: Callable[[HardwareConfig], Drive]
    rows: tuple[Row, ...]
    text: str
    config: str = "small"


@dataclass
class Recording:
    """Values of each path, a list with an entry for each shown cycle; ``inputs`` are the paths that are driven."""

    values: dict[str, list[int]]
    bits: dict[str, int]
    inputs: set[str] = field(default_factory=set)

    @property
    def cycles(self) -> int:
        """Shown cycles."""
        return max(map(len, self.values.values()))


def joined(path: tuple[str | int, ...]) -> str:
    """A path of a signature as ``locate`` takes it: ``requests[0].valid``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def locate(top: object, path: str) -> Any:
    """The port at a path; raises ``AttributeError`` or ``KeyError`` for one that is not there."""
    found = top
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        found = getattr(found, name) if name else found[int(index)]
    return found


def record(scene: Scene, config: HardwareConfig) -> Recording:
    """Simulate the scene; raises ``ValueError`` for one without an end."""
    top = scene.top(config)
    ports = {path: locate(top, path) for row in scene.rows for path in (row.path, row.when) if path}
    inputs = {joined(path) for path, member, _ in top.signature.flatten(top) if member.flow is wiring.In}
    recording = Recording({path: [] for path in ports}, {path: len(Value.cast(port)) for path, port in ports.items()},
                          {path for path in ports if any(is_part(path, name) for name in inputs)})

    low = {row.path: getattr(config, row.low) for row in scene.rows if row.low}

    async def bench(context: Any) -> None:
        drive = scene.drive(config)
        driven: dict[str, Any] = {}
        cycle, count = next(drive), 0
        while True:
            driven = apply(context, top, driven, cycle.inputs)
            seen = {path: context.get(Value.cast(port)) for path, port in ports.items()}
            if cycle.shown:
                for path, value in seen.items():
                    recording.values[path].append(signed_low(value, low[path]) if path in low else value)
                count += 1
            if count > LONGEST:
                raise ValueError(f"a scene of over {LONGEST} cycles; expected one that ends")
            await context.tick()
            try:
                cycle = drive.send(seen)
            except StopIteration:
                return

    simulate(top, bench)
    return recording


def signed_low(value: int, bits: int) -> int:
    """The lowest bits as a signed number."""
    half = 1 << bits - 1
    return ((value & (1 << bits) - 1) ^ half) - half


def is_part(path: str, name: str) -> bool:
    """Whether a path is a port or lies in it."""
    return path == name or path.startswith((f"{name}.", f"{name}["))


def apply(context: Any, top: wiring.Component, before: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Set the inputs of a cycle; what was driven before and is not any more goes back to 0. Returns what is driven."""
    for path in before.keys() - inputs.keys():
        context.set(Value.cast(locate(top, path)), 0)
    for path, value in inputs.items():
        port = locate(top, path)
        context.set(port if isinstance(value, dict) else Value.cast(port), value)
    return inputs


def simulate(top: wiring.Component, bench: Callable) -> None:
    """Run a test bench with a clock; a register beside the unit makes the domain, whatever is in the unit."""
    module, beat = Module(), Signal()
    module.submodules.top = top
    module.d.sync += beat.eq(~beat)
    simulator = Simulator(module)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(bench)
    simulator.run()
