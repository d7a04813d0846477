"""Where the residual rows of successive tokens lie."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ADDRESS
from golden.spec.hardware import HardwareConfig


class ResidualWalk(wiring.Component):
    """Bank and row of token after token, the row relative to the first token's.

    Token k belongs to group g = k / lanes, which lies in bank g mod 2 at row ((g / 2) lanes + k mod lanes) stride.
    ``start`` goes to token 0, ``step`` to the next.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "start": In(1),
            "step": In(1),
            "stride": In(10),
            "bank": Out(1),
            "row": Out(ADDRESS + 1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lane = Signal(range(self.config.lanes), reset_less=True)
        group = Signal(ADDRESS + 1, reset_less=True)
        next_row = Signal(ADDRESS + 1)
        group_end = Signal()
        m.d.comb += next_row.eq(self.row + self.stride)
        m.d.comb += group_end.eq(lane == self.config.lanes - 1)
        with m.If(self.step):
            m.d.sync += lane.eq(lane + 1)
            m.d.sync += self.row.eq(next_row)
        with m.If(self.step & group_end):
            m.d.sync += self.bank.eq(~self.bank)
            with m.If(self.bank):
                m.d.sync += group.eq(next_row)
            with m.Else():
                m.d.sync += self.row.eq(group)
        with m.If(self.start):
            m.d.sync += [lane.eq(0), group.eq(0), self.row.eq(0), self.bank.eq(0)]
        return m
