"""The lane, the grid, and the grid with dense pairs as top levels for benches."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring

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


class LaneBench(wiring.Component):
    """A lane, and what the grid works out for all lanes: the check bits of weight rows too."""

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.lane = TYPES["lane"][bug](config)
        self.PARAMETERS = {"control": _control_bits(config)}
        own = {"tile": wiring.In(WritePort(*config.memory_shapes["tile"]))}
        super().__init__({name: own.get(name, member) for name, member in self.lane.signature.members.items()
                          if name != "work"})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lane = lane = self.lane
        nonzero = find_nonzero(m, self.config, self.line)
        m.d.comb += lane.work.eq(find_work(m, self.config, nonzero, self.control))
        m.d.comb += [lane.tile.enable.eq(self.tile.enable), lane.tile.address.eq(self.tile.address),
                     lane.tile.data.eq(with_check(self.tile.data) if self.config.word_checks else self.tile.data)]
        for name, member in self.signature.members.items():
            if name != "tile":
                inner, outer = getattr(lane, name), getattr(self, name)
                m.d.comb += inner.eq(outer) if member.flow is wiring.In else outer.eq(inner)
        return m


def grid(config: HardwareConfig, bug: str | None = None, unit: str = "grid") -> wiring.Component:
    """The grid needs nothing around it."""
    unit = TYPES[unit][bug](config)
    unit.PARAMETERS = {"control": _control_bits(config)}
    return unit


def dense_pair(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """Dense pairs have their meaning beside the lanes of a grid."""
    return grid(config, bug, "dense_pair")


UNITS = {"lane": LaneBench, "grid": grid, "dense_pair": dense_pair}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {unit: tuple(bug for bug in types if bug) for unit, types in TYPES.items()}
"""Name of a unit -> bugs that can be planted in it."""
