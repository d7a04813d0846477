"""Every unit with a stream, what its surroundings do for it, and the proofs of its streams."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import partial

from amaranth.hdl import Assert, Assume, Cat, Module, Signal, Value
from amaranth.lib import data, wiring

from golden.spec.descriptors import QUEUE_DEPTH
from golden.spec.link import MAX_WORDS
from rtl.array.dispatcher import Dispatcher
from rtl.bus.added_register import AddedRegister
from rtl.bus.arbiter import RequestArbiter
from rtl.bus.axi import STREAM_PIXELS
from rtl.bus.axi_lite import AxiLite
from rtl.bus.axi_stream import LoadStream, PixelStream
from rtl.bus.wishbone import WishboneBridge
from rtl.control.queue import DescriptorQueue
from rtl.control.registers import HostRegisters
from rtl.control.sequencer import Sequencer
from rtl.link.access import RegisterAccess, State
from rtl.link.encoder import FrameEncoder
from rtl.link.uart import UartTransmitter
from rtl.memory.image_loader import ImageLoader
from rtl.memory.loader import Loader
from rtl.memory.ports import READ_LATENCY
from rtl.units.norm_engine import NormEngine
from rtl.units.pixel_engine import PixelEngine
from rtl.units.softmax_engine import SoftmaxEngine
from tests.formal.prove import SMALL, Property, previous
from tests.formal.streams import DefinedMonitor, StandsMonitor, StreamUnit, hesitant, streams, unsure, withdrawing

FEW_ROWS = dataclasses.replace(SMALL, slots=2, slot_rows=8, line_words=2)
CLIENTS = 3
BIT_CYCLES = 4
CLOCK_HZ, BAUD = 4_000_000, 1_000_000


def steady(m: Module, port: object) -> None:
    """A memory gives the same word while its address stands still, as nothing is written meanwhile."""
    still = Value.cast(1)
    for cycles in range(1, READ_LATENCY + 1):
        still &= previous(m, port.address, cycles) == port.address
    m.d.comb += Assume(~still | (port.data == previous(m, port.data)))


def answered(request: str, response: str) -> Callable[[Module, wiring.Component], Signal]:
    """The register file answers a read that it has taken, and nothing else; returns whether an answer is due."""
    def assume(m: Module, unit: wiring.Component) -> Signal:
        asked, answer = getattr(unit, request), getattr(unit, response)
        due = Signal()
        with m.If(asked.valid & asked.ready & ~asked.payload.write):
            m.d.sync += due.eq(1)
        with m.Elif(answer.valid & answer.ready):
            m.d.sync += due.eq(0)
        m.d.comb += Assume(~answer.valid | due)
        return due
    return assume


CORE = answered("request", "response")


def one_request(m: Module, unit: AddedRegister) -> Signal:
    """After a read no other request comes before its answer has been taken; the core answers what it took."""
    open_read = Signal()
    with m.If(unit.request.valid & unit.request.ready & ~unit.request.payload.write):
        m.d.sync += open_read.eq(1)
    with m.Elif(unit.response.valid & unit.response.ready):
        m.d.sync += open_read.eq(0)
    m.d.comb += Assume(~open_read | ~unit.request.valid)
    return Cat(open_read, answered("core_request", "core_response")(m, unit))


def hold_transfer(m: Module, unit: WishboneBridge) -> Signal:
    """A Wishbone master holds its transfer until it ends: one that it gives up is withdrawn, as it must be."""
    going_on = previous(m, unit.wb_cyc & unit.wb_stb & ~(unit.wb_ack | unit.wb_err))
    what = Cat(unit.wb_adr, unit.wb_dat_w, unit.wb_sel, unit.wb_we)
    m.d.comb += Assume(~going_on | (unit.wb_cyc & unit.wb_stb & (what == previous(m, what))))
    return CORE(m, unit)


def request_words(m: Module, unit: RegisterAccess) -> None:
    """The words of a request stay; a frame is no longer than the decoder lets through."""
    steady(m, unit.words)
    m.d.comb += Assume(unit.count <= MAX_WORDS)


def registers_state(m: Module, unit: HostRegisters, own: dict[str, Signal], due: object) -> None:
    """Where a request is."""
    m.d.comb += [
        Assert(unit.response.valid == (unit.age == unit.READ_CYCLES)),
        Assert((unit.age <= 1) | (~unit.free & ~unit.current.write)),
        Assert(~unit.fresh | (~unit.free & (unit.age == 1))),
        Assert(~own["waiting"] | (~unit.free & unit.current.write & ~unit.fresh)),
    ]


def arbiter_state(m: Module, unit: RequestArbiter, own: dict[str, Signal], due: Signal) -> None:
    """Who is served."""
    m.d.comb += [Assert(~unit.reading | unit.granted), Assert(unit.owner < CLIENTS), Assert(unit.reading == due)]


def lite_state(m: Module, unit: AxiLite, own: dict[str, Signal], due: Signal) -> None:
    """Where a read is."""
    m.d.comb += [Assert(own["asked"] == due), Assert(~(due & unit.s_axi_rvalid))]


def pixel_state(m: Module, unit: PixelStream, own: dict[str, Signal], due: Signal) -> None:
    """Where a pixel is."""
    m.d.comb += [Assert(own["asked"] == (due | unit.m_axis_tvalid)), Assert(~(due & unit.m_axis_tvalid)),
                 Assert(~own["asked"] | (unit.left != 0))]


def added_state(m: Module, unit: AddedRegister, own: dict[str, Signal], due: Value) -> None:
    """Who answers the read under way."""
    m.d.comb += Assert(due[0] == (own["answering"] | due[1]))
    m.d.comb += Assert(~(own["answering"] & due[1]))


def access_state(m: Module, unit: RegisterAccess, own: dict[str, Signal], due: object) -> None:
    """Which states are those of a read."""
    for state in State:
        if state in (State.CHECK, State.READ, State.VALUE, State.WRITE):
            m.d.comb += Assert((unit.state != state) | (unit.is_read == (state != State.WRITE)))


def wishbone_state(m: Module, unit: WishboneBridge, own: dict[str, Signal], due: Signal) -> None:
    """Where a read is."""
    m.d.comb += Assert(own["reading"] == due)


def queue_state(m: Module, unit: DescriptorQueue, own: dict[str, Signal], due: object) -> None:
    """Where the elements are."""
    level = own["level"]
    m.d.comb += [Assert(level <= QUEUE_DEPTH),
                 Assert((own["reader"] + level)[:len(own["writer"])] == own["writer"])]


def small(kind: type) -> wiring.Component:
    return kind(FEW_ROWS)


def bare(kind: type) -> wiring.Component:
    return kind()


UNITS: dict[type, StreamUnit] = {
    DescriptorQueue: StreamUnit(lambda kind: kind(data.StructLayout({"tag": 2})), excuse=lambda unit: unit.clear,
                                strengthen=queue_state),
    HostRegisters: StreamUnit(small, strengthen=registers_state, restarts=False, depth=8),
    Sequencer: StreamUnit(small, assume=lambda m, unit: steady(m, unit.program), excuse=lambda unit: unit.stop,
                          depth=6, quick=False),
    RequestArbiter: StreamUnit(lambda kind: kind(CLIENTS), assume=CORE, strengthen=arbiter_state),
    AddedRegister: StreamUnit(lambda kind: kind(STREAM_PIXELS), assume=one_request, strengthen=added_state),
    AxiLite: StreamUnit(bare, assume=answered("read_request", "read_response"), strengthen=lite_state),
    LoadStream: StreamUnit(bare),
    PixelStream: StreamUnit(bare, assume=CORE, strengthen=pixel_state),
    WishboneBridge: StreamUnit(bare, assume=hold_transfer, strengthen=wishbone_state),
    RegisterAccess: StreamUnit(lambda kind: kind(CLOCK_HZ, BAUD), assume=request_words,
                               strengthen=access_state, depth=8, defined_depth=8),
    FrameEncoder: StreamUnit(bare),
    UartTransmitter: StreamUnit(lambda kind: kind(BIT_CYCLES)),
    ImageLoader: StreamUnit(small),
    Dispatcher: StreamUnit(small),
    Loader: StreamUnit(small),
    SoftmaxEngine: StreamUnit(small),
    NormEngine: StreamUnit(small, defined_depth=4),
    PixelEngine: StreamUnit(small),
}
"""What has streams of its own, and not only those of its parts."""


def offers(kind: type) -> bool:
    unit = UNITS[kind].make(kind)
    unit._MustUse__used = True      # or Amaranth warns that it was not
    return any(port.is_output for port in streams(unit))


def stands(kind: type) -> Property:
    """What it offers stands still."""
    case = UNITS[kind]
    return Property(f"stands_{name(kind)}", partial(StandsMonitor, case), kind, (withdrawing(kind), *case.bugs),
                    depth=case.depth, induction=True, quick=case.quick)


def defined(kind: type) -> Property:
    """What it offers and takes is known."""
    case = UNITS[kind]
    bug, unset = (unsure(kind), "w:*copy_*.*") if case.restarts else (hesitant(kind), "")
    return Property(f"defined_{name(kind)}", partial(DefinedMonitor, case), kind, (bug,), depth=case.defined_depth,
                    induction=False, unset=unset)


def name(kind: type) -> str:
    """The class's name in small letters."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


PROPERTIES = [*(stands(kind) for kind in UNITS if offers(kind)), *(defined(kind) for kind in UNITS)]
