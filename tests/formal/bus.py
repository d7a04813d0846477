"""Buses: for all time, by induction, whatever the master and the register file do.

AXI4-Lite: responses stand still until taken, and so do requests; the k-th write that is asked for has the k-th address
and the k-th data, for any k (numbers wrap); a response comes only when its write has been taken or refused, and once;
read data is the answer to the one read that is under way. A master that withdraws its valid, which AXI forbids, changes
nothing of it.

Arbiter: an answer goes to the client whose read was taken; none is asked while one is on its way; a client that waits
sees at most one request of every other.

Stream of pixels: as many as asked for, tlast with the last and no other, standing still until taken.

Wishbone: never ack and err at once or twice; a transfer is asked for once at most and answered with its own answer.

Assumed: the register file answers a read that it has taken, and nothing else.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value

from rtl.bench import bugs_bus as bugs
from rtl.bus.arbiter import RequestArbiter
from rtl.bus.axi_lite import OKAY, SLAVE_ERROR, AxiLite
from rtl.bus.axi_stream import PixelStream
from rtl.bus.wishbone import WishboneBridge
from tests.formal.prove import Monitor, Property, fixed, free, inside, previous

COUNT_BITS = 4
CLIENTS = 3


def stands_still(m: Module, valid: Value, ready: Value, payload: Value, what: str) -> None:
    """What is offered and not taken is offered again."""
    waiting = previous(m, valid & ~ready)
    offered = previous(m, payload)
    with m.If(waiting):
        m.d.comb += Assert(valid & (payload == offered), f"{what} stands still")


def counter(m: Module, name: str, happened: Value) -> Signal:
    """How often something happened; wraps."""
    count = Signal(COUNT_BITS, name=name)
    with m.If(happened):
        m.d.sync += count.eq(count + 1)
    return count


def passes(stream: object) -> Value:
    """Whether a value passes."""
    return stream.valid & stream.ready


class AxiLiteMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, *(getattr(unit, f"s_axi_{name}") for name in (
            "awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")))
        free(m, unit.write_request.ready, unit.read_request.ready, unit.read_response.valid, unit.read_response.payload)
        self.writes(m, own)
        self.reads(m, own)
        stands_still(m, unit.s_axi_bvalid, unit.s_axi_bready, unit.s_axi_bresp, "a write's response")
        stands_still(m, unit.s_axi_rvalid, unit.s_axi_rready, Cat(unit.s_axi_rdata, unit.s_axi_rresp), "read data")
        for request in (unit.write_request, unit.read_request):
            stands_still(m, request.valid, request.ready, request.payload.as_value(), "a request")

    def writes(self, m: Module, own: dict[str, Signal]) -> None:
        unit, request = self.unit, self.unit.write_request
        address_taken = unit.s_axi_awvalid & unit.s_axi_awready
        data_taken = unit.s_axi_wvalid & unit.s_axi_wready
        answered = unit.s_axi_bvalid & unit.s_axi_bready
        addresses, words = counter(m, "addresses", address_taken), counter(m, "words", data_taken)
        answers, asked = counter(m, "answers", answered), counter(m, "asked", passes(request))
        chosen = fixed(m, "chosen", COUNT_BITS)
        address, data, strobes = Signal(16), Signal(32), Signal(4)
        with m.If(address_taken & (addresses == chosen)):
            m.d.sync += address.eq(unit.s_axi_awaddr[2:])
        with m.If(data_taken & (words == chosen)):
            m.d.sync += [data.eq(unit.s_axi_wdata), strobes.eq(unit.s_axi_wstrb)]
        refused = counter(m, "refused", self.is_refused(own))
        done = Signal(COUNT_BITS)
        m.d.comb += done.eq(asked + refused)
        with m.If(request.valid & (done == chosen)):
            m.d.comb += Assert((request.payload.address == address) & (request.payload.data == data)
                               & (strobes == 0xF), "the write's own address and data")
        with m.If(unit.s_axi_bvalid & (done == (chosen + 1)[:COUNT_BITS])):
            well = strobes.all() | ~strobes.any()
            m.d.comb += Assert(unit.s_axi_bresp == Mux(well, OKAY, SLAVE_ERROR), "its response")
        m.d.comb += [
            Assert(done == (answers + unit.s_axi_bvalid)[:COUNT_BITS], "a response when the write is over, and once"),
            Assert(addresses == (done + own["address_held"])[:COUNT_BITS], "no address lost"),
            Assert(words == (done + own["data_held"])[:COUNT_BITS], "no data lost"),
        ]
        with m.If(own["address_held"] & (done == chosen)):
            m.d.comb += Assert(own["write_address"] == address)
        with m.If(own["data_held"] & (done == chosen)):
            m.d.comb += Assert((own["write_data"] == data) & (own["strobes"] == strobes))

    def is_refused(self, own: dict[str, Signal]) -> Value:
        """A write of some bytes or of none ends without being asked for."""
        return own["address_held"] & own["data_held"] & ~self.unit.s_axi_bvalid & ~own["strobes"].all()

    def reads(self, m: Module, own: dict[str, Signal]) -> None:
        unit, response = self.unit, self.unit.read_response
        waiting = Signal()             # an answer of the register file is due
        answer = Signal(32)
        m.d.comb += Assume(~response.valid | waiting)
        with m.If(passes(unit.read_request)):
            m.d.sync += waiting.eq(1)
        with m.If(passes(response)):
            m.d.sync += [waiting.eq(0), answer.eq(response.payload)]
        m.d.comb += [
            Assert(own["asked"] == waiting),
            Assert(response.ready, "an answer is taken at once"),
            Assert(~(waiting & unit.read_request.valid), "one read at a time"),
            Assert(~(waiting & unit.s_axi_rvalid), "room for the answer"),
            Assert(~unit.s_axi_rvalid | (unit.s_axi_rdata == answer), "the answer to this read"),
        ]


class ArbiterMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CLIENTS)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.request.ready, unit.response.valid, unit.response.payload)
        for client in range(CLIENTS):
            request = unit.requests[client]
            free(m, request.valid, request.payload, unit.responses[client].ready)
            waits = previous(m, request.valid & ~request.ready)
            before = previous(m, request.payload.as_value())
            m.d.comb += Assume(~waits | (request.valid & (request.payload.as_value() == before)))
        self.answers(m, own)
        self.fairness(m, own)
        stands_still(m, unit.request.valid, unit.request.ready, unit.request.payload.as_value(), "a request")

    def answers(self, m: Module, own: dict[str, Signal]) -> None:
        unit = self.unit
        due = Signal(CLIENTS)          # clients with a read that was taken
        passed = Cat(passes(unit.requests[client]) for client in range(CLIENTS))
        for client in range(CLIENTS):
            request, response = unit.requests[client], unit.responses[client]
            with m.If(passes(request) & ~request.payload.write):
                m.d.sync += due[client].eq(1)
            with m.If(passes(response)):
                m.d.sync += due[client].eq(0)
            with m.If(passes(request)):
                m.d.comb += Assert(passes(unit.request)
                                   & (unit.request.payload.as_value() == request.payload.as_value()), "what was asked")
            m.d.comb += [
                Assert(~response.valid | due[client], "an answer to who asked"),
                Assert(~response.valid | (response.payload == unit.response.payload), "as it came"),
                Assert(due[client] == (own["reading"] & (own["owner"] == client))),
            ]
        m.d.comb += [
            Assume(~unit.response.valid | due.any()),
            Assert(~due.any() | ~unit.request.valid, "one at a time"),
            Assert(sum(unit.requests[client].ready for client in range(CLIENTS)) <= 1, "one is served"),
            Assert(sum(unit.responses[client].valid for client in range(CLIENTS)) <= 1, "one is answered"),
            Assert(passes(unit.request) == passed.any(), "nothing made up"),
            Assert(passes(unit.response) == Cat(passes(unit.responses[client]) for client in range(CLIENTS)).any()),
            Assert(~own["reading"] | own["granted"]),
            Assert(own["owner"] < CLIENTS),
        ]

    def fairness(self, m: Module, own: dict[str, Signal]) -> None:
        """``distance``: places from the last owner to the chosen client, 1 to CLIENTS."""
        unit = self.unit
        chosen = fixed(m, "chosen", range(CLIENTS))
        others = Signal(range(CLIENTS + 1))
        distance = Signal(range(CLIENTS + 1))
        valid, ready = Signal(), Signal()
        m.d.comb += Assume(chosen < CLIENTS)
        for client in range(CLIENTS):
            with m.If(chosen == client):
                m.d.comb += [valid.eq(unit.requests[client].valid), ready.eq(unit.requests[client].ready)]
        with m.If(~valid | ready):
            m.d.sync += others.eq(0)
        with m.Elif(passes(unit.request)):
            m.d.sync += others.eq(others + 1)
        m.d.comb += distance.eq(Mux(chosen > own["owner"], chosen - own["owner"], chosen + CLIENTS - own["owner"]))
        mine = own["owner"] == chosen
        pending = own["granted"] & ~own["reading"]
        with m.If(valid):
            m.d.comb += Assert(others < CLIENTS, "at most one request of every other before it")
            m.d.comb += Assert(Mux(pending, mine | (others + distance < CLIENTS), others + distance <= CLIENTS))
        with m.If(~previous(m, valid & ~ready)):
            m.d.comb += Assert(others == 0)


class PixelMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.start, unit.count, unit.m_axis_tready, unit.request.ready, unit.response.valid,
             unit.response.payload)
        taken = unit.m_axis_tvalid & unit.m_axis_tready
        due = Signal()
        pixel = Signal(len(unit.m_axis_tdata))
        m.d.comb += Assume(~unit.response.valid | due)
        with m.If(passes(unit.request)):
            m.d.sync += due.eq(1)
        with m.If(unit.response.valid):
            m.d.sync += [due.eq(0), pixel.eq(unit.response.payload)]
        left = Signal.like(unit.left)
        with m.If(unit.start & (left == 0)):
            m.d.sync += left.eq(unit.count)
        with m.Elif(taken):
            m.d.sync += left.eq(left - 1)
        m.d.comb += [
            Assert(unit.left == left, "as many as asked for"),
            Assert(~unit.m_axis_tvalid | ((left != 0) & (unit.m_axis_tdata == pixel)), "a pixel that was asked for"),
            Assert(~unit.m_axis_tvalid | (unit.m_axis_tlast == (left == 1)), "tlast with the last"),
            Assert(unit.response.ready, "an answer is taken at once"),
            Assert(own["asked"] == (due | unit.m_axis_tvalid)),
            Assert(~(due & unit.m_axis_tvalid)),
            Assert(~due | (left != 0)),
        ]
        stands_still(m, unit.m_axis_tvalid, unit.m_axis_tready, Cat(unit.m_axis_tdata, unit.m_axis_tlast), "a pixel")
        stands_still(m, unit.request.valid, unit.request.ready, unit.request.payload.as_value(), "a request")


class WishboneMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, *(getattr(unit, f"wb_{name}") for name in ("adr", "dat_w", "sel", "cyc", "stb", "we")))
        free(m, unit.request.ready, unit.response.valid, unit.response.payload)
        due = Signal()                 # the register file has taken a read
        own_answer = Signal()          # and the transfer that asked for it goes on
        asked = Signal()               # this transfer has been asked for
        active = unit.wb_cyc & unit.wb_stb
        ended = unit.wb_ack | unit.wb_err | ~active
        m.d.comb += Assume(~unit.response.valid | due)
        with m.If(passes(unit.request)):
            m.d.sync += [due.eq(~unit.wb_we), own_answer.eq(~unit.wb_we)]
        with m.If(unit.response.valid):
            m.d.sync += due.eq(0)
        with m.If(unit.response.valid | (due & ~active)):
            m.d.sync += own_answer.eq(0)
        m.d.sync += asked.eq((asked | passes(unit.request)) & ~ended)
        answer = previous(m, unit.response.payload)
        came = previous(m, unit.response.valid & own_answer & active)
        written = previous(m, passes(unit.request) & unit.wb_we)
        m.d.comb += [
            Assert(~(unit.wb_ack & unit.wb_err), "ack or err"),
            Assert(~(previous(m, unit.wb_ack | unit.wb_err) & (unit.wb_ack | unit.wb_err)), "for one cycle"),
            Assert(unit.wb_ack == (came | written), "when the transfer is done, and only then"),
            Assert(~came | (unit.wb_dat_r == answer), "with its own answer"),
            Assert(~(passes(unit.request) & asked), "asked for once"),
            Assert(~(passes(unit.request) & (unit.wb_ack | unit.wb_err)), "not after its end"),
            Assert(~passes(unit.request) | ~unit.wb_we | unit.wb_sel.all(), "whole words only"),
            Assert(own["reading"] == due),
            Assert(~due | (own["wanted"] == own_answer)),
            Assert(~own_answer | due),
            Assert(~asked | own_answer | unit.wb_ack),
        ]


PROPERTIES = [
    Property("axi_lite", AxiLiteMonitor, AxiLite, (bugs.LosingAxiLite, bugs.HastyAxiLite), depth=6, induction=True),
    Property("arbiter", ArbiterMonitor, RequestArbiter, (bugs.MixingArbiter, bugs.GreedyArbiter), depth=6,
             induction=True),
    Property("pixel_stream", PixelMonitor, PixelStream, (bugs.EndlessPixelStream,), depth=8, induction=True),
    Property("wishbone", WishboneMonitor, WishboneBridge, (bugs.RepeatingWishboneBridge, bugs.LateWishboneBridge),
             depth=8, induction=True, quick=True),
]
