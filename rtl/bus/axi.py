"""The core on AXI: registers on AXI4-Lite, segments in and pixels out on AXI4-Stream. Composition only."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ADDRESS_BITS, DATA_BITS
from rtl.bus.added_register import AddedRegister
from rtl.bus.arbiter import RequestArbiter
from rtl.bus.axi_lite import AxiLite, axi_lite_members
from rtl.bus.axi_stream import LoadStream, PixelStream, load_members, pixel_members
from rtl.control.registers import REQUEST_LAYOUT
from rtl.core import Core
from rtl.memory.sdram import pass_sdram, sdram_members

STREAM_PIXELS = (1 << ADDRESS_BITS) - 1
"""Address of the register that this bus adds: pixels to stream; far from the core's, of which there may be more."""


def axi_members() -> dict[str, wiring.Member]:
    """Every port of both buses."""
    return {**axi_lite_members(), **load_members(), **pixel_members()}


class AxiBridge(wiring.Component):
    """From the buses to a register file's streams: writes, reads, loaded words and read pixels, each in turn.

    ``s_axi_*``: every register at four times its address in ``golden.spec.registers``, and STREAM_PIXELS, whose write
    sends so many pixels and whose read tells how many are left. ``s_axis_*``: words for LOAD. ``m_axis_*``: pixels.
    Where nothing else is asked for and the register file takes W cycles for a write and R for a read: a write's
    bvalid comes WRITE_CYCLES after its later half, a read's rvalid WRITE_CYCLES + R after its address, a word of a
    segment passes every max(2, W) cycles, a pixel comes every PIXEL_CYCLES + R.
    """

    WRITE_CYCLES = 3
    PIXEL_CYCLES = 3
    PARAMETERS = {"stream_pixels": STREAM_PIXELS, "write_cycles": WRITE_CYCLES, "pixel_cycles": PIXEL_CYCLES}
    lite_unit = AxiLite
    load_unit = LoadStream
    pixel_unit = PixelStream
    arbiter_unit = RequestArbiter

    def __init__(self) -> None:
        super().__init__({
            **axi_members(),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(DATA_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lite = lite = self.lite_unit()
        m.submodules.load = load = self.load_unit()
        m.submodules.pixels = pixels = self.pixel_unit()
        m.submodules.added = added = AddedRegister(STREAM_PIXELS)
        requests = (lite.write_request, lite.read_request, load.request, pixels.request)
        m.submodules.arbiter = arbiter = self.arbiter_unit(len(requests))
        for client, request in enumerate(requests):
            connect(m, request, arbiter.requests[client])
        connect(m, arbiter.responses[requests.index(lite.read_request)], lite.read_response)
        connect(m, arbiter.responses[requests.index(pixels.request)], pixels.response)
        connect(m, arbiter.request, added.request)
        connect(m, added.response, arbiter.response)
        connect(m, added.core_request, flipped(self.request))
        connect(m, flipped(self.response), added.core_response)
        m.d.comb += [pixels.start.eq(added.written), pixels.count.eq(added.data), added.value.eq(pixels.left)]
        for unit in (lite, load, pixels):
            wire_ports(m, self, unit)
        return m


def wire_ports(m: Module, outer: wiring.Component, inner: wiring.Component) -> None:
    """Join the bus ports of ``inner`` to those of the same name of ``outer``."""
    for name, member in inner.signature.members.items():
        if name in outer.signature.members and name not in ("request", "response"):
            inside, outside = getattr(inner, name), getattr(outer, name)
            m.d.comb += inside.eq(outside) if member.flow == In else outside.eq(inside)


class AxiCore(wiring.Component):
    """The core with an ``AxiBridge`` in front: the same registers, addresses and semantics."""

    DESCRIPTION = {"bus": "axi", "stream_pixels": STREAM_PIXELS}

    def __init__(self, config: HardwareConfig, family: str = "generic") -> None:
        self.config = config
        self.family = family
        super().__init__({**axi_members(), **sdram_members(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = AxiBridge()
        m.submodules.core = core = Core(self.config, family=self.family)
        connect(m, bridge.request, core.request)
        connect(m, core.response, bridge.response)
        wire_ports(m, self, bridge)
        pass_sdram(m, core, self)
        return m
