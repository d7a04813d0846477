"""Maximum of each row of scores, as the drain writes them."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import tree_stages
from rtl.units.pipeline import chain, largest, pipelined_tree

SMALLEST = numbers.LIMITS[numbers.Format.SCORE][0]


class ScoreVector(wiring.Signature):
    """A word of scores of one row."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "enable": Out(1),
            "slot": Out(1),
            "lane": Out(range(config.lanes)),
            "values": Out(data.ArrayLayout(signed(numbers.SCORE_BITS), config.width)),
        })


def latency(config: HardwareConfig) -> int:
    """Cycles from a vector to ``maxima`` that include it: 3 with width 8 or 16."""
    return tree_stages(config.width) + 1


class RowMaximum(wiring.Component):
    """Keeps the maximum of every row, index slot * lanes + lane; one vector a cycle.

    A vector in cycle t counts in ``maxima`` from cycle t + ``latency`` on. ``clear`` in cycle t, with ``clear_slot``,
    puts the slot's rows back to the smallest score from cycle t + 1 on, as they are after a reset, and forgets its
    vectors up to cycle t + 1 - ``latency``.

    Stages: 1 to tree_stages maximum tree; then compare with the row's maximum.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "vector": In(ScoreVector(config)),
            "clear": In(1),
            "clear_slot": In(1),
            "maxima": Out(data.ArrayLayout(signed(numbers.SCORE_BITS), 2 * config.lanes)),
        })

    def clears(self, slot: int) -> Value:
        """Whether the rows of a slot begin anew."""
        return self.clear & (self.clear_slot == slot)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        stages = tree_stages(config.width)
        # Stages 1 to tree_stages.
        values = [self.vector.values[i] for i in range(config.width)]
        candidate, valid = pipelined_tree(m, values, self.vector.enable, largest, "maximum")
        row = chain(m, Cat(self.vector.lane, self.vector.slot), stages, "row", reset_less=True)[-1]
        # Compare.
        rows = range(2 * config.lanes)
        kept = [Signal(signed(numbers.SCORE_BITS), name=f"kept_{i}", init=SMALLEST) for i in rows]
        old = Signal(signed(numbers.SCORE_BITS))
        m.d.comb += old.eq(Array(kept)[row])
        with m.If(valid & (candidate > old)):
            with m.Switch(row):
                for i, register in enumerate(kept):
                    with m.Case(i):
                        m.d.sync += register.eq(candidate)
        for slot in range(2):
            with m.If(self.clears(slot)):
                m.d.sync += [register.eq(SMALLEST) for register in kept[slot * config.lanes:(slot + 1) * config.lanes]]
        m.d.comb += [self.maxima[i].eq(register) for i, register in enumerate(kept)]
        return m
