"""Streams of composed units are those of their parts, which ``stream_units`` proves: in every cycle, for all time.

The parts are taken for anything: their outputs have any value in any cycle. What a composed unit offers is what its
part offers, it is taken exactly when its part's is, and nothing lies between.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from amaranth.hdl import Assert, Elaboratable, Module, UnusedElaboratable
from amaranth.lib import wiring

from rtl.array.engine import ArrayEngine
from rtl.bus.axi import AxiBridge, AxiCore
from rtl.core import Core
from rtl.events import WatchedArray, WatchedNorm
from rtl.link.frames import FrameLink
from rtl.link.link import SerialLink
from rtl.units.norm_engine import NormEngine
from tests.formal.prove import SMALL, Monitor, Property, free
from tests.formal.stream_units import BAUD, BIT_CYCLES, CLOCK_HZ, name
from tests.formal.streams import free_inputs, silence, streams

warnings.filterwarnings("ignore", category=UnusedElaboratable)   # the parts are replaced
TINY = dataclasses.replace(SMALL, slots=2, slot_rows=8, line_words=2)


@dataclass(frozen=True)
class Composed:
    """A unit whose streams are its parts'."""

    make: Callable[[type], wiring.Component]
    parts: dict[str, tuple[str, str]]
    """Stream -> part, and the stream's name there."""


def same(part: str, *names: str) -> dict[str, tuple[str, str]]:
    """Streams of the same names."""
    return {each: (part, each) for each in names}


CHANNELS = ("s_axi_aw", "s_axi_w", "s_axi_b", "s_axi_ar", "s_axi_r")
COMPOSED: dict[type, Composed] = {
    Core: Composed(lambda kind: kind(TINY), same("registers", "request", "response")),
    FrameLink: Composed(lambda kind: kind(CLOCK_HZ, BAUD, BIT_CYCLES),
                        {"sent": ("encoder", "bytes"), **same("access", "request", "response")}),
    SerialLink: Composed(lambda kind: kind(CLOCK_HZ, BAUD), same("frames", "request", "response")),
    AxiBridge: Composed(lambda kind: kind(), {
        **same("lite", *CHANNELS), **same("load", "s_axis_t"), **same("pixels", "m_axis_t"),
        "request": ("added", "core_request"), "response": ("added", "core_response")}),
    AxiCore: Composed(lambda kind: kind(TINY), same("bridge", *CHANNELS, "s_axis_t", "m_axis_t")),
    ArrayEngine: Composed(lambda kind: kind(TINY), same("dispatcher", "descriptor")),
}
WATCHED = {WatchedArray: ArrayEngine, WatchedNorm: NormEngine}
"""Units that show more of themselves, and whose streams are those of another."""


class Anything(Elaboratable):
    """In place of a part: its outputs have any value."""

    def __init__(self, part: Elaboratable) -> None:
        while not isinstance(part, wiring.Component):   # what inserts a reset
            part = part._elaboratable_
        self.part = part
        part._MustUse__used = True

    def elaborate(self, platform: object) -> Module:
        m = Module()
        free(m, *(value for _, member, value in self.part.signature.flatten(self.part) if member.flow == wiring.Out))
        return m


class WiringMonitor(Monitor):
    def __init__(self, case: Composed, kind: type) -> None:
        self.case, self.unit = case, case.make(kind)

    def claim(self, m: Module) -> None:
        unit = self.unit
        m.submodules.unit = body = unit.elaborate(None)
        unit._MustUse__used = True
        parts = {}
        for part, (what, where) in body._named_submodules.items():
            body._named_submodules[part] = (Anything(what), where)
            parts[part] = what
        free_inputs(m, unit)
        for port in streams(unit):
            part, inner = self.case.parts[port.name]
            there = next(each for each in streams(parts[part]) if each.name == inner)
            m.d.comb += Assert((port.valid == there.valid) & (port.ready == there.ready)
                               & (port.payload == there.payload), f"{port.name} is that of {part}")


def crossed(kind: type) -> type:
    """The same unit, but what is odd gets lost."""
    def elaborate(self: wiring.Component, platform: object) -> Module:
        m = kind.elaborate(self, platform)
        port = next(iter(sorted(streams(self), key=lambda port: not port.is_output)))
        silence(m, port.valid if port.is_output else port.ready, port.payload[0])
        return m
    return type(f"Losing{kind.__name__}", (kind,), {"elaborate": elaborate})


PROPERTIES = [Property(f"wires_{name(kind)}", partial(WiringMonitor, case), kind, (crossed(kind),), depth=1,
                       induction=True) for kind, case in COMPOSED.items()]
