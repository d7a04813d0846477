"""What ``rtl.verilog --unit`` builds from the array, its memories and its control: units with what a bench needs."""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Array, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import HardwareConfig
from rtl.array.engine import ArrayEngine
from rtl.bench import bugs_array as bugs
from rtl.control.engine import descriptor_layout, engine_members
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.memory.loader import Loader
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram
from rtl.memory.transposer import Transposer
from rtl.units.requantise import Requantise

TYPES: dict[str, dict[str | None, type]] = {
    "requantise": {None: Requantise, "no_rounding": bugs.UnroundedRequantise},
    "transposer": {None: Transposer, "early": bugs.EarlyTransposer},
    "loader": {None: Loader, "shifted": bugs.ShiftedLoader},
    "descriptor_queue": {None: DescriptorQueue, "drops": bugs.DroppingQueue},
    "semaphores": {None: Semaphores, "forgets": bugs.ForgetfulSemaphores},
    "sequencer": {None: Sequencer, "long_loop": bugs.LongLoopSequencer},
    "array_engine": {None: ArrayEngine, "no_shift": bugs.UnshiftedArray, "last_word": bugs.HastyArray,
                     "collision": bugs.CollidingArray},
    "guard": {None: Guard, "patient": bugs.PatientGuard},
}
"""The component of each unit, and those with a planted bug.

No unit is called as a header of C++ is: the simulator's binary has the unit's name and lies where headers are sought.
"""

ENGINE_PORTS = ("take", "give", "busy", "idle")
BENCH_WATCHDOG_CYCLES = 50
BENCH_MEMORIES = 14


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


class TransposerBench(wiring.Component):
    """Transposer with ports that are no words of Verilog."""

    INPUTS = ("valid", "vector", "base")
    OUTPUTS = {"output_valid": "output_valid", "output_word": "output", "output_address": "output_address"}

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.unit = TYPES["transposer"][bug](config)
        members = self.unit.signature.members
        super().__init__({**{name: members[name] for name in self.INPUTS},
                          **{name: members[port] for name, port in self.OUTPUTS.items()}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = self.unit
        m.d.comb += [getattr(self.unit, name).eq(getattr(self, name)) for name in self.INPUTS]
        m.d.comb += [getattr(self, name).eq(getattr(self.unit, port)) for name, port in self.OUTPUTS.items()]
        return m


class SequencerBench(wiring.Component):
    """Sequencer with its program memory, which the bench loads."""

    INPUTS = ("resume", "pause_each_step", "stop", "all_idle")
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
        m.submodules.program = memory = Ram(*self.config.memory_shapes["program"])
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

    OPERANDS = {"normalised": "normalised", "activation": "activation_read", "probability": "probability",
                "tile": "tile"}
    WRITES = {"activation": "activation", "key_value": "key_value", "score": "score"}

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.engine = TYPES["array_engine"][bug](config)
        shapes = config.memory_shapes
        self.bank = (config.residual_words // 2, shapes["residual"][1])
        members = self.engine.signature.members
        super().__init__({
            **engine_members(Opcode.ARRAY),
            **{f"load_{name}": In(WritePort(*shapes[name])) for name in self.OPERANDS},
            **{f"load_residual_{bank}": In(WritePort(*self.bank)) for bank in range(2)},
            **{f"written_{name}": Out(WritePort(*shapes[name])) for name in self.WRITES},
            **{f"written_residual_{bank}": Out(WritePort(*self.bank)) for bank in range(2)},
            **{name: members[name] for name in ("waiting", "starved", "score_lane", "score_slot", "score_first",
                                                "row_multiplier", "row_exponent")},
            "parameter_sets": In(data.ArrayLayout(config.width * numbers.PARAMETER_BITS, config.slots)),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        _connect_engine(m, self, engine)
        faults = []
        for name, port in self.OPERANDS.items():
            m.submodules[name] = memory = Ram(*self.config.memory_shapes[name])
            connect(m, memory.read, getattr(engine, port))
            connect(m, flipped(getattr(self, f"load_{name}")), memory.write)
            faults.append(memory.fault)
        for bank in range(2):
            m.submodules[f"residual_{bank}"] = memory = Ram(*self.bank)
            faults.append(memory.fault)
            self.connect_residual(m, bank, memory)
        for name, port in self.WRITES.items():
            connect(m, getattr(engine, port), flipped(getattr(self, f"written_{name}")))
        for name in ("waiting", "starved", "score_lane", "score_slot", "score_first"):
            m.d.comb += getattr(self, name).eq(getattr(engine, name))
        sets = Array(self.parameter_sets[slot] for slot in range(self.config.slots))
        fault = 0
        for one in faults:
            fault = fault | one
        m.d.comb += [
            engine.parameters.eq(sets[engine.parameter_slot]),
            engine.row_multiplier.eq(self.row_multiplier),
            engine.row_exponent.eq(self.row_exponent),
            self.fault.eq(fault),
        ]
        return m

    def connect_residual(self, m: Module, bank: int, memory: Ram) -> None:
        """The bench loads it before the engine writes it."""
        load = getattr(self, f"load_residual_{bank}")
        write = getattr(self.engine, f"residual_write_{bank}")
        shown = getattr(self, f"written_residual_{bank}")
        connect(m, memory.read, getattr(self.engine, f"residual_read_{bank}"))
        m.d.comb += [getattr(shown, part).eq(getattr(write, part)) for part in ("enable", "address", "data")]
        m.d.comb += [getattr(memory.write, part).eq(getattr(write, part)) for part in ("enable", "address", "data")]
        with m.If(load.enable):
            m.d.comb += [getattr(memory.write, part).eq(getattr(load, part)) for part in ("enable", "address", "data")]


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


UNITS = {"requantise": requantise, "transposer": TransposerBench, "loader": LoaderBench, "descriptor_queue": queue,
         "semaphores": semaphores, "sequencer": SequencerBench, "array_engine": ArrayBench, "guard": guard}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {unit: tuple(bug for bug in types if bug) for unit, types in TYPES.items()}
"""Name of a unit -> bugs that can be planted in it."""
