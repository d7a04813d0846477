"""Write-back: from drained sums to memories."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import Destination, MultiplierSource
from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits
from rtl.array.front_end import GroupRecord
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.memory.transposer import Transposer
from rtl.units.requantise import REQUANTISE_LATENCY, Requantise

SELECT_LATENCY = 1
WRITE_LATENCY = SELECT_LATENCY + REQUANTISE_LATENCY + 1
"""Cycles from a drained vector to its last possible write (the residual stream's)."""


VectorRoute = data.StructLayout({
    "destination": unsigned(3),
    "address": unsigned(REGISTER_BITS),
    "bank": unsigned(1),
    "first_group": unsigned(1),
    "lane": unsigned(8),
    "slot": unsigned(1),
})
"""Where one vector goes."""


class WriteBack(wiring.Component):
    """Choose each drained vector's multipliers, requantise it, and write it.

    A group's ``record`` is taken in the cycle before its lane 0 is drained. Vectors follow at up to one a cycle;
    nothing waits: every destination has a port of its own. Writes come SELECT_LATENCY + 3 cycles after the drain,
    those of the residual stream one later (read, add, write).
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        width, shapes = config.width, config.memory_shapes
        bank = config.residual_words // 2
        residual_bits = shapes["residual"][1]
        super().__init__({
            "record": In(GroupRecord),
            "record_valid": In(1),
            "drained": In(width * config.accumulator_bits),
            "drained_lane": In(address_bits(config.lanes)),
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
            "score_first": Out(1),
            "residual_read_0": Out(ReadPort(bank, residual_bits)),
            "residual_read_1": Out(ReadPort(bank, residual_bits)),
            "residual_write_0": Out(WritePort(bank, residual_bits)),
            "residual_write_1": Out(WritePort(bank, residual_bits)),
            "transposing": Out(1),
            "conflict": Out(1),        # keys and values would be written in one cycle
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.requantise = self.requantise = Requantise(self.config)
        m.submodules.transposer = self.transposer = Transposer(self.config)
        record = self.record_of_vector(m)
        self.select(m, record)
        routes = self.routes(m, record)
        self.write_nibbles(m, routes[REQUANTISE_LATENCY + SELECT_LATENCY])
        self.write_scores(m, routes[REQUANTISE_LATENCY + SELECT_LATENCY])
        self.update_residual(m, routes)
        return m

    def record_of_vector(self, m: Module) -> data.View:
        """Stage 0: the record of the group that is being drained, and the vector's address."""
        record = Signal(GroupRecord)
        with m.If(self.drained_valid):
            m.d.sync += record.address.eq(record.address + record.vector_stride)
        with m.If(self.record_valid):
            m.d.sync += record.eq(self.record)
        m.d.comb += self.parameter_slot.eq(record.slot)
        return record

    def select(self, m: Module, record: data.View) -> None:
        """Stage 1: multiplier, bias and shift of each channel."""
        config, requantise = self.config, self.requantise
        row = Signal(range(2 * config.lanes))
        multiplier = Signal(numbers.MULTIPLIER_BITS)
        from_columns = record.multiplier_source == MultiplierSource.COLUMN
        from_row = record.multiplier_source == MultiplierSource.ROW
        m.d.comb += [
            row.eq(record.row_slot * config.lanes + self.drained_lane),
            multiplier.eq(Mux(from_row, self.row_multiplier[row], record.multiplier)),
        ]
        sums = Signal(config.width * config.accumulator_bits, reset_less=True)
        m.d.sync += requantise.valid.eq(self.drained_valid)
        m.d.comb += requantise.sums.as_value().eq(sums)
        with m.If(self.drained_valid):
            m.d.sync += [
                sums.eq(self.drained),
                requantise.control.format.eq(record.format),
                requantise.control.shift.eq(record.shift + Mux(from_row, self.row_exponent[row], 0)),
            ]
            for column in range(config.width):
                own = self.parameters.word_select(column, numbers.PARAMETER_BITS)
                m.d.sync += [
                    requantise.multipliers[column].eq(Mux(from_columns, own[:numbers.MULTIPLIER_BITS], multiplier)),
                    requantise.biases[column].eq(Mux(from_columns, own[numbers.MULTIPLIER_BITS:].as_signed(), 0)),
                ]

    def routes(self, m: Module, record: data.View) -> list[data.View]:
        """The vector's route beside each stage of the datapath, with its valid bit; index 0 is the drain's cycle."""
        route = Signal(VectorRoute, name="route_0")
        m.d.comb += [
            route.destination.eq(record.destination), route.address.eq(record.address), route.bank.eq(record.bank),
            route.first_group.eq(record.first_group), route.lane.eq(self.drained_lane), route.slot.eq(record.row_slot),
        ]
        stages = [(self.drained_valid, route)]
        for stage in range(1, WRITE_LATENCY + 1):
            valid = Signal(name=f"route_valid_{stage}")
            following = Signal(VectorRoute, name=f"route_{stage}", reset_less=True)
            m.d.sync += [valid.eq(stages[-1][0]), following.eq(stages[-1][1])]
            stages.append((valid, following))
        return stages

    def write_nibbles(self, m: Module, stage: tuple) -> None:
        """Stage 4: activations, values, and keys by way of the transposer."""
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
            self.transposing.eq(transposer.output_valid),
            self.key_value.enable.eq(transposer.output_valid),
            self.key_value.address.eq(bounded(transposer.output_address, self.key_value.address)),
            self.key_value.data.eq(transposer.output),
        ]
        with m.If(valid & (route.destination == Destination.VALUE)):
            m.d.comb += [self.conflict.eq(transposer.output_valid),
                         self.key_value.enable.eq(1),
                         self.key_value.address.eq(bounded(route.address, self.key_value.address)),
                         self.key_value.data.eq(vector)]

    def write_scores(self, m: Module, stage: tuple) -> None:
        """Stage 4: scores, beside what the row maxima need."""
        valid, route = stage
        m.d.comb += [
            self.score.enable.eq(valid & (route.destination == Destination.SCORE)),
            self.score.address.eq(bounded(route.address, self.score.address)),
            self.score_lane.eq(route.lane),
            self.score_slot.eq(route.slot),
            self.score_first.eq(route.first_group),
        ]
        for column in range(self.config.width):
            m.d.comb += self.score.data.word_select(column, numbers.SCORE_BITS).eq(self.requantise.values[column])

    def update_residual(self, m: Module, stages: list) -> None:
        """Stages 2 to 5: read, add, write one of the two banks."""
        width = self.config.width
        last = REQUANTISE_LATENCY + SELECT_LATENCY
        read_valid, read_route = stages[last - READ_LATENCY]
        sum_valid, sum_route = stages[last]
        write_valid, write_route = stages[last + 1]
        low, high = numbers.LIMITS[numbers.Format.WIDE]
        before = Signal(data.ArrayLayout(signed(numbers.WIDE_BITS), width))
        after = Signal(data.ArrayLayout(signed(numbers.WIDE_BITS), width), reset_less=True)
        adding = sum_route.destination == Destination.RESIDUAL_ADD
        m.d.comb += before.as_value().eq(Mux(sum_route.bank, self.residual_read_1.data, self.residual_read_0.data))
        for column in range(width):
            value = self.requantise.values[column]
            total = Signal(signed(numbers.WIDE_BITS + 1), name=f"residual_total_{column}")
            m.d.comb += total.eq(Mux(adding, before[column], 0) + value)
            with m.If(sum_valid):
                m.d.sync += after[column].eq(Mux(total < low, low, Mux(total > high, high, total)))
        writing = write_valid & ((write_route.destination == Destination.RESIDUAL_ADD)
                                 | (write_route.destination == Destination.RESIDUAL_REPLACE))
        for bank, (read, write) in enumerate(((self.residual_read_0, self.residual_write_0),
                                              (self.residual_read_1, self.residual_write_1))):
            m.d.comb += [
                read.enable.eq(read_valid & (read_route.bank == bank)
                               & (read_route.destination == Destination.RESIDUAL_ADD)),
                read.address.eq(bounded(read_route.address, read.address)),
                write.enable.eq(writing & (write_route.bank == bank)),
                write.address.eq(bounded(write_route.address, write.address)),
                write.data.eq(after),
            ]
