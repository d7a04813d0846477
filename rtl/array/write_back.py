"""Write-back: from drained sums to memories."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import Destination, MultiplierSource
from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits
from rtl.array.layouts import GroupRecord
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.memory.transposer import Transposer
from rtl.units.requantise import REQUANTISE_LATENCY, Requantise

SELECT_LATENCY = 2
"""Cycles from a drained vector to its requantise: its group's record, then its multipliers."""
VALUE_LATENCY = SELECT_LATENCY + REQUANTISE_LATENCY
"""Cycles from a drained vector to its values, which are written or added to the residual stream's."""
WRITE_LATENCY = VALUE_LATENCY + 1
"""Cycles from a drained vector to its last possible write: the residual stream's."""


class VectorRoute(data.StructLayout):
    """Where one vector goes."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "destination": unsigned(3),
            "address": unsigned(REGISTER_BITS),
            "row": unsigned(address_bits(config.width)),    # keys: in the transposer's tile
            "tile": unsigned(1),
            "token": unsigned(address_bits(config.lanes)),
            "slot": unsigned(1),
        })


class WriteBack(wiring.Component):
    """Choose each drained vector's multipliers, requantise it, and write it.

    ``drained``, ``drained_token`` and the ``record`` of its group come together, in any order of tokens and groups, at
    up to one vector a cycle. Nothing waits: every destination has a port of its own. Writes come VALUE_LATENCY (5)
    cycles after the drain, those of the residual stream one later (read, add, write), transposed keys when their
    tile is complete. A token's vector lies at the group's address + token * ``vector_stride``; keys have the address
    of their tile.

    Stages, from the drain: 1 record; 2 multipliers, and the address of the vector; 3 to 5 requantise; 6 residual.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        width, shapes = config.width, config.memory_shapes
        super().__init__({
            "record": In(GroupRecord()),
            "drained": In(width * config.accumulator_bits),
            "drained_token": In(range(config.lanes)),
            "drained_valid": In(1),
            "parameter_slot": Out(3),
            "parameters": In(width * numbers.PARAMETER_BITS),
            "row_multiplier": In(data.ArrayLayout(unsigned(numbers.MULTIPLIER_BITS), 2 * config.lanes)),
            "row_exponent": In(data.ArrayLayout(unsigned(5), 2 * config.lanes)),
            "activation": Out(WritePort(*shapes["activation"])),
            "key_value": Out(WritePort(*shapes["key_value"])),
            "score": Out(WritePort(*shapes["score"])),
            "score_lane": Out(8),
            "score_slot": Out(1),
            "residual_read": Out(ReadPort(*shapes["residual"])),
            "residual_write": Out(WritePort(*shapes["residual"])),
            "transposing": Out(1),
            "conflict": Out(1),    # keys and values would be written in one cycle, or a key's place is still in use
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.requantise = self.requantise = Requantise(self.config)
        m.submodules.transposer = self.transposer = Transposer(self.config)
        self.hold_vector(m)
        self.select(m)
        routes = self.routes(m)
        self.write_nibbles(m, routes[VALUE_LATENCY])
        self.write_scores(m, routes[VALUE_LATENCY])
        self.update_residual(m, routes)
        return m

    def hold_vector(self, m: Module) -> None:
        """Stage 1: the vector with its group's record, and how far its address is from the group's."""
        record = self.record
        self.valid = Signal()
        self.held = Signal(GroupRecord(), reset_less=True)
        self.token = Signal(range(self.config.lanes), reset_less=True)
        self.sums = Signal(len(self.drained), reset_less=True)
        self.offset = Signal(len(self.token) + len(record.vector_stride), reset_less=True)
        m.d.sync += self.valid.eq(self.drained_valid)
        with m.If(self.drained_valid):
            m.d.sync += [
                self.held.eq(record),
                self.token.eq(self.drained_token),
                self.sums.eq(self.drained),
                self.offset.eq(Mux(record.destination == Destination.KEY, 0,
                                   self.drained_token * record.vector_stride)),
            ]
        m.d.comb += self.parameter_slot.eq(self.held.slot)

    def select(self, m: Module) -> None:
        """Stage 2: multiplier, bias and shift of each channel."""
        config, requantise, record = self.config, self.requantise, self.held
        row = Signal(range(2 * config.lanes))
        multiplier = Signal(numbers.MULTIPLIER_BITS)
        from_columns = record.multiplier_source == MultiplierSource.COLUMN
        from_row = record.multiplier_source == MultiplierSource.ROW
        m.d.comb += [
            row.eq(self.row_of(record.row_slot, self.token)),
            multiplier.eq(Mux(from_row, self.row_multiplier[row], record.multiplier)),
        ]
        sums = Signal(len(self.sums), reset_less=True)
        m.d.sync += requantise.valid.eq(self.valid)
        m.d.comb += requantise.sums.as_value().eq(sums)
        with m.If(self.valid):
            m.d.sync += [
                sums.eq(self.sums),
                requantise.control.format.eq(record.format),
                requantise.control.shift.eq(record.shift + Mux(from_row, self.row_exponent[row], 0)),
            ]
            for column in range(config.width):
                own = self.parameters.word_select(column, numbers.PARAMETER_BITS)
                m.d.sync += [
                    requantise.multipliers[column].eq(Mux(from_columns, own[:numbers.MULTIPLIER_BITS], multiplier)),
                    requantise.biases[column].eq(Mux(from_columns, own[numbers.MULTIPLIER_BITS:].as_signed(), 0)),
                ]

    def row_of(self, slot: Value, token: Value) -> Value:
        """Index of a row's multiplier."""
        return slot * self.config.lanes + token

    def routes(self, m: Module) -> dict[int, tuple]:
        """The vector's valid bit and route beside each stage of the datapath, from SELECT_LATENCY on."""
        layout, record = VectorRoute(self.config), self.held
        route = Signal(layout, name="route_1")
        m.d.comb += [
            route.destination.eq(record.destination),
            route.address.eq(record.address + self.offset),
            route.row.eq(record.column + self.token),
            route.tile.eq(record.tile),
            route.token.eq(self.token),
            route.slot.eq(record.row_slot),
        ]
        stages = {1: (self.valid, route)}
        for stage in range(SELECT_LATENCY, WRITE_LATENCY + 1):
            valid = Signal(name=f"route_valid_{stage}")
            following = Signal(layout, name=f"route_{stage}", reset_less=True)
            m.d.sync += [register.eq(value)
                         for register, value in zip((valid, following), stages[stage - 1], strict=True)]
            stages[stage] = (valid, following)
        return stages

    def write_nibbles(self, m: Module, stage: tuple) -> None:
        """Stage 5: activations, values, and keys by way of the transposer."""
        valid, route = stage
        vector = Signal(self.config.word_bits)
        for column in range(self.config.width):
            m.d.comb += vector.word_select(column, numbers.NIBBLE_BITS).eq(self.requantise.values[column])
        transposer = self.transposer
        m.d.comb += [
            self.activation.enable.eq(valid & (route.destination == Destination.ACTIVATION)),
            self.activation.address.eq(bounded(route.address, self.activation.address)),
            self.activation.data.eq(vector),
            transposer.valid.eq(valid & (route.destination == Destination.KEY)),
            transposer.vector.eq(vector),
            transposer.base.eq(route.address),
            transposer.row.eq(route.row),
            transposer.tile.eq(route.tile),
            self.conflict.eq(transposer.overrun),
            self.transposing.eq(transposer.output_valid),
            self.key_value.enable.eq(transposer.output_valid),
            self.key_value.address.eq(bounded(transposer.output_address, self.key_value.address)),
            self.key_value.data.eq(transposer.output),
        ]
        with m.If(valid & (route.destination == Destination.VALUE)):
            m.d.comb += [self.conflict.eq(transposer.output_valid | transposer.overrun),
                         self.key_value.enable.eq(1),
                         self.key_value.address.eq(bounded(route.address, self.key_value.address)),
                         self.key_value.data.eq(vector)]

    def write_scores(self, m: Module, stage: tuple) -> None:
        """Stage 5: scores, beside what the row maxima need."""
        valid, route = stage
        m.d.comb += [
            self.score.enable.eq(valid & (route.destination == Destination.SCORE)),
            self.score.address.eq(bounded(route.address, self.score.address)),
            self.score_lane.eq(route.token),
            self.score_slot.eq(route.slot),
        ]
        for column in range(self.config.width):
            m.d.comb += self.score.data.word_select(column, numbers.SCORE_BITS).eq(self.requantise.values[column])

    def update_residual(self, m: Module, stages: dict[int, tuple]) -> None:
        """Stages 3 to 6: read, add, write."""
        width = self.config.width
        read_valid, read_route = stages[VALUE_LATENCY - READ_LATENCY]
        sum_valid, sum_route = stages[VALUE_LATENCY]
        write_valid, write_route = stages[WRITE_LATENCY]
        low, high = numbers.LIMITS[numbers.Format.WIDE]
        before = Signal(data.ArrayLayout(signed(numbers.WIDE_BITS), width))
        after = Signal(data.ArrayLayout(signed(numbers.WIDE_BITS), width), reset_less=True)
        adding = sum_route.destination == Destination.RESIDUAL_ADD
        read, write = self.residual_read, self.residual_write
        m.d.comb += [
            read.enable.eq(read_valid & (read_route.destination == Destination.RESIDUAL_ADD)),
            read.address.eq(bounded(read_route.address, read.address)),
            before.as_value().eq(read.data),
            write.enable.eq(write_valid & ((write_route.destination == Destination.RESIDUAL_ADD)
                                           | (write_route.destination == Destination.RESIDUAL_REPLACE))),
            write.address.eq(bounded(write_route.address, write.address)),
            write.data.eq(after),
        ]
        for column in range(width):
            value = self.requantise.values[column]
            total = Signal(signed(numbers.WIDE_BITS + 1), name=f"residual_total_{column}")
            m.d.comb += total.eq(Mux(adding, before[column], 0) + value)
            with m.If(sum_valid):
                m.d.sync += after[column].eq(Mux(total[-1] == total[-2], total, Mux(total[-1], low, high)))
