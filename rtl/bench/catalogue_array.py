"""What ``rtl.verilog --unit`` builds from the array, its memories and its control: units with what a bench needs."""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Array, Cat, Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import HardwareConfig
from rtl.array.engine import ArrayEngine
from rtl.bench import bugs_array as bugs
from rtl.bench.sdram_chip import chip_for
from rtl.control.engine import descriptor_layout, engine_members
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.memory.line_ram import LineRam
from rtl.memory.loader import Loader
from rtl.memory.part_ram import PartRam
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram
from rtl.memory.sdram_store import SdramStore
from rtl.units.requantise import Requantise

TYPES: dict[str, dict[str | None, type]] = {
    "requantise": {None: Requantise, "no_rounding": bugs.UnroundedRequantise},
    "loader": {None: Loader, "shifted": bugs.ShiftedLoader},
    "descriptor_queue": {None: DescriptorQueue, "drops": bugs.DroppingQueue},
    "semaphores": {None: Semaphores, "forgets": bugs.ForgetfulSemaphores},
    "sequencer": {None: Sequencer, "long_loop": bugs.LongLoopSequencer, "hasty": bugs.HastySequencer,
                  "forgetful": bugs.ForgetfulSequencer},
    "array_engine": {None: ArrayEngine, **bugs.ARRAYS},
    "guard": {None: Guard, "patient": bugs.PatientGuard, "hasty": bugs.HastyGuard},
}
"""The component of each unit, and those with a planted bug.

No unit is called as a header of C++ is: the simulator's binary has the unit's name and lies where headers are sought.
"""

ENGINE_PORTS = ("take", "give", "busy", "idle")
BENCH_WATCHDOG_CYCLES = 50
BENCH_MEMORIES = 15


def _connect_engine(m: Module, top: wiring.Component, engine: wiring.Component) -> None:
    connect(m, flipped(top.descriptor), engine.descriptor)
    m.d.comb += engine.available.eq(top.available)
    m.d.comb += [getattr(top, name).eq(getattr(engine, name)) for name in ENGINE_PORTS]


