"""Weight loader: fills weight-tile slots beside the array."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, LoadSource, Opcode
from golden.spec.hardware import REGISTER_BITS, HardwareConfig
from golden.spec.latency import LOAD_TAIL
from rtl.control.engine import engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.memory.sdram_store import FetchPort


class Loader(wiring.Component):
    """Copy ``rows`` consecutive words from the weight store or the key and value memory into a slot.

    With ``parameters`` the first PARAMETER_ROWS words are the slot's multipliers and biases instead. One word a cycle
    from the cycle after acceptance, of weights in an SDRAM as ``fetch`` gives them; the semaphores rise LOAD_TAIL
    cycles after the last read. An empty load takes no cycle of work. ``parameters`` out: width x 32 bits of the slot
    asked for, in the same cycle.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        shapes = config.memory_shapes
        super().__init__({
            **engine_members(Opcode.LOAD),
            **({"fetch": Out(FetchPort(config.word_bits))} if config.sdram_weights else
               {"weight": Out(ReadPort(*shapes["weight"]))}),
            "key_value": Out(ReadPort(*shapes["key_value"])),
            "tile": Out(WritePort(*shapes["tile"])),
            "parameter_slot": In(3),
            "parameters": Out(config.width * numbers.PARAMETER_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = Signal(1)
        address = Signal(REGISTER_BITS)
        target = Signal(REGISTER_BITS)
        parameters_left = Signal(range(numbers.PARAMETER_ROWS + 1))
        rows_left = Signal(12)
        slot = Signal(3)
        ending = Signal(ENGINES)
        self.reading = Signal() if self.config.sdram_weights else self.busy     # a word is read in this cycle
        self.walk(m, source, address, target, parameters_left, rows_left, slot, ending)

        parameter_row = numbers.PARAMETER_ROWS - parameters_left
        stages = [(self.reading, parameters_left != 0, source, target, parameter_row, slot)]
        for stage in range(READ_LATENCY):
            registers = [Signal(1, name=f"valid_{stage}"), Signal(1, name=f"parameter_{stage}"),
                         Signal(1, name=f"source_{stage}"), Signal(REGISTER_BITS, name=f"target_{stage}"),
                         Signal(4, name=f"parameter_row_{stage}"), Signal(3, name=f"slot_{stage}")]
            m.d.sync += [register.eq(value) for register, value in zip(registers, stages[-1], strict=True)]
            stages.append(tuple(registers))
        self.write(m, stages[-1])
        return m

    def walk(self, m: Module, source: Signal, address: Signal, target: Signal, parameters_left: Signal,
             rows_left: Signal, slot: Signal, ending: Signal) -> None:
        """Accept a descriptor and issue its reads."""
        upcoming = self.descriptor.payload
        wanted = upcoming.wait_first | upcoming.wait_each
        signals = upcoming.signal_each | upcoming.signal_last
        accept = Signal()
        last = Signal()
        pending = Signal(ENGINES * LOAD_TAIL)
        tail = Signal(LOAD_TAIL)     # reads whose rows are not written yet
        finished = Signal(ENGINES)
        m.d.comb += [
            self.busy.eq((parameters_left != 0) | (rows_left != 0)),
            last.eq(self.reading & (parameters_left + rows_left == 1)),
            accept.eq(~self.busy & self.descriptor.valid & ~(wanted & ~self.available).any()),
            self.descriptor.ready.eq(accept),
            self.key_value.enable.eq(self.busy & (source == LoadSource.KEY_VALUE)),
            self.key_value.address.eq(bounded(address, self.key_value.address)),
            finished.eq(Mux(last, ending, 0)),
            self.give.eq(pending[-ENGINES:]),
            self.idle.eq(~self.busy & ~pending.any() & ~tail.any()),
        ]
        self.read_weights(m, source, address, accept)
        with m.If(self.reading):
            m.d.sync += address.eq(address + 1)
            with m.If(parameters_left != 0):
                m.d.sync += parameters_left.eq(parameters_left - 1)
            with m.Else():
                m.d.sync += [rows_left.eq(rows_left - 1), target.eq(target + 1)]
        with m.If(accept):
            m.d.comb += self.take.eq(wanted)
            m.d.sync += [source.eq(upcoming.source), address.eq(upcoming.base), slot.eq(upcoming.slot),
                         target.eq(self.first_row(upcoming.slot)), rows_left.eq(upcoming.rows),
                         parameters_left.eq(Mux(upcoming.parameters, numbers.PARAMETER_ROWS, 0)), ending.eq(signals)]
            with m.If((upcoming.rows == 0) & ~upcoming.parameters):
                m.d.comb += finished.eq(signals)
        m.d.sync += [pending.eq((pending << ENGINES) | finished), tail.eq((tail << 1) | self.reading)]

    def read_weights(self, m: Module, source: Signal, address: Signal, accept: Value) -> None:
        """A weight a cycle from block RAM, or as the SDRAM gives them; keys and values always come one a cycle."""
        upcoming = self.descriptor.payload
        if not self.config.sdram_weights:
            m.d.comb += [
                self.weight.enable.eq(self.busy & (source == LoadSource.WEIGHT)),
                self.weight.address.eq(bounded(address, self.weight.address)),
            ]
            return
        count = upcoming.rows + Mux(upcoming.parameters, numbers.PARAMETER_ROWS, 0)
        m.d.comb += [
            self.reading.eq(self.busy & ((source == LoadSource.KEY_VALUE) | self.fetch.coming)),
            self.fetch.start.eq(accept & (upcoming.source == LoadSource.WEIGHT) & (count != 0)),
            self.fetch.first.eq(upcoming.base),
            self.fetch.count.eq(count),
        ]

    def first_row(self, slot: Value) -> Value:
        """Where a slot begins in the tile memory."""
        return slot * self.config.slot_rows

    def write(self, m: Module, stage: tuple) -> None:
        """Rows go to the tile memory, parameters to a small memory a row that is read all at once."""
        valid, parameter, source, target, parameter_row, slot = stage
        word = Signal(self.config.word_bits)
        weight = self.fetch if self.config.sdram_weights else self.weight
        m.d.comb += [
            word.eq(Mux(source == LoadSource.KEY_VALUE, self.key_value.data, weight.data)),
            self.tile.enable.eq(valid & ~parameter),
            self.tile.address.eq(bounded(target, self.tile.address)),
            self.tile.data.eq(word),
        ]
        rows = []
        for row in range(numbers.PARAMETER_ROWS):
            store = memory.Memory(shape=self.config.word_bits, depth=self.config.slots, init=[])
            m.submodules[f"parameter_row_{row}"] = store
            writer = store.write_port()
            reader = store.read_port(domain="comb")
            m.d.comb += [
                writer.addr.eq(slot), writer.data.eq(word),
                writer.en.eq(valid & parameter & (parameter_row == row)),
                reader.addr.eq(self.parameter_slot),
            ]
            rows.append(reader.data)
        bits = numbers.NIBBLE_BITS
        m.d.comb += self.parameters.eq(
            Cat(row.word_select(column, bits) for column in range(self.config.width) for row in rows))



