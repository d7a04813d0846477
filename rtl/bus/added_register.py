"""A register that a bus adds to the core's."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.registers import DATA_BITS
from rtl.control.registers import REQUEST_LAYOUT


class AddedRegister(wiring.Component):
    """One more register at ``address``, in front of a register file; all other requests pass to it unchanged.

    ``written`` is high in the cycle in which a write is taken, with ``data``; a read answers with ``value`` as it was
    in the cycle before, one cycle after its request. Other requests and answers pass in the cycle in which they come.
    One request at a time: after a read no other comes before its answer has been taken.
    """

    READ_CYCLES = 1

    def __init__(self, address: int) -> None:
        self.address = address
        super().__init__({
            "request": In(stream.Signature(REQUEST_LAYOUT)),
            "response": Out(stream.Signature(DATA_BITS)),
            "core_request": Out(stream.Signature(REQUEST_LAYOUT)),
            "core_response": In(stream.Signature(DATA_BITS)),
            "value": In(DATA_BITS),
            "written": Out(1),
            "data": Out(DATA_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        own = Signal()
        answering = Signal()
        answer = Signal(DATA_BITS, reset_less=True)
        m.d.comb += [
            own.eq(self.request.payload.address == self.address),
            self.core_request.payload.eq(self.request.payload),
            self.core_request.valid.eq(self.request.valid & ~own),
            self.request.ready.eq(own | self.core_request.ready),
            self.written.eq(self.request.valid & own & self.request.payload.write),
            self.data.eq(self.request.payload.data),
            self.response.payload.eq(self.core_response.payload),
            self.response.valid.eq(answering | self.core_response.valid),
            self.core_response.ready.eq(self.response.ready & ~answering),
        ]
        with m.If(answering):
            m.d.comb += self.response.payload.eq(answer)
            with m.If(self.response.ready):
                m.d.sync += answering.eq(0)
        with m.If(self.request.valid & own & ~self.request.payload.write):
            m.d.sync += [answering.eq(1), answer.eq(self.value)]
        return m
