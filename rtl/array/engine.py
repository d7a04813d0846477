"""The array engine: front end, operand memories, lanes, write-back. Composition only."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, LeftMemory, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import array_tail
from rtl.array.front_end import FrontEnd, GroupRecord
from rtl.array.grid import Grid
from rtl.array.lane import Lane, LaneControl
from rtl.array.write_back import WriteBack
from rtl.control.engine import engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort

LEFT_PORTS = {LeftMemory.NORMALISED: "normalised", LeftMemory.ACTIVATION: "activation_read",
              LeftMemory.PROBABILITY: "probability"}


class ArrayEngine(wiring.Component):
    """Matrix products: left operand (tokens) x weight tile -> requantised vectors in their destination.

    A descriptor takes ``count * passes * words * width`` cycles in the front end, none lost to the next. Its results
    are written, and its semaphores raised, ``array_tail(config)`` cycles after each group's last cycle.
    """

    front_end_unit = FrontEnd

    def __init__(self, config: HardwareConfig, lane: type[Lane] = Lane) -> None:
        self.config = config
        self.lane = lane
        shapes = config.memory_shapes
        bank = config.residual_words // 2, shapes["residual"][1]
        super().__init__({
            **engine_members(Opcode.ARRAY),
            "waiting": Out(ENGINES),
            "conflict": Out(1),
            "starved": Out(1),
            "normalised": Out(ReadPort(*shapes["normalised"])),
            "activation_read": Out(ReadPort(*shapes["activation"])),
            "probability": Out(ReadPort(*shapes["probability"])),
            "tile": Out(ReadPort(*shapes["tile"])),
            "parameter_slot": Out(3),
            "parameters": In(config.width * numbers.PARAMETER_BITS),
            "row_multiplier": In(data.ArrayLayout(unsigned(numbers.MULTIPLIER_BITS), 2 * config.lanes)),
            "row_exponent": In(data.ArrayLayout(unsigned(5), 2 * config.lanes)),
            "activation": Out(WritePort(*shapes["activation"])),
            "key_value": Out(WritePort(*shapes["key_value"])),
            "score": Out(WritePort(*shapes["score"])),
            "score_lane": Out(8),
            "score_slot": Out(1),
            "score_first": Out(1),
            "residual_read_0": Out(ReadPort(*bank)),
            "residual_read_1": Out(ReadPort(*bank)),
            "residual_write_0": Out(WritePort(*bank)),
            "residual_write_1": Out(WritePort(*bank)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.front_end = self.front = self.front_end_unit(self.config)
        m.submodules.grid = self.grid = Grid(self.config, self.lane)
        m.submodules.write_back = self.back = WriteBack(self.config)
        self.connect_control(m)
        self.connect_operands(m)
        self.connect_write_back(m)
        return m

    def connect_control(self, m: Module) -> None:
        """Descriptors and semaphores; results count as given once they are written."""
        front = self.front
        tail = array_tail(self.config)
        pending = Signal(ENGINES * tail)
        in_flight = Signal(tail)     # groups that are not written yet
        m.d.sync += [pending.eq((pending << ENGINES) | front.signals), in_flight.eq((in_flight << 1) | front.group_end)]
        for name in ("take", "busy", "waiting", "starved"):
            m.d.comb += getattr(self, name).eq(getattr(front, name))
        connect(m, flipped(self.descriptor), front.descriptor)
        m.d.comb += [
            front.available.eq(self.available),
            self.give.eq(pending[-ENGINES:]),
            self.idle.eq(front.idle & ~pending.any() & ~in_flight.any() & ~self.back.transposing),
        ]

    def connect_operands(self, m: Module) -> None:
        """Read both operands; row, word and control reach the lanes together."""
        front, grid = self.front, self.grid
        memory = front.left_memory
        control = front.control
        for stage in range(READ_LATENCY):
            delayed = Signal(LaneControl, name=f"control_{stage}")
            delayed_memory = Signal(2, name=f"left_memory_{stage}")
            m.d.sync += [delayed.eq(control), delayed_memory.eq(memory)]
            control, memory = delayed, delayed_memory
        m.d.comb += [
            self.tile.enable.eq(front.busy),
            self.tile.address.eq(bounded(front.tile_address, self.tile.address)),
            grid.row.eq(self.tile.data),
            grid.control.eq(control),
        ]
        with m.Switch(memory):
            for candidate, name in LEFT_PORTS.items():
                port = getattr(self, name)
                m.d.comb += [
                    port.enable.eq(front.left_enable & (front.left_memory == candidate)),
                    port.address.eq(bounded(front.left_address, port.address)),
                ]
                with m.Case(candidate):
                    m.d.comb += grid.word.eq(port.data)

    def connect_write_back(self, m: Module) -> None:
        """The record of a group waits until its lane 0 is drained."""
        back, grid = self.back, self.grid
        record = Signal(GroupRecord)
        with m.If(self.front.group_end):
            m.d.sync += record.eq(self.front.record)
        m.d.comb += [
            back.record.eq(record),
            back.record_valid.eq(grid.drained_next),
            back.drained.eq(grid.drained),
            back.drained_lane.eq(grid.drained_lane),
            back.drained_valid.eq(grid.drained_valid),
            self.parameter_slot.eq(back.parameter_slot),
            back.parameters.eq(self.parameters),
            back.row_multiplier.eq(self.row_multiplier),
            back.row_exponent.eq(self.row_exponent),
            self.conflict.eq(back.conflict),
            self.score_lane.eq(back.score_lane),
            self.score_slot.eq(back.score_slot),
            self.score_first.eq(back.score_first),
        ]
        for name in ("activation", "key_value", "score", "residual_read_0", "residual_read_1", "residual_write_0",
                     "residual_write_1"):
            connect(m, getattr(back, name), flipped(getattr(self, name)))
