"""Planted bugs of the lanes and the grid; none of this is part of the product."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data

from golden.spec.hardware import HardwareConfig
from golden.spec.latency import LINES_HELD
from rtl.array.grid import Grid
from rtl.array.lane import Lane
from rtl.array.line_queue import LineQueue
from rtl.array.multiply_accumulate import MultiplyAccumulate


class UnshiftedMultiply(MultiplyAccumulate):
    """Does not shift between nibble passes."""

    @staticmethod
    def accumulate(m: Module, step: data.View, total: Signal, product: Value) -> None:
        with m.If(step.valid):
            m.d.sync += total.eq(Mux(step.first, 0, total) + product)


class UnshiftedLane(Lane):
    multiply_unit = UnshiftedMultiply


class GreedyQueue(LineQueue):
    """Takes a third line."""

    @staticmethod
    def has_space(held: Value) -> Value:
        return held <= LINES_HELD


class GreedyLane(Lane):
    queue_unit = GreedyQueue


class PausingQueue(LineQueue):
    """Loses a cycle between two words."""

    @staticmethod
    def takes_word(valid: Value, empties: Value) -> Value:
        return ~valid


class PausingLane(Lane):
    queue_unit = PausingQueue


class UnsignedQueue(LineQueue):
    """Takes int4 for uint4."""

    @staticmethod
    def operand_value(nibble: Value, is_signed: Value) -> Value:
        return nibble


class UnsignedLane(Lane):
    queue_unit = UnsignedQueue


class UnwrappedQueue(LineQueue):
    """Does not go on at the tile memory's first row after its last."""

    def row_address(self, row: Value) -> Value:
        return row


class UnwrappedLane(Lane):
    queue_unit = UnwrappedQueue


class HastyLane(Lane):
    """Completes a token while the one before it is not granted."""

    @staticmethod
    def must_hold(done: Value, grant: Value) -> Value:
        return Const(0)


class ShyLane(Lane):
    """Does not complete a token in the cycle in which the one before it is granted."""

    @staticmethod
    def must_hold(done: Value, grant: Value) -> Value:
        return done


class LateGrid(Grid):
    """Drains one cycle too late."""

    grant_stages = Grid.grant_stages + 1


class CrowdedGrid(Grid):
    """Lanes of which each completes a token while the one before it is not granted."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__(config, lane=HastyLane)
