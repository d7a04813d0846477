"""Maximum of each row of scores, as the drain writes them."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import tree_stages
from rtl.units.pipeline import chain, largest, pipelined_tree


class ScoreVector(wiring.Signature):
    """A word of scores of one row; ``first`` starts the row's maximum anew."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "enable": Out(1),
            "slot": Out(1),
            "lane": Out(range(config.lanes)),
            "first": Out(1),
            "values": Out(data.ArrayLayout(signed(numbers.SCORE_BITS), config.width)),
        })


def latency(config: HardwareConfig) -> int:
    """Cycles from a vector to ``maxima`` that include it: 3 with width 8 or 16."""
    return tree_stages(config.width) + 1


class RowMaximum(wiring.Component):
    """Keeps the maximum of every row, index slot * lanes + lane; one vector a cycle.

    A vector in cycle t counts in ``maxima`` from cycle t + ``latency`` on.

    Stages: 1 to tree_stages maximum tree; then compare with the row's maximum.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "vector": In(ScoreVector(config)),
            "maxima": Out(data.ArrayLayout(signed(numbers.SCORE_BITS), 2 * config.lanes)),
        })

    def restarts(self, first: Signal) -> Signal:
        """Whether the row's old maximum is left out."""
        return first

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        stages = tree_stages(config.width)
        # Stages 1 to tree_stages.
        values = [self.vector.values[i] for i in range(config.width)]
        candidate, valid = pipelined_tree(m, values, self.vector.enable, largest, "maximum")
        row = chain(m, Cat(self.vector.lane, self.vector.slot), stages, "row", reset_less=True)[-1]
        first = chain(m, self.vector.first, stages, "first", reset_less=True)[-1]
        # Compare.
        kept = [Signal(signed(numbers.SCORE_BITS), name=f"kept_{i}", reset_less=True) for i in range(2 * config.lanes)]
        old = Signal(signed(numbers.SCORE_BITS))
        new = Signal(signed(numbers.SCORE_BITS))
        m.d.comb += old.eq(Array(kept)[row])
        m.d.comb += new.eq(Mux(self.restarts(first) | (candidate > old), candidate, old))
        with m.If(valid):
            with m.Switch(row):
                for i, register in enumerate(kept):
                    with m.Case(i):
                        m.d.sync += register.eq(new)
        m.d.comb += [self.maxima[i].eq(register) for i, register in enumerate(kept)]
        return m
