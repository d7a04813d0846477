"""Norm, softmax and row maximum as top levels for benches: the unit and its memories."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.descriptors import Opcode
from golden.spec.hardware import HardwareConfig
from rtl.bench import catalogue_detector, catalogue_lane, catalogue_memory
from rtl.bench.bugs import NORM_ENGINES, ROW_MAXIMA, SOFTMAX_ENGINES
from rtl.control.engine import engine_members
from rtl.memory.part_ram import PARTS, PartRam
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram

ENGINE_PORTS = ("available", "take", "give", "busy", "idle")


def _connect_engine(m: Module, top: wiring.Component, engine: wiring.Component) -> None:
    connect(m, flipped(top.descriptor), engine.descriptor)
    m.d.comb += engine.available.eq(top.available)
    m.d.comb += [getattr(top, name).eq(getattr(engine, name)) for name in ENGINE_PORTS[1:]]


class NormBench(wiring.Component):
    """Norm engine with its input memories, which the bench loads, and its writes."""

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.engine = NORM_ENGINES[bug](config)
        self.residual = (config.residual_words, config.width * numbers.WIDE_BITS)
        self.table = (config.modulation_words, config.width * 2 * numbers.GAIN_BITS)
        super().__init__({
            **engine_members(Opcode.NORM),
            "load_residual": In(WritePort(*self.residual)),
            "load_modulation": In(WritePort(*self.table)),
            "written": Out(WritePort(config.normalised_words, config.word_bits)),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        faults = []
        for name, shape in (("residual", self.residual), ("modulation", self.table)):
            in_parts = name == "modulation" and self.config.norm_parts == PARTS
            m.submodules[name] = memory = (PartRam if in_parts else Ram)(*shape)
            connect(m, memory.read, getattr(engine, name))
            connect(m, flipped(getattr(self, f"load_{name}")), memory.write)
            faults.append(memory.fault)
        _connect_engine(m, self, engine)
        connect(m, engine.normalised, flipped(self.written))
        m.d.comb += self.fault.eq(faults[0] | faults[1])
        return m


class SoftmaxBench(wiring.Component):
    """Softmax engine with its score memory, which the bench loads, and its writes."""

    SHOWN = ("clear", "clear_slot", "row_multiplier", "row_exponent")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.engine = SOFTMAX_ENGINES[bug](config)
        self.score = (config.score_words, config.width * numbers.SCORE_BITS)
        rows = self.engine.signature.members
        super().__init__({
            **engine_members(Opcode.SOFTMAX),
            "load_score": In(WritePort(*self.score)),
            "written": Out(WritePort(config.score_words, config.word_bits)),
            "fault": Out(1),
            "maxima": rows["maxima"],
            **{name: rows[name] for name in self.SHOWN},
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        m.submodules.score = memory = Ram(*self.score)
        connect(m, memory.read, engine.score)
        connect(m, flipped(self.load_score), memory.write)
        _connect_engine(m, self, engine)
        connect(m, engine.probability, flipped(self.written))
        m.d.comb += [
            self.fault.eq(memory.fault),
            engine.maxima.eq(self.maxima),
            *(getattr(self, name).eq(getattr(engine, name)) for name in self.SHOWN),
        ]
        return m


def row_maximum(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The row maximum needs nothing around it."""
    return ROW_MAXIMA[bug](config)


UNITS = {"norm": NormBench, "softmax": SoftmaxBench, "row_maximum": row_maximum, **catalogue_lane.UNITS,
         **catalogue_memory.UNITS, **catalogue_detector.UNITS}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {
    "norm": tuple(bug for bug in NORM_ENGINES if bug),
    "softmax": tuple(bug for bug in SOFTMAX_ENGINES if bug),
    "row_maximum": tuple(bug for bug in ROW_MAXIMA if bug),
    **catalogue_detector.BUGS,
    **catalogue_lane.BUGS, **catalogue_memory.BUGS,
}
"""Name of a unit -> bugs that can be planted in it."""
