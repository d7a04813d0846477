"""A whole matrix product for ``rtl.verilog --unit matrix_product``: sequencer, loader and array with their memories."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import HardwareConfig
from rtl.array.engine import ArrayEngine
from rtl.bench import bugs_product as bugs
from rtl.bench.bugs_array import ShiftedLoader
from rtl.control.engine import descriptor_layout
from rtl.control.queue import DescriptorQueue
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.memory.line_ram import LineRam
from rtl.memory.loader import Loader
from rtl.memory.part_ram import PartRam
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram

COUNT_BITS = 40
COUNTED = ("issued", "offered", "waiting_line", "waiting_drain", "waiting_token")

PARTS: dict[str | None, tuple[type[ArrayEngine], type[Loader]]] = {
    None: (ArrayEngine, Loader),
    "shifted": (ArrayEngine, ShiftedLoader),
    "no_skip": (bugs.UnskippingArray, Loader),
    "stray": (bugs.StrayArray, Loader),
}
"""Array and loader of the product, and those with a planted bug."""


class ProductBench(wiring.Component):
    """Runs a program of LOAD and ARRAY descriptors whose results go to the residual stream.

    The bench loads program, weights and left operand (the normalised memory), with dense lanes the split table too,
    then raises ``begin_run`` for a cycle.
    ``events``: the array accepts a descriptor, a result is ``written``, the program has ended, something is ``wrong``
    (a fault, a collision, an overflow, an error of the program, a write to any other memory). Counters count from
    reset on, the lanes' waits while a group is in flight.
    """

    LOADED = ("program", "weight", "normalised")
    SPLIT = ("split",)    # with dense lanes; nothing decides on masks, so nothing else writes them
    STRAY = ("activation", "key_value", "score")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        array, loader = PARTS[bug]
        self.array, self.loader = array(config), loader(config)
        shapes = config.memory_shapes
        self.loaded = self.LOADED + (self.SPLIT if config.dense_lanes else ())
        super().__init__({
            **{f"load_{name}": In(WritePort(*shapes[name])) for name in self.loaded},
            "begin_run": In(1),    # ``begin`` is a word of Verilog
            "written": Out(WritePort(*shapes["residual"])),
            "events": Out(4),
            **{f"counted_{name}": Out(COUNT_BITS) for name in COUNTED},
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shapes = self.config.memory_shapes
        m.submodules.array, m.submodules.loader = array, loader = self.array, self.loader
        m.submodules.sequencer = self.sequencer = Sequencer(self.config)
        m.submodules.semaphores = self.semaphores = Semaphores()
        m.submodules.program = program = PartRam(*shapes["program"])
        m.submodules.weight = weight = Ram(*shapes["weight"])
        m.submodules.normalised = left = LineRam(*shapes["normalised"], self.config.line_words)
        self.memories = (program, weight, left)
        readers = (self.sequencer.program, loader.weight, array.normalised)
        if self.config.dense_lanes:
            m.submodules.split = split = Ram(*shapes["split"])
            self.memories, readers = (*self.memories, split), (*readers, array.split)
        for name, memory, reader in zip(self.loaded, self.memories, readers, strict=True):
            connect(m, flipped(getattr(self, f"load_{name}")), memory.write)
            connect(m, reader, memory.read)
        connect(m, loader.tile, array.tile)
        m.d.comb += [loader.parameter_slot.eq(array.parameter_slot), array.parameters.eq(loader.parameters)]
        self.connect_control(m)
        self.connect_events(m)
        for name in COUNTED:
            counter, value = getattr(self, f"counted_{name}"), getattr(array, name)
            m.d.sync += counter.eq(counter + (Mux(array.busy, value, 0) if name.startswith("waiting") else value))
        return m

    def connect_control(self, m: Module) -> None:
        """Sequencer -> queue -> engine; semaphores between engines; as in the core."""
        sequencer, semaphores = self.sequencer, self.semaphores
        empties = []
        for engine, unit in ((Engine.LOAD, self.loader), (Engine.ARRAY, self.array)):
            name = engine.name.lower()
            m.submodules[f"{name}_queue"] = queue = DescriptorQueue(descriptor_layout(Opcode(engine)))
            connect(m, getattr(sequencer, f"issue_{name}"), queue.input)
            connect(m, queue.output, unit.descriptor)
            empties.append(queue.empty & unit.idle)
            m.d.comb += [
                unit.available.eq(getattr(semaphores, f"available_{name}")),
                getattr(semaphores, f"take_{name}").eq(unit.take),
                getattr(semaphores, f"give_{name}").eq(unit.give),
            ]
        m.d.comb += [sequencer.begin.eq(self.begin_run), sequencer.all_idle.eq(Cat(empties).all())]
        for name in ("credit", "credit_giver", "credit_taker", "credit_count"):
            m.d.comb += getattr(semaphores, name).eq(getattr(sequencer, name))

    def connect_events(self, m: Module) -> None:
        """What the bench must see in each cycle."""
        array, wrong = self.array, Signal()
        split = [array.split_fault, array.split_conflict, array.split_write.enable] if self.config.dense_lanes else []
        for part in ("enable", "address", "data"):
            m.d.comb += getattr(self.written, part).eq(getattr(array.residual_write, part))
        m.d.comb += [
            wrong.eq(Cat(array.tile_fault, array.tile_collision, array.tile_damaged, array.conflict,
                         self.semaphores.overflow, self.sequencer.error,
                         *(memory.fault | memory.collision for memory in self.memories),
                         *(getattr(array, name).enable for name in self.STRAY), *split).any()),
            self.events.eq(Cat(array.descriptor.valid & array.descriptor.ready, array.residual_write.enable,
                              self.sequencer.done, wrong)),
        ]


UNITS = {"matrix_product": ProductBench}
BUGS = {"matrix_product": tuple(bug for bug in PARTS if bug)}
