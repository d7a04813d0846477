"""The array: lanes in a row, each one cycle behind the one before it, and the drain that collects their sums."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import HardwareConfig, address_bits
from rtl.array.lane import LANE_LATENCY, Lane, LaneControl

DRAIN_LATENCY = LANE_LATENCY + 1
"""Cycles from the last row at the first lane's input to that lane's sums at ``drained``."""


class Grid(wiring.Component):
    """``lanes`` lanes of ``width`` multipliers.

    The left operand's memory has one port: lane i takes its word i cycles after lane 0, just when the row of the
    word's first channel reaches it, so one word and one row a cycle keep every multiplier busy. The sums of lane i
    are complete i cycles after those of lane 0; the drain takes one lane a cycle.

    Latency DRAIN_LATENCY cycles from the last row to the sums of lane 0; one lane a cycle after it. A dot product
    has at least ``width`` terms, so that drains never overlap.
    """

    def __init__(self, config: HardwareConfig, lane: type[Lane] = Lane) -> None:
        self.config = config
        self.lane = lane
        super().__init__({
            "word": In(config.word_bits),
            "row": In(config.word_bits),
            "control": In(LaneControl),
            "drained": Out(config.width * config.accumulator_bits),
            "drained_lane": Out(address_bits(config.lanes)),
            "drained_valid": Out(1),
            "drained_next": Out(1),  # lane 0 is drained in the next cycle
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        row = self.row
        control = self.control
        done = []
        sums = []
        for index in range(self.config.lanes):
            lane = self.lane(self.config)
            m.submodules[f"lane_{index}"] = lane
            m.d.comb += [lane.word.eq(self.word), lane.row.eq(row), lane.control.eq(control)]
            row = lane.next_row
            control = lane.next_control
            done.append(lane.done)
            sums.append(lane.sums)
        self.drain(m, Cat(done), sums)
        return m

    def drain(self, m: Module, done: Cat, sums: list) -> None:
        """Stage 4: the one lane whose sums are complete."""
        drained = Signal(self.config.width * self.config.accumulator_bits, reset_less=True)
        lane = Signal(address_bits(self.config.lanes))
        upcoming = Signal.like(lane)
        m.d.sync += [self.drained_valid.eq(done.any()), lane.eq(upcoming)]
        with m.If(done.any()):
            m.d.sync += upcoming.eq(upcoming + 1)
        with m.Switch(upcoming):
            for index, total in enumerate(sums):
                with m.Case(index):
                    m.d.sync += drained.eq(total)
        m.d.comb += [self.drained.eq(drained), self.drained_lane.eq(lane), self.drained_next.eq(done[0])]
