"""Several who ask, one register file: each in turn."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.registers import DATA_BITS
from rtl.control.registers import REQUEST_LAYOUT


class RequestArbiter(wiring.Component):
    """Bring the requests of ``clients`` to one register file, one at a time, and each answer to who asked.

    Round-robin: who was served last comes last, so a request waits for at most one of every other client. A client is
    chosen a cycle before its request can pass; as the register file takes a write every second cycle, back-to-back
    writes lose nothing by it. A read holds the port until its answer has been taken; an answer passes in the cycle in
    which it comes.
    """

    def __init__(self, clients: int) -> None:
        self.clients = clients
        super().__init__({
            "requests": In(stream.Signature(REQUEST_LAYOUT)).array(clients),
            "responses": Out(stream.Signature(DATA_BITS)).array(clients),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(DATA_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.owner = Signal(range(self.clients))
        self.granted = Signal()        # the owner's request may pass, or its answer is on its way
        self.reading = Signal()        # its request has passed, its answer has not
        self.choose(m)
        self.ask(m)
        self.answer(m)
        return m

    def choose(self, m: Module) -> None:
        """Stage 1: the next client after the last owner that has a request."""
        waiting = [self.requests[client].valid for client in range(self.clients)]
        with m.If(~self.granted), m.Switch(self.owner):
            for last in range(self.clients):
                with m.Case(last):
                    for distance in range(self.clients, 0, -1):     # of several assignments the last one counts
                        client = (last + distance) % self.clients
                        with m.If(waiting[client]):
                            m.d.sync += [self.owner.eq(client), self.granted.eq(1)]

    def ask(self, m: Module) -> None:
        """Stage 2: its request."""
        for client in range(self.clients):
            own = self.requests[client]
            with m.If(self.is_asking(client)):
                m.d.comb += [self.request.valid.eq(own.valid), self.request.payload.eq(own.payload),
                             own.ready.eq(self.request.ready)]
        with m.If(self.request.valid & self.request.ready):
            with m.If(self.request.payload.write):
                m.d.sync += self.granted.eq(0)
            with m.Else():
                m.d.sync += self.reading.eq(1)

    def is_asking(self, client: int) -> Value:
        """Whether the port is this client's, for a request."""
        return self.granted & ~self.reading & (self.owner == client)

    def answer(self, m: Module) -> None:
        """Stage 3: the answer to a read."""
        for client in range(self.clients):
            answer = self.responses[client]
            m.d.comb += answer.payload.eq(self.response.payload)
            with m.If(self.is_answered(client)):
                m.d.comb += [answer.valid.eq(self.response.valid), self.response.ready.eq(answer.ready)]
        with m.If(self.response.valid & self.response.ready):
            m.d.sync += [self.granted.eq(0), self.reading.eq(0)]

    def is_answered(self, client: int) -> Value:
        """Whether the answer is this client's."""
        return self.reading & (self.owner == client)
