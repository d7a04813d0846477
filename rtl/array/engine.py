"""The array engine: dispatcher, fetcher, lanes, groups in flight, write-back. Composition only."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, LeftMemory, Opcode
from golden.spec.hardware import HardwareConfig
from rtl.array.detector import Detector
from rtl.array.dispatcher import Dispatcher
from rtl.array.fetcher import Fetcher
from rtl.array.grid import Grid
from rtl.array.in_flight import InFlight
from rtl.array.lane import Lane
from rtl.array.layouts import LineControl
from rtl.array.write_back import WriteBack
from rtl.control.engine import engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, LineReadPort, ReadPort, WritePort

LEFT_PORTS = {LeftMemory.NORMALISED: "normalised", LeftMemory.ACTIVATION: "activation_read",
              LeftMemory.PROBABILITY: "probability"}


class ArrayEngine(wiring.Component):
    """Matrix products: left operand (tokens) x weight tile -> requantised vectors in their destination.

    Each lane multiplies the non-zero channels of its own token, one a cycle. Lanes are served in turn, once in
    ``lanes`` cycles: with a line of operands, and by the drain. ``golden.spec.array_timing`` tells every cycle.
    Results of a group are written, and its semaphores raised, ARRAY_TAIL cycles after it retires.
    """

    dispatcher_unit = Dispatcher
    fetcher_unit = Fetcher
    in_flight_unit = InFlight

    def __init__(self, config: HardwareConfig, lane: type[Lane] = Lane, family: str = "generic") -> None:
        self.config = config
        self.lane = lane
        self.family = family
        shapes = config.memory_shapes
        lanes = range(config.lanes + 1)
        split = {"split": Out(ReadPort(*shapes["split"])), "split_write": Out(WritePort(*shapes["split"])),
                 "split_fault": Out(1), "split_conflict": Out(1)}
        super().__init__({
            **engine_members(Opcode.ARRAY),
            "waiting": Out(ENGINES),
            "starved": Out(1),
            "windowed": Out(1),
            "conflict": Out(1),
            **{name: Out(LineReadPort(*shapes[memory], config.line_words)) for name, memory in (
                ("normalised", "normalised"), ("activation_read", "activation"), ("probability", "probability"))},
            "tile": In(WritePort(*shapes["tile"])),
            "tile_fault": Out(1),
            "tile_collision": Out(1),
            "tile_damaged": Out(1),
            "parameter_slot": Out(3),
            "parameters": In(config.width * numbers.PARAMETER_BITS),
            "row_multiplier": In(data.ArrayLayout(unsigned(numbers.MULTIPLIER_BITS), 2 * config.lanes)),
            "row_exponent": In(data.ArrayLayout(unsigned(5), 2 * config.lanes)),
            "activation": Out(WritePort(*shapes["activation"])),
            "key_value": Out(WritePort(*shapes["key_value"])),
            "score": Out(WritePort(*shapes["score"])),
            "score_lane": Out(8),
            "score_slot": Out(1),
            "residual_read": Out(ReadPort(*shapes["residual"])),
            "residual_write": Out(WritePort(*shapes["residual"])),
            "offered": Out(range(config.line_words + 1)),  # words of left operands fetched in this cycle
            **(split if config.dense_lanes else {}),
            "issued": Out(range(config.lanes + config.dense_lanes + 1)),  # lanes that multiply
            "waiting_line": Out(lanes),
            "waiting_drain": Out(lanes),
            "waiting_token": Out(lanes),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.deciding = Signal()
        m.submodules.dispatcher = self.dispatcher = self.dispatcher_unit(self.config)
        m.submodules.fetcher = self.fetcher = self.fetcher_unit(self.config)
        m.submodules.grid = self.grid = Grid(self.config, self.lane, self.family)
        m.submodules.in_flight = self.in_flight = self.in_flight_unit(self.config)
        m.submodules.write_back = self.back = WriteBack(self.config)
        self.connect_control(m)
        self.connect_lanes(m)
        self.connect_operands(m)
        self.connect_write_back(m)
        self.connect_counters(m)
        if self.config.dense_lanes:
            self.connect_split(m)
        return m

    def connect_control(self, m: Module) -> None:
        """Descriptors and semaphores; groups from their allocation to their retirement."""
        dispatcher, in_flight = self.dispatcher, self.in_flight
        connect(m, flipped(self.descriptor), dispatcher.descriptor)
        for name in ("room", "key_room", "quiet", "entry"):
            m.d.comb += getattr(dispatcher, name).eq(getattr(in_flight, name))
        for name in ("allocate", "tokens", "keys", "signals", "record", "operand"):
            m.d.comb += getattr(in_flight, name).eq(getattr(dispatcher, name))
        m.d.comb += [
            dispatcher.available.eq(self.available),
            self.take.eq(dispatcher.take),
            self.give.eq(in_flight.give),
            self.busy.eq(in_flight.busy),
            self.idle.eq(dispatcher.idle & in_flight.quiet & ~self.back.transposing & ~self.deciding),
        ]

    def connect_lanes(self, m: Module) -> None:
        """Tokens to the fetcher, which serves the lanes in turn."""
        dispatcher, fetcher, in_flight, grid = self.dispatcher, self.fetcher, self.in_flight, self.grid
        m.d.comb += [
            fetcher.busy.eq(in_flight.busy),
            fetcher.offered.eq(dispatcher.offered),
            fetcher.token.eq(dispatcher.token),
            dispatcher.taken.eq(fetcher.taken),
            in_flight.fetched_entry.eq(fetcher.entry),
            fetcher.operand.eq(in_flight.fetched_operand),
            fetcher.space.eq(grid.space),
            fetcher.partner_space.eq(grid.partner_space),
            grid.slot.eq(fetcher.slot),
            grid.reserve.eq(fetcher.reserve),
        ]

    def connect_operands(self, m: Module) -> None:
        """Lines and what accompanies them reach the lanes together; weight rows go to every lane's copy."""
        fetcher, grid = self.fetcher, self.grid
        fetched = stage = (fetcher.line_valid, fetcher.line_lane, fetcher.line_memory, fetcher.control)
        for number in range(READ_LATENCY):
            valid = Signal(name=f"line_valid_{number}")
            lane = Signal.like(fetcher.line_lane, name=f"line_lane_{number}", reset_less=True)
            memory = Signal(2, name=f"line_memory_{number}", reset_less=True)
            control = Signal(LineControl(self.config), name=f"control_{number}", reset_less=True)
            following = (valid, lane, memory, control)
            m.d.sync += [register.eq(value) for register, value in zip(following, stage, strict=True)]
            stage = following
        m.d.comb += [grid.line_valid.eq(stage[0]), grid.line_lane.eq(stage[1]), grid.control.eq(stage[3])]
        with m.Switch(self.memory_of_line(fetched[2], stage[2])):
            for candidate, name in LEFT_PORTS.items():
                port = getattr(self, name)
                m.d.comb += [
                    port.enable.eq(fetcher.line_valid & (fetcher.line_memory == candidate)),
                    port.address.eq(bounded(fetcher.line_address, port.address)),
                    port.words.eq(fetcher.control.words),
                ]
                with m.Case(candidate):
                    m.d.comb += grid.line.eq(port.data)
        connect(m, flipped(self.tile), grid.tile)
        m.d.comb += [self.tile_fault.eq(grid.fault), self.tile_collision.eq(grid.collision),
                     self.tile_damaged.eq(grid.damaged)]

    def memory_of_line(self, addressed: Value, arriving: Value) -> Value:
        """Which memory the line that arrives comes from; another may be addressed meanwhile."""
        return arriving

    def connect_write_back(self, m: Module) -> None:
        """Drained vectors, each with its group's record."""
        back, grid, in_flight = self.back, self.grid, self.in_flight
        m.d.comb += [
            in_flight.drained_valid.eq(grid.drained_valid),
            in_flight.drained_entry.eq(grid.drained_entry),
            back.record.eq(in_flight.drained_record),
            back.drained.eq(grid.drained),
            back.drained_token.eq(grid.drained_token),
            back.drained_valid.eq(grid.drained_valid),
            self.parameter_slot.eq(back.parameter_slot),
            back.parameters.eq(self.parameters),
            back.row_multiplier.eq(self.row_multiplier),
            back.row_exponent.eq(self.row_exponent),
            self.conflict.eq(back.conflict),
            self.score_lane.eq(back.score_lane),
            self.score_slot.eq(back.score_slot),
        ]
        for name in ("activation", "key_value", "score", "residual_read", "residual_write"):
            connect(m, getattr(back, name), flipped(getattr(self, name)))

    def connect_split(self, m: Module) -> None:
        """Each line's dense channels come with it; samples of the lines decide on the channels of the next step."""
        fetcher, grid, retired = self.fetcher, self.grid, self.in_flight.retired_operand
        m.submodules.detector = detector = Detector(self.config)
        stages = [(fetcher.line_valid & fetcher.split, fetcher.sample, fetcher.split_entry)]
        for number in range(READ_LATENCY):
            following = (Signal(name=f"split_{number}"), Signal(name=f"sample_{number}"),
                         Signal.like(fetcher.split_entry, name=f"split_entry_{number}", reset_less=True))
            m.d.sync += [register.eq(value) for register, value in zip(following, stages[-1], strict=True)]
            stages.append(following)
        split, sample, entry = stages[-1]
        m.d.comb += [
            self.split.enable.eq(fetcher.line_valid & fetcher.split),
            self.split.address.eq(bounded(fetcher.split_entry, self.split.address)),
            grid.dense.eq(Mux(split, self.split.data, 0)),
            detector.sample_valid.eq(sample),
            detector.sample_entry.eq(entry),
            detector.sample_nonzero.eq(grid.nonzero),
            detector.decide_valid.eq(self.in_flight.retire & retired.decide),
            detector.decide_entry.eq(retired.split_base),
            detector.decide_count.eq(retired.words),
            detector.decide_fixed.eq(retired.decide_fixed),
            self.split_fault.eq(detector.fault),
            self.split_conflict.eq(detector.overrun | detector.request_overrun),
            self.deciding.eq(detector.busy),
        ]
        connect(m, detector.split, flipped(self.split_write))

    def connect_counters(self, m: Module) -> None:
        """What the counters count."""
        for name in ("waiting", "starved", "windowed"):
            m.d.comb += getattr(self, name).eq(getattr(self.dispatcher, name))
        for name in ("issued", "waiting_line", "waiting_drain", "waiting_token"):
            m.d.comb += getattr(self, name).eq(getattr(self.grid, name))
        m.d.comb += self.offered.eq(self.fetcher.words)
