"""The core: engines, memories, sequencer, host port. Composition only."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import CHECKED_MEMORIES, HardwareConfig
from golden.spec.registers import DATA_BITS, LANE_WAITS, STALL_CAUSES, Status
from rtl.array.engine import ArrayEngine
from rtl.control.engine import descriptor_layout
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.registers import REQUEST_LAYOUT, HostRegisters
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.events import WatchedArray, WatchedNorm, connect_events, event_members
from rtl.memory.checked_ram import DAMAGE_LATENCY, CheckedRam
from rtl.memory.image_loader import ImageLoader
from rtl.memory.line_ram import LineRam
from rtl.memory.loader import Loader
from rtl.memory.part_ram import PARTS, PartRam
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram
from rtl.memory.sdram import sdram_members
from rtl.memory.sdram_store import SdramStore
from rtl.memory.sharing import share_reader, share_writer
from rtl.memory.step_ram import StepRam
from rtl.memory.twin_ram import TwinRam
from rtl.units.norm_engine import NormEngine
from rtl.units.pixel_engine import PixelEngine
from rtl.units.row_maximum import RowMaximum
from rtl.units.softmax_engine import SoftmaxEngine

TRACED = ("normalised", "activation", "key_value", "score", "probability", "residual", "pixel", "clean")
"""Memories whose writes a simulation can record."""
LINE_MEMORIES = ("normalised", "activation", "probability")
"""Left operands of the array, which it reads a line at a time."""


class Core(wiring.Component):
    """A diffusion transformer's accelerator behind one host port.

    ``request`` and ``response``: the registers of ``golden.spec.registers``; ``status`` shows the register of that
    name. ``sdram``: the chip of the weights, where they are not in block RAM. With ``trace`` every write to a memory in
    TRACED is shown at a port of its own, with ``events`` what the engines do (``rtl/events.py``). ``family`` says how
    DSP blocks are made ("generic" or "ecp5").
    """

    has_pins = True     # the chip is outside

    def __init__(self, config: HardwareConfig, trace: bool = False, family: str = "generic",
                 events: bool = False) -> None:
        self.config = config
        self.trace = trace
        self.family = family
        self.events = events
        self.shapes = dict(config.memory_shapes)
        if not config.dense_lanes:
            del self.shapes["split"]     # nothing to split
        super().__init__({
            "request": In(stream.Signature(REQUEST_LAYOUT)),
            "response": Out(stream.Signature(DATA_BITS)),
            "status": Out(len(Status)),
            **(sdram_members(config) if self.has_pins else {}),
            **({f"trace_{name}": Out(WritePort(*self.shapes[name])) for name in TRACED} if trace else {}),
            **(event_members() if events else {}),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        self.conflicts: dict[str, Signal] = {}
        self.restart = Signal()
        self.ending = Signal()      # the program has ended, and words that it read are still checked
        m.submodules.registers = self.registers = HostRegisters(config)
        m.submodules.image_loader = self.image = ImageLoader(config)
        m.submodules.guard = self.guard = Guard(config, len(self.shapes))
        self.memories = {name: self.memory(name) for name in self.shapes if name != "tile"}  # each lane has its tile
        for name, memory in self.memories.items():
            m.submodules[f"{name}_memory"] = memory
        self.sequencer = self.restartable(m, "sequencer", Sequencer(config))
        self.semaphores = self.restartable(m, "semaphores", Semaphores())
        self.loader = self.restartable(m, "loader", Loader(config))
        array, norm = (WatchedArray, WatchedNorm) if self.events else (ArrayEngine, NormEngine)
        self.array = self.restartable(m, "array", array(config, family=self.family))
        self.softmax = self.restartable(m, "softmax", SoftmaxEngine(config))
        self.norm = self.restartable(m, "norm", norm(config))
        self.pixel = self.restartable(m, "pixel", PixelEngine(config))
        self.engines = {Engine.LOAD: self.loader, Engine.ARRAY: self.array, Engine.SOFTMAX: self.softmax,
                        Engine.NORM: self.norm, Engine.PIXEL: self.pixel}
        self.connect_engines(m)
        self.connect_image(m)
        self.connect_memories(m)
        self.connect_scores(m)
        self.connect_host(m)
        self.connect_counters(m)
        self.connect_guard(m)
        if self.trace:
            self.connect_trace(m)
        if self.events:
            connect_events(m, self)
        return m

    def memory(self, name: str) -> Ram | LineRam | TwinRam | PartRam | StepRam | CheckedRam | SdramStore:
        """A memory with the ports that its users need."""
        if name == "weight" and self.config.sdram_weights:
            return SdramStore(self.config)
        shape = self.shapes[name]
        checked = bool(self.config.word_checks)
        if name in LINE_MEMORIES:
            return LineRam(*shape, self.config.line_words)
        if name == "step":
            return StepRam(shape[0], checked)
        if name == "program" or (name == "modulation" and self.config.norm_parts == PARTS):
            return PartRam(*shape, checked)
        if name in CHECKED_MEMORIES:
            return CheckedRam(*shape, checked)
        return TwinRam(*shape) if name == "residual" else Ram(*shape)

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
        readers = {"program": self.sequencer.program, "modulation": self.norm.modulation, "step": self.pixel.step,
                   "coordinate": self.pixel.coordinate}
        if not self.config.sdram_weights:
            readers["weight"] = self.loader.weight
        else:
            self.connect_sdram(m)
        for name, reader in readers.items():
            connect(m, getattr(self.image, name), self.memories[name].write)
            connect(m, reader, self.memories[name].read)

    def connect_sdram(self, m: Module) -> None:
        """The weight store where it is not block RAM."""
        store = self.memories["weight"]
        connect(m, self.image.weight, store.write)
        connect(m, self.loader.fetch, store.fetch)
        self.connect_chip(m, store)
        m.d.comb += [store.abort.eq(self.restart), self.image.filling.eq(store.filling)]

    def connect_chip(self, m: Module, store: SdramStore) -> None:
        """The chip's pins."""
        connect(m, store.pins, flipped(self.sdram))

    def connect_memories(self, m: Module) -> None:
        """Every other memory to its one writer and reader, or to those that take turns."""
        array, memories = self.array, self.memories
        connect(m, self.loader.tile, array.tile)
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
        self.conflicts["normalised"] = share_writer(
            m, memories["normalised"].write, [self.norm.normalised, self.pixel.normalised])
        if self.config.dense_lanes:
            connect(m, array.split, memories["split"].read)
            self.conflicts["split"] = array.split_conflict | share_writer(
                m, memories["split"].write, [self.image.split, array.split_write])
        for name in ("pixel", "clean"):
            own_read, own_write = getattr(self.pixel, f"{name}_read"), getattr(self.pixel, f"{name}_write")
            host, image = getattr(self.registers, name), getattr(self.image, name)
            self.conflicts[name] = share_reader(m, memories[name].read, [own_read, host]) | share_writer(
                m, memories[name].write, [own_write, image])
        connect(m, array.residual_write, memories["residual"].write)
        connect(m, self.norm.residual, memories["residual"].read_1)
        self.conflicts["residual"] = share_reader(
            m, memories["residual"].read_0, [array.residual_read, self.pixel.residual])

    def connect_scores(self, m: Module) -> None:
        """Row maxima beside the scores; row scales back to the write-back; parameters of weight tiles."""
        maximum = self.restartable(m, "row_maximum", RowMaximum(self.config))
        array, vector = self.array, maximum.vector
        m.d.comb += [
            vector.enable.eq(array.score.enable),
            vector.slot.eq(array.score_slot),
            vector.lane.eq(array.score_lane),
            maximum.clear.eq(self.softmax.clear),
            maximum.clear_slot.eq(self.softmax.clear_slot),
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
        registers, sequencer = self.registers, self.sequencer
        connect(m, flipped(self.request), registers.request)
        connect(m, registers.response, flipped(self.response))
        finished = Signal()
        steps = Signal(DATA_BITS)
        certain_done, certain_pause = self.await_checks(m)
        with m.If(certain_done & ~self.guard.error):
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
            sequencer.settled.eq(self.pixel.settled),
            self.status.eq(registers.status),
            registers.running.eq(sequencer.running | sequencer.paused | sequencer.begin | self.ending),
            registers.counting.eq(sequencer.running),
            registers.paused.eq(certain_pause),
            registers.done.eq(finished),
            registers.program_loaded.eq(self.image.program_loaded),
            registers.conditioning_loaded.eq(self.image.conditioning_loaded),
            registers.loading.eq(self.image.loading),
            registers.step.eq(steps),
            registers.update.eq(self.pixel.update),
        ]

    def await_checks(self, m: Module) -> tuple[Value, Value]:
        """End and pause, told once the checks of the words read before have had their say; ``ending`` until then."""
        done, paused = self.sequencer.done, self.sequencer.paused
        pending: list[Value] = []
        for stage in range(DAMAGE_LATENCY - 1):     # the last word is the one that says to end, read a cycle before
            ended = Signal(name=f"ended_{stage}")
            stood = Signal(name=f"stood_{stage}")
            m.d.sync += [ended.eq(done & ~(self.restart | self.guard.error)), stood.eq(paused)]
            pending.append(ended)
            done, paused = ended, stood & self.sequencer.paused
        m.d.comb += self.ending.eq(Cat(pending).any())
        return done, paused

    def connect_counters(self, m: Module) -> None:
        """What the array does, and what it waits for."""
        registers, array, width = self.registers, self.array, self.config.width
        stalls = {"QUEUE": array.starved, "WINDOW": array.windowed,
                  **{engine.name: array.waiting[engine] for engine in Engine}}
        waits = {"WAIT_LINE": array.waiting_line, "WAIT_DRAIN": array.waiting_drain,
                 "WAIT_TOKEN": Mux(array.busy, array.waiting_token, 0)}
        m.d.comb += [
            registers.engine_busy.eq(Cat(unit.busy for unit in self.engines.values())),
            registers.stall.eq(Cat(stalls[cause] & self.sequencer.running for cause in STALL_CAUSES)),
            registers.macs_increment.eq(array.issued * width),
            registers.offered_increment.eq(array.offered * width * width),
        ]
        m.d.comb += [registers.lane_waits[i].eq(waits[name]) for i, name in enumerate(LANE_WAITS)]

    def connect_guard(self, m: Module) -> None:
        """Errors stop the sequencer and are kept for the host."""
        guard, sequencer, registers = self.guard, self.sequencer, self.registers
        faults = {name: memory.fault for name, memory in self.memories.items()} | {"tile": self.array.tile_fault}
        collisions = {name: memory.collision for name, memory in self.memories.items()}
        collisions["tile"] = self.array.tile_collision
        damaged = {name: getattr(memory, "damaged", Const(0)) for name, memory in self.memories.items()}
        damaged["tile"] = self.array.tile_damaged
        if self.config.dense_lanes:
            faults["split"] |= self.array.split_fault
        moved = Cat(*(unit.take for unit in self.engines.values()), *(unit.give for unit in self.engines.values()))
        m.d.comb += [
            guard.running.eq(sequencer.running),
            guard.paused.eq(sequencer.paused),
            guard.ending.eq(self.ending),
            guard.progress.eq(sequencer.progress | moved.any()),
            guard.faults.eq(Cat(faults[name] for name in self.shapes)),
            guard.conflicts.eq(Cat(collisions[name] | self.conflicts.get(name, 0) for name in self.shapes)),
            guard.damaged.eq(Cat(damaged[name] for name in self.shapes)),
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
