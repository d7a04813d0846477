"""Planted bugs: what a bench or proof of packed multipliers and dense lanes must find."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import data

from rtl.array.dense_grid import DenseGrid
from rtl.array.dense_lane import DenseLane
from rtl.array.packed import PackedMultiplier


class UncorrectedPacked(PackedMultiplier):
    """No field tells the one above that it is negative."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.borrows.eq(0)
        return m


class TopBitPacked(PackedMultiplier):
    """Corrected by the top bit of a field, which is right for int4 alone."""

    @staticmethod
    def is_negative(top: Value, opposite: Value) -> Value:
        return top[-1]


class UncorrectedLane(DenseLane):
    packed_type = UncorrectedPacked


class UncorrectedGrid(DenseGrid):
    """Packed multipliers without correction."""

    lane_type = UncorrectedLane


class StickyLane(DenseLane):
    """Never forgets an accumulator."""

    def accumulate(self, m: Module, control: data.View, total: Signal, product: Value, borrow: Value | None) -> None:
        kept = {name: getattr(control, name) for name in ("valid", "shift")}
        view = data.StructLayout({"valid": 1, "first": 1, "shift": 1})
        forgetful = Signal(view, name=f"forgetful_{total.name}")
        m.d.comb += [forgetful[name].eq(value) for name, value in kept.items()]
        m.d.comb += forgetful.first.eq(Const(0))
        super().accumulate(m, forgetful, total, product, borrow)


class StickyGrid(DenseGrid):
    """Sums go on from one dot product to the next."""

    lane_type = StickyLane
