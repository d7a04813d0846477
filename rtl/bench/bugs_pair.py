"""Planted bugs of the dense pairs; none of this is part of the product."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value

from golden.spec.hardware import HardwareConfig
from rtl.array.dense_pair import DensePair
from rtl.array.dense_queue import DenseQueue
from rtl.array.grid import Grid
from rtl.array.lane import Lane
from rtl.array.line_queue import LineQueue, without_lowest


class DoubleGrid(Grid):
    """Multiplies dense channels that are not zero on both kinds of lanes."""

    def excluded(self) -> Value:
        return Const(0, len(self.dense))


class SeparateGrid(Grid):
    """Does not add the dense lanes' sums."""

    @staticmethod
    def both(sparse: Value, dense: Value) -> Value:
        return sparse


class StuckQueue(DenseQueue):
    """Multiplies the lowest channel of a word as often as it has channels."""

    @staticmethod
    def after(mask: Value) -> Value:
        return without_lowest(mask[::-1])[::-1]


class StuckPair(DensePair):
    queue_unit = StuckQueue


class StuckGrid(Grid):
    pair_unit = StuckPair


class LonelyQueue(DenseQueue):
    """Does not wait for the upper lane's line."""

    @staticmethod
    def is_ready(there: Value, over: Value) -> Value:
        return (there | over)[0]


class LonelyPair(DensePair):
    queue_unit = LonelyQueue


class LonelyGrid(Grid):
    pair_unit = LonelyPair


class HastyPair(DensePair):
    """Does not wait for the upper lane's grant."""

    @staticmethod
    def must_hold(done: Value, grant: Value) -> Value:
        return (done & ~grant)[0]


class HastyPairGrid(Grid):
    pair_unit = HastyPair


class StaleQueue(LineQueue):
    """Multiplies a dense channel where a lane has nothing to multiply."""

    def clear_idle(self, m: Module, nibbles: Signal) -> None:
        pass


class StaleLane(Lane):
    queue_unit = StaleQueue


class StaleGrid(Grid):
    """Lanes of which each does."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__(config, lane=StaleLane)


GRIDS = {None: Grid, "double": DoubleGrid, "separate": SeparateGrid, "stuck": StuckGrid, "lonely": LonelyGrid,
         "hasty": HastyPairGrid, "stale": StaleGrid}
"""The grid, and those with a planted bug of their pairs."""
