"""RegisterAccess executes a request once, and only within a session: for all time, by induction.

A request with the sequence number of the one before reaches no register. None does before a SYNC. What is offered to
the core stands still until it is taken, and both halves of the memory are accessed within their bounds. Assumed: a
frame has at most MAX_WORDS words, as the decoder sees to.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Module, Signal

from golden.spec.link import MAX_WORDS, Command
from rtl.bench.bugs_link import ForgetfulAccess
from rtl.link.access import RegisterAccess, State
from tests.formal.prove import Monitor, Property, free, inside, previous

CLOCK_HZ, BAUD = 25_000_000, 1_000_000


class AccessMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CLOCK_HZ, BAUD)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.frame, unit.header, unit.count, unit.damaged, unit.words.data, unit.request.ready,
             unit.response.valid, unit.response.payload, unit.sending)
        m.d.comb += Assume(unit.count <= MAX_WORDS)
        taken = Signal()         # a request comes, and is heard
        repeated = Signal()      # the last one was that before it again
        again = unit.header.sequence == unit.reply_header.sequence
        m.d.comb += taken.eq(unit.listen & unit.frame)
        with m.If(taken):
            m.d.sync += repeated.eq(own["session"] & again & (unit.header.code != Command.SYNC))
        with m.If(unit.request.valid):
            m.d.comb += [Assert(own["session"], "only within a session"), Assert(~repeated, "only once")]
        with m.If(unit.values.enable):
            m.d.comb += Assert(unit.values.address < MAX_WORDS, "within the answer's half")
        with m.If(unit.words.enable):
            m.d.comb += Assert(unit.words.address < MAX_WORDS, "within the request's half")
        waiting = previous(m, unit.request.valid & ~unit.request.ready)
        address = previous(m, unit.request.payload.address)
        write = previous(m, unit.request.payload.write)
        with m.If(waiting):
            m.d.comb += Assert(unit.request.valid & (unit.request.payload.address == address)
                               & (unit.request.payload.write == write), "stands still")
        self.where_it_is(m, own, repeated)

    def where_it_is(self, m: Module, own: dict[str, Signal], repeated: Signal) -> None:
        """What makes it inductive: which states can be, with which counts."""
        state = own["state"]
        for each in (State.FETCH, State.CHECK, State.WRITE, State.READ, State.VALUE):
            with m.If(state == each):
                m.d.comb += [Assert(own["session"]), Assert(~repeated), Assert(own["total"] <= MAX_WORDS)]
                if each is State.CHECK:
                    m.d.comb += Assert(own["index"] == 0)
                else:
                    m.d.comb += Assert(own["index"] < own["total"])
        with m.If((state == State.FETCH) & own["is_read"]):
            m.d.comb += Assert(own["index"] == 0)
        with m.If(state == State.WRITE):
            m.d.comb += Assert(~own["is_read"])


PROPERTIES = [Property("link", AccessMonitor, RegisterAccess, (ForgetfulAccess,), depth=10, induction=True, quick=True)]
