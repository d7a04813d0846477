"""The core: engines, memories, sequencer, host port. Composition only."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import DATA_BITS, STALL_CAUSES
from rtl.array.engine import ArrayEngine
from rtl.control.engine import descriptor_layout
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.registers import REQUEST_LAYOUT, HostRegisters
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.memory.image_loader import ImageLoader
from rtl.memory.loader import Loader
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram
from rtl.memory.sharing import share_reader, share_writer
from rtl.units.norm_engine import NormEngine
from rtl.units.pixel_engine import PixelEngine
from rtl.units.row_maximum import RowMaximum
from rtl.units.softmax_engine import SoftmaxEngine

TRACED = ("normalised", "activation", "key_value", "score", "probability", "residual_0", "residual_1", "pixel")
"""Memories whose writes a simulation can record."""


class Core(wiring.Component):
    """A diffusion transformer's accelerator behind one host port.

    ``request`` and ``response``: the registers of ``golden.spec.registers``. With ``trace`` every write to a memory
    in TRACED is shown at a port of its own.
    """

    def __init__(self, config: HardwareConfig, trace: bool = False) -> None:
        self.config = config
        self.trace = trace
        self.shapes = dict(config.memory_shapes)
        depth, bits = self.shapes.pop("residual")
        self.shapes |= {"residual_0": (depth // 2, bits), "residual_1": (depth // 2, bits)}
        super().__init__({
            "request": In(stream.Signature(REQUEST_LAYOUT)),
            "response": Out(stream.Signature(DATA_BITS)),
            **({f"trace_{name}": Out(WritePort(*self.shapes[name])) for name in TRACED} if trace else {}),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        self.conflicts: dict[str, Signal] = {}
        self.restart = Signal()
        m.submodules.registers = self.registers = HostRegisters(config)
        m.submodules.image_loader = self.image = ImageLoader(config)
        m.submodules.guard = self.guard = Guard(config, len(self.shapes))
        self.memories = {}
        for name, shape in self.shapes.items():
            m.submodules[f"{name}_memory"] = self.memories[name] = Ram(*shape)
        self.sequencer = self.restartable(m, "sequencer", Sequencer(config))
        self.semaphores = self.restartable(m, "semaphores", Semaphores())
        self.loader = self.restartable(m, "loader", Loader(config))
        self.array = self.restartable(m, "array", ArrayEngine(config))
        self.softmax = self.restartable(m, "softmax", SoftmaxEngine(config))
        self.norm = self.restartable(m, "norm", NormEngine(config))
        self.pixel = self.restartable(m, "pixel", PixelEngine(config))
        self.engines = {Engine.LOAD: self.loader, Engine.ARRAY: self.array, Engine.SOFTMAX: self.softmax,
                        Engine.NORM: self.norm, Engine.PIXEL: self.pixel}
        self.connect_engines(m)
        self.connect_image(m)
        self.connect_memories(m)
        self.connect_scores(m)
        self.connect_host(m)
        self.connect_guard(m)
        if self.trace:
            self.connect_trace(m)
        return m

    def restartable(self, m: Module, name: str, unit: wiring.Component) -> wiring.Component:
        """Add a unit that a start or an abort puts back to its first state."""
        m.submodules[name] = ResetInserter(self.restart)(unit)
        return unit

    def connect_engines(self, m: Module) -> None:
        """Sequencer -> queue -> engine; semaphores between engines."""
        empties = []
        for engine, unit in self.engines.items():
            name = engine.name.lower()
            queue = self.restartable(m, f"{name}_queue", DescriptorQueue(descriptor_layout(Opcode(engine))))
            connect(m, getattr(self.sequencer, f"issue_{name}"), queue.input)
            connect(m, queue.output, unit.descriptor)
            empties.append(queue.empty & unit.idle)
            m.d.comb += [
                unit.available.eq(getattr(self.semaphores, f"available_{name}")),
                getattr(self.semaphores, f"take_{name}").eq(unit.take),
                getattr(self.semaphores, f"give_{name}").eq(unit.give),
            ]
        m.d.comb += self.sequencer.all_idle.eq(Cat(empties).all())
        for name in ("credit", "credit_giver", "credit_taker", "credit_count"):
            m.d.comb += getattr(self.semaphores, name).eq(getattr(self.sequencer, name))

    def connect_image(self, m: Module) -> None:
        """Host words to the memories that an image fills, and those to their readers."""
        connect(m, self.registers.load_words, self.image.words)
        readers = {"program": self.sequencer.program, "weight": self.loader.weight,
                   "modulation": self.norm.modulation, "step": self.pixel.step, "coordinate": self.pixel.coordinate}
        for name, reader in readers.items():
            connect(m, getattr(self.image, name), self.memories[name].write)
            connect(m, reader, self.memories[name].read)

    def connect_memories(self, m: Module) -> None:
        """Every other memory to its one writer and reader, or to those that take turns."""
        array, memories = self.array, self.memories
        connect(m, self.loader.tile, memories["tile"].write)
        connect(m, array.tile, memories["tile"].read)
        connect(m, array.activation, memories["activation"].write)
        connect(m, array.activation_read, memories["activation"].read)
        connect(m, array.key_value, memories["key_value"].write)
        connect(m, self.loader.key_value, memories["key_value"].read)
        self.conflicts["key_value"] = array.conflict
        connect(m, array.score, memories["score"].write)
        connect(m, self.softmax.score, memories["score"].read)
        connect(m, self.softmax.probability, memories["probability"].write)
        connect(m, array.probability, memories["probability"].read)
        connect(m, array.normalised, memories["normalised"].read)
        connect(m, self.pixel.pixel_write, memories["pixel"].write)
        self.conflicts["normalised"] = share_writer(
            m, memories["normalised"].write, [self.norm.normalised, self.pixel.normalised])
        self.conflicts["pixel"] = share_reader(
            m, memories["pixel"].read, [self.pixel.pixel_read, self.registers.pixel])
        for bank in range(2):
            name = f"residual_{bank}"
            connect(m, getattr(array, f"residual_write_{bank}"), memories[name].write)
            self.conflicts[name] = share_reader(
                m, memories[name].read,
                [getattr(array, f"residual_read_{bank}"), getattr(self.norm, name), getattr(self.pixel, name)])

    def connect_scores(self, m: Module) -> None:
        """Row maxima beside the scores; row scales back to the write-back; parameters of weight tiles."""
        maximum = self.restartable(m, "row_maximum", RowMaximum(self.config))
        array, vector = self.array, maximum.vector
        m.d.comb += [
            vector.enable.eq(array.score.enable),
            vector.slot.eq(array.score_slot),
            vector.lane.eq(array.score_lane),
            vector.first.eq(array.score_first),
            self.softmax.maxima.eq(maximum.maxima),
            array.row_multiplier.eq(self.softmax.row_multiplier),
            array.row_exponent.eq(self.softmax.row_exponent),
            self.loader.parameter_slot.eq(array.parameter_slot),
            array.parameters.eq(self.loader.parameters),
        ]
        for column in range(self.config.width):
            score = array.score.data.word_select(column, numbers.SCORE_BITS)
            m.d.comb += vector.values[column].eq(score.as_signed())

    def connect_host(self, m: Module) -> None:
        """Registers: control, status, counters."""
        registers, sequencer, array = self.registers, self.sequencer, self.array
        connect(m, flipped(self.request), registers.request)
        connect(m, registers.response, flipped(self.response))
        finished = Signal()
        steps = Signal(DATA_BITS)
        with m.If(sequencer.done):
            m.d.sync += finished.eq(1)
        with m.If(sequencer.step_end):
            m.d.sync += steps.eq(steps + 1)
        with m.If(self.restart):
            m.d.sync += [finished.eq(0), steps.eq(0)]
        m.d.sync += sequencer.begin.eq(registers.start)
        m.d.comb += [
            self.restart.eq(registers.start | registers.clear),
            self.image.clear.eq(registers.loader_clear),
            self.pixel.seed_load.eq(sequencer.begin),
            self.pixel.seed.eq(registers.seed),
            sequencer.resume.eq(registers.resume),
            sequencer.pause_each_step.eq(registers.pause),
            registers.running.eq(sequencer.running | sequencer.paused | sequencer.begin),
            registers.paused.eq(sequencer.paused | sequencer.begin),
            registers.done.eq(finished),
            registers.program_loaded.eq(self.image.program_loaded),
            registers.conditioning_loaded.eq(self.image.conditioning_loaded),
            registers.loading.eq(self.image.loading),
            registers.step.eq(steps),
            registers.engine_busy.eq(Cat(unit.busy for unit in self.engines.values())),
            registers.macs_increment.eq(array.busy * self.config.multipliers),
        ]
        stalls = {"QUEUE": array.starved, **{engine.name: array.waiting[engine] for engine in Engine}}
        m.d.comb += registers.stall.eq(Cat(stalls[cause] & sequencer.running for cause in STALL_CAUSES))

    def connect_guard(self, m: Module) -> None:
        """Errors stop the sequencer and are kept for the host."""
        guard, sequencer, registers = self.guard, self.sequencer, self.registers
        moved = Cat(*(unit.take for unit in self.engines.values()), *(unit.give for unit in self.engines.values()))
        m.d.comb += [
            guard.running.eq(sequencer.running),
            guard.paused.eq(sequencer.paused),
            guard.progress.eq(sequencer.progress | moved.any()),
            guard.faults.eq(Cat(memory.fault for memory in self.memories.values())),
            guard.conflicts.eq(Cat(self.conflicts.get(name, 0) | memory.collision
                                   for name, memory in self.memories.items())),
            guard.overflow.eq(self.semaphores.overflow),
            guard.program_error.eq(sequencer.error),
            guard.program_error_code.eq(sequencer.error_code),
            guard.program_counter.eq(sequencer.program_counter),
            sequencer.stop.eq(guard.error),
            registers.error.eq(guard.error | self.image.error),
            registers.error_code.eq(guard.error_code),
            registers.error_detail.eq(guard.error_detail),
        ]
        with m.If(self.image.error):
            m.d.comb += [registers.error_code.eq(self.image.error_code),
                         registers.error_detail.eq(self.image.error_detail)]

    def connect_trace(self, m: Module) -> None:
        """Show every write."""
        for name in TRACED:
            write, port = self.memories[name].write, getattr(self, f"trace_{name}")
            m.d.comb += [port.enable.eq(write.enable), port.address.eq(write.address), port.data.eq(write.data)]