class LoaderBench(wiring.Component):
    """Loader with its source memories, which the bench loads, and its writes."""

    SOURCES = ("weight", "key_value")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.engine = TYPES["loader"][bug](config)
        shapes = config.memory_shapes
        super().__init__({
            **engine_members(Opcode.LOAD),
            **{f"load_{name}": In(WritePort(*shapes[name])) for name in self.SOURCES},
            "written": Out(WritePort(*shapes["tile"])),
            "parameter_slot": In(3),
            "parameters": Out(config.width * numbers.PARAMETER_BITS),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        fault = 0
        for name in self.SOURCES:
            if name == "weight" and self.config.sdram_weights:
                fault = fault | self.add_sdram(m)
                continue
            m.submodules[name] = memory = Ram(*self.config.memory_shapes[name])
            connect(m, memory.read, getattr(engine, name))
            connect(m, flipped(getattr(self, f"load_{name}")), memory.write)
            fault = fault | memory.fault
        _connect_engine(m, self, engine)
        connect(m, engine.tile, flipped(self.written))
        m.d.comb += [
            engine.parameter_slot.eq(self.parameter_slot),
            self.parameters.eq(engine.parameters),
            self.fault.eq(fault),
        ]
        return m


    def add_sdram(self, m: Module) -> Value:
        """Weights in a chip; returns what must not be."""
        m.submodules.weight = store = SdramStore(self.config)
        m.submodules.chip = chip = chip_for(self.config)
        connect(m, store.pins, chip.pins)
        connect(m, self.engine.fetch, store.fetch)
        connect(m, flipped(self.load_weight), store.write)
        return store.fault | store.collision | store.damaged | chip.violation


class SequencerBench(wiring.Component):
    """Sequencer with its program memory, which the bench loads."""

    INPUTS = ("resume", "pause_each_step", "stop", "all_idle", "settled")
    OUTPUTS = ("credit", "credit_giver", "credit_taker", "credit_count", "running", "paused", "done", "step_end",
               "progress", "program_counter", "error", "error_code")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.sequencer = TYPES["sequencer"][bug](config)
        members = self.sequencer.signature.members
        super().__init__({
            **{name: members[name] for name in (*self.INPUTS, *self.OUTPUTS)},
            **{f"issue_{engine.name.lower()}": Out(stream.Signature(descriptor_layout(Opcode(engine))))
               for engine in Engine},
            "begin_run": In(1),    # ``begin`` is a word of Verilog
            "load_program": In(WritePort(*config.memory_shapes["program"])),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.sequencer = sequencer = self.sequencer
        m.submodules.program = memory = PartRam(*self.config.memory_shapes["program"])
        connect(m, memory.read, sequencer.program)
        connect(m, flipped(self.load_program), memory.write)
        m.d.comb += [self.fault.eq(memory.fault), sequencer.begin.eq(self.begin_run)]
        m.d.comb += [getattr(sequencer, name).eq(getattr(self, name)) for name in self.INPUTS]
        m.d.comb += [getattr(self, name).eq(getattr(sequencer, name)) for name in self.OUTPUTS]
        for engine in Engine:
            name = f"issue_{engine.name.lower()}"
            connect(m, getattr(sequencer, name), flipped(getattr(self, name)))
        return m


class ArrayBench(wiring.Component):
    """Array engine with the memories that it reads, which the bench loads, and all its writes.

    Only the residual stream's writes reach their memory.
    """

    OPERANDS = {"normalised": "normalised", "activation": "activation_read", "probability": "probability"}
    WRITES = {"activation": "activation", "key_value": "key_value", "score": "score", "residual": "residual_write"}
    SHOWN = ("waiting", "starved", "windowed", "conflict", "score_lane", "score_slot", "offered", "issued",
             "waiting_line", "waiting_drain", "waiting_token")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.engine = TYPES["array_engine"][bug](config)
        shapes = config.memory_shapes
        members = self.engine.signature.members
        super().__init__({
            **engine_members(Opcode.ARRAY),
            **{f"load_{name}": In(WritePort(*shapes[name])) for name in (*self.OPERANDS, "tile", "residual")},
            **{f"written_{name}": Out(WritePort(*shapes[name])) for name in self.WRITES},
            **{name: members[name] for name in (*self.SHOWN, "row_multiplier", "row_exponent")},
            "parameter_sets": In(data.ArrayLayout(config.width * numbers.PARAMETER_BITS, config.slots)),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        _connect_engine(m, self, engine)
        faults = [engine.tile_fault, engine.tile_collision, engine.tile_damaged]
        for name, port in self.OPERANDS.items():
            memory = LineRam(*self.config.memory_shapes[name], self.config.line_words)
            m.submodules[name] = memory
            connect(m, memory.read, getattr(engine, port))
            connect(m, flipped(getattr(self, f"load_{name}")), memory.write)
            faults += [memory.fault, memory.collision]
        connect(m, flipped(self.load_tile), engine.tile)
        m.submodules.residual = memory = Ram(*self.config.memory_shapes["residual"])
        connect(m, memory.read, engine.residual_read)
        faults += [memory.fault, memory.collision]
        self.connect_writes(m, memory)
        m.d.comb += [getattr(self, name).eq(getattr(engine, name)) for name in self.SHOWN]
        sets = Array(self.parameter_sets[slot] for slot in range(self.config.slots))
        m.d.comb += [
            engine.parameters.eq(sets[engine.parameter_slot]),
            engine.row_multiplier.eq(self.row_multiplier),
            engine.row_exponent.eq(self.row_exponent),
            self.fault.eq(Cat(faults).any()),
        ]
        return m

    def connect_writes(self, m: Module, residual: Ram) -> None:
        """What is written is shown; the bench loads the residual stream before the engine writes it."""
        parts = ("enable", "address", "data")
        for name, port in self.WRITES.items():
            shown = getattr(self, f"written_{name}")
            m.d.comb += [getattr(shown, part).eq(getattr(getattr(self.engine, port), part)) for part in parts]
        for source in (self.engine.residual_write, self.load_residual):
            with m.If(source.enable):
                m.d.comb += [getattr(residual.write, part).eq(getattr(source, part)) for part in parts]


def requantise(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    return TYPES["requantise"][bug](config)


def queue(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The array's: it has the longest descriptor but one."""
    return TYPES["descriptor_queue"][bug](descriptor_layout(Opcode.ARRAY))


def semaphores(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    return TYPES["semaphores"][bug]()


def guard(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """With a watchdog that a bench can wait for."""
    return TYPES["guard"][bug](dataclasses.replace(config, watchdog_cycles=BENCH_WATCHDOG_CYCLES), BENCH_MEMORIES)


UNITS = {"requantise": requantise, "loader": LoaderBench, "descriptor_queue": queue,
         "semaphores": semaphores, "sequencer": SequencerBench, "array_engine": ArrayBench, "guard": guard}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {unit: tuple(bug for bug in types if bug) for unit, types in TYPES.items()}
"""Name of a unit -> bugs that can be planted in it."""
