"""The lane, the grid, and the grid with dense pairs as top levels for benches."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.hdl import Module, Value
from amaranth.lib import wiring

from golden.spec.check import check_bits
from golden.spec.hardware import HardwareConfig
from rtl.array.grid import Grid
from rtl.array.lane import Lane
from rtl.array.layouts import LineControl
from rtl.array.line_queue import find_nonzero, find_work
from rtl.bench import bugs_lane as bugs
from rtl.bench import bugs_pair
from rtl.memory.ports import WritePort
from rtl.memory.word_check import with_check

TYPES: dict[str, dict[str | None, type]] = {
    "lane": {None: Lane, "no_shift": bugs.UnshiftedLane, "greedy": bugs.GreedyLane, "pausing": bugs.PausingLane,
             "unsigned": bugs.UnsignedLane, "unwrapped": bugs.UnwrappedLane, "hasty": bugs.HastyLane,
             "shy": bugs.ShyLane},
    "grid": {None: Grid, "late": bugs.LateGrid, "hasty": bugs.CrowdedGrid},
    "dense_pair": bugs_pair.GRIDS,
}
"""The component of each unit, and those with a planted bug."""


def _control_bits(config: HardwareConfig) -> list[tuple[str, int]]:
    """Name and bits of each field of a line's control, lowest first, for the bench."""
    return [(name, field.width) for name, field in LineControl(config)]


def _flips(config: HardwareConfig) -> dict[str, wiring.Member]:
    """Check bits of a weight row that are flipped as it is written."""
    return {"flips": wiring.In(check_bits(config.word_bits))} if config.word_checks else {}


def _damaged(row: Value, flips: Value) -> Value:
    """A row and its check bits, of which some are flipped."""
    return row ^ (flips << len(row) - len(flips))[:len(row)]


def _pass_on(m: Module, top: wiring.Component, unit: wiring.Component, own: Iterable[str]) -> None:
    """Connect the ports of a unit to those of its bench top, but for the top's own."""
    for name, member in top.signature.members.items():
        if name not in own:
            inner, outer = getattr(unit, name), getattr(top, name)
            m.d.comb += inner.eq(outer) if member.flow is wiring.In else outer.eq(inner)


class LaneBench(wiring.Component):
    """A lane, and what the grid works out for all lanes: the check bits of weight rows too."""

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.lane = TYPES["lane"][bug](config)
        self.PARAMETERS = {"control": _control_bits(config)}
        own = {"tile": wiring.In(WritePort(*config.memory_shapes["tile"]))}
        super().__init__({**{name: own.get(name, member) for name, member in self.lane.signature.members.items()
                             if name != "work"}, **_flips(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lane = lane = self.lane
        nonzero = find_nonzero(m, self.config, self.line)
        m.d.comb += lane.work.eq(find_work(m, self.config, nonzero, self.control))
        row = _damaged(with_check(self.tile.data), self.flips) if self.config.word_checks else self.tile.data
        m.d.comb += [lane.tile.enable.eq(self.tile.enable), lane.tile.address.eq(self.tile.address),
                     lane.tile.data.eq(row)]
        _pass_on(m, self, lane, ("tile", "flips"))
        return m


class GridBench(wiring.Component):
    """A grid whose weight rows' check bits a bench can flip."""

    def __init__(self, config: HardwareConfig, bug: str | None = None, unit: str = "grid") -> None:
        self.config = config
        self.grid = TYPES[unit][bug](config)
        self.PARAMETERS = {"control": _control_bits(config)}
        self.MODELS = getattr(self.grid, "MODELS", ())
        super().__init__({**self.grid.signature.members, **_flips(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.grid = grid = self.grid
        kept = grid.kept
        if self.config.word_checks:
            grid.kept = lambda row: _damaged(kept(row), self.flips)
        m.d.comb += [getattr(grid.tile, name).eq(getattr(self.tile, name)) for name in ("enable", "address", "data")]
        _pass_on(m, self, grid, ("tile", "flips"))
        return m


def dense_pair(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """Dense pairs have their meaning beside the lanes of a grid."""
    return GridBench(config, bug, "dense_pair")


UNITS = {"lane": LaneBench, "grid": GridBench, "dense_pair": dense_pair}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {unit: tuple(bug for bug in types if bug) for unit, types in TYPES.items()}
"""Name of a unit -> bugs that can be planted in it."""
