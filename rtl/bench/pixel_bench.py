"""The pixel engine with its memories, for a bench: a host port reaches every memory while the engine is idle."""

from __future__ import annotations

import enum

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.step import STEP_WORD_BITS, UPDATE_BITS
from rtl.control.engine import engine_members
from rtl.memory.ram import Ram
from rtl.units.pixel_engine import PixelEngine


class BenchMemory(enum.IntEnum):
    """What ``host_memory`` selects."""

    PIXEL = 0
    RESIDUAL = 1
    STEP = 2
    COORDINATE = 3
    NORMALISED = 4
    CLEAN = 5


class PixelBench(wiring.Component):
    """``engine`` and memories; while ``host`` is high the host's address, data and write enable reach them instead."""

    def __init__(self, config: HardwareConfig, engine: PixelEngine) -> None:
        self.config = config
        self.engine = engine
        longest = max(config.width * 16, STEP_WORD_BITS)
        super().__init__({
            **engine_members(Opcode.PIXEL),
            "seed_load": In(1),
            "seed": In(128),
            "host": In(1),
            "host_memory": In(3),
            "host_address": In(20),
            "host_write": In(1),
            "host_data": In(longest),
            "host_read": Out(longest),
            "update": Out(UPDATE_BITS),
            "settled": Out(1),
            "fault": Out(1),
            "patch_written": Out(1),     # a word of a patch is written in this cycle
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self.engine
        for name in ("available", "seed_load", "seed"):
            m.d.comb += getattr(engine, name).eq(getattr(self, name))
        for name in ("take", "give", "busy", "idle", "update", "settled"):
            m.d.comb += getattr(self, name).eq(getattr(engine, name))
        m.d.comb += [
            engine.descriptor.payload.eq(self.descriptor.payload),
            engine.descriptor.valid.eq(self.descriptor.valid),
            self.descriptor.ready.eq(engine.descriptor.ready),
        ]
        readers = {"PIXEL": engine.pixel_read, "RESIDUAL": engine.residual, "STEP": engine.step,
                   "COORDINATE": engine.coordinate, "CLEAN": engine.clean_read}
        writers = {"PIXEL": engine.pixel_write, "NORMALISED": engine.normalised, "CLEAN": engine.clean_write}
        shapes = self.config.memory_shapes
        faults = []
        for memory in BenchMemory:
            m.submodules[memory.name.lower()] = ram = Ram(*shapes[memory.name.lower()])
            chosen = self.host & (self.host_memory == memory)
            reader = readers.get(memory.name)
            writer = writers.get(memory.name)
            m.d.comb += [
                ram.read.enable.eq(Mux(self.host, 0, reader.enable) if reader else 0),
                ram.read.address.eq(Mux(self.host, self.host_address, reader.address) if reader else self.host_address),
                ram.write.enable.eq(Mux(self.host, chosen & self.host_write, writer.enable if writer else 0)),
                ram.write.address.eq(Mux(self.host, self.host_address, writer.address if writer else 0)),
                ram.write.data.eq(Mux(self.host, self.host_data, writer.data if writer else 0)),
            ]
            m.d.comb += [reader.data.eq(ram.read.data)] if reader else []
            with m.If(self.host_memory == memory):
                m.d.comb += self.host_read.eq(ram.read.data)
            faults.append(ram.fault | ram.collision)
        m.d.comb += [self.fault.eq(sum(faults) != 0), self.patch_written.eq(engine.normalised.enable)]
        return m
