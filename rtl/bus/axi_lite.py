"""AXI4-Lite: a master's writes and reads as requests to the register file."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.registers import ADDRESS_BITS, DATA_BITS
from rtl.control.registers import REQUEST_LAYOUT

BYTE_BITS = 8
STROBES = DATA_BITS // BYTE_BITS
LANE_BITS = (STROBES - 1).bit_length()
"""Bits of a byte address below those of a word; ignored, as every access is one of a whole word."""
BYTE_ADDRESS_BITS = ADDRESS_BITS + LANE_BITS
PROTECTION_BITS = 3
RESPONSE_BITS = 2
OKAY = 0
SLAVE_ERROR = 2


def axi_lite_members() -> dict[str, wiring.Member]:
    """Ports of a slave, by the names that tools know."""
    address, protection, flag = In(BYTE_ADDRESS_BITS), In(PROTECTION_BITS), In(1)
    return {
        "s_axi_awaddr": address, "s_axi_awprot": protection, "s_axi_awvalid": flag, "s_axi_awready": Out(1),
        "s_axi_wdata": In(DATA_BITS), "s_axi_wstrb": In(STROBES), "s_axi_wvalid": flag, "s_axi_wready": Out(1),
        "s_axi_bresp": Out(RESPONSE_BITS), "s_axi_bvalid": Out(1), "s_axi_bready": flag,
        "s_axi_araddr": address, "s_axi_arprot": protection, "s_axi_arvalid": flag, "s_axi_arready": Out(1),
        "s_axi_rdata": Out(DATA_BITS), "s_axi_rresp": Out(RESPONSE_BITS), "s_axi_rvalid": Out(1), "s_axi_rready": flag,
    }


class AxiLite(wiring.Component):
    """An AXI4-Lite slave of 32 bits in front of a register file.

    Address and data of a write may come in any order and any number of cycles apart: each channel keeps one. When both
    are there the write is asked for; its response comes the cycle after the register file has taken it. A write of
    some bytes of a word is refused with SLVERR; one of no byte does nothing. A read keeps its address until it is
    asked for, and its data until taken. One write and one read may be under way at once; neither waits for the other.

    Every output that a master sees is a register, or its inverse. A request is offered in the cycle after the later
    half of a write or the address of a read; bvalid comes in the cycle after it was taken, rvalid in the cycle after
    its answer.
    """

    def __init__(self) -> None:
        super().__init__({
            **axi_lite_members(),
            "write_request": Out(stream.Signature(REQUEST_LAYOUT)),
            "read_request": Out(stream.Signature(REQUEST_LAYOUT)),
            "read_response": In(stream.Signature(DATA_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.address_held = Signal()
        self.data_held = Signal()
        self.strobes = Signal(STROBES, reset_less=True)
        self.take_write(m)
        self.write(m)
        self.read(m)
        return m

    def take_write(self, m: Module) -> None:
        """Stage 1: both halves of a write, each by itself."""
        request = self.write_request.payload
        address = Signal(ADDRESS_BITS, name="write_address", reset_less=True)
        data = Signal(DATA_BITS, name="write_data", reset_less=True)
        m.d.comb += [
            self.s_axi_awready.eq(~self.address_held),
            self.s_axi_wready.eq(~self.data_held),
            request.write.eq(1),
            request.address.eq(address),
            request.data.eq(data),
        ]
        with m.If(self.s_axi_awvalid & self.s_axi_awready):
            m.d.sync += [address.eq(self.s_axi_awaddr[LANE_BITS:]), self.address_held.eq(1)]
        with m.If(self.s_axi_wvalid & self.s_axi_wready):
            m.d.sync += [data.eq(self.s_axi_wdata), self.strobes.eq(self.s_axi_wstrb)]
            m.d.sync += self.data_held.eq(self.keeps_data())

    def write(self, m: Module) -> None:
        """Stage 2: the write is asked for. Stage 3: its response."""
        complete = Signal()
        done = Signal()
        whole = self.strobes.all()
        m.d.comb += [
            complete.eq(self.address_held & self.data_held & ~self.s_axi_bvalid),
            self.write_request.valid.eq(complete & whole),
            done.eq((self.write_request.valid & self.write_request.ready) | (complete & ~whole)),
        ]
        with m.If(self.s_axi_bready):
            m.d.sync += self.s_axi_bvalid.eq(0)
        with m.If(done):
            m.d.sync += [self.address_held.eq(0), self.data_held.eq(0)]
        with m.If(self.responds(complete, done)):
            m.d.sync += self.s_axi_bvalid.eq(1)
            m.d.sync += self.s_axi_bresp.eq(Mux(self.strobes.any() & ~whole, SLAVE_ERROR, OKAY))

    def keeps_data(self) -> Value:
        """Whether data that comes is kept until its address is there."""
        return Const(1)

    def responds(self, complete: Value, done: Value) -> Value:
        """When a write is over: once it is done, not when it is only complete."""
        return done

    def read(self, m: Module) -> None:
        """Stages 1 to 3 of a read: its address, its request, its data."""
        request, response = self.read_request, self.read_response
        held = Signal()
        asked = Signal()
        address = Signal(ADDRESS_BITS, name="read_address", reset_less=True)
        m.d.comb += [
            self.s_axi_arready.eq(~held),
            request.payload.address.eq(address),
            request.valid.eq(held & ~asked & ~self.s_axi_rvalid),
            response.ready.eq(1),
            self.s_axi_rresp.eq(OKAY),
        ]
        with m.If(self.s_axi_arvalid & self.s_axi_arready):
            m.d.sync += [address.eq(self.s_axi_araddr[LANE_BITS:]), held.eq(1)]
        with m.If(request.valid & request.ready):
            m.d.sync += [held.eq(0), asked.eq(1)]
        with m.If(self.s_axi_rready):
            m.d.sync += self.s_axi_rvalid.eq(0)
        with m.If(response.valid):
            m.d.sync += [asked.eq(0), self.s_axi_rvalid.eq(1), self.s_axi_rdata.eq(response.payload)]
