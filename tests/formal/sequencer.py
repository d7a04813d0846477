"""The sequencer's issue ports and its end: for all time and any program, by induction.

A descriptor that is offered to an engine stays offered, with the same fields, until it is taken, unless the sequencer
is stopped; no two engines are offered one in the same cycle. In the first cycle that counts after the end of a step,
pauses left out, the program is done exactly if the image has settled; otherwise only HALT ends it; nothing follows the
end. What the program memory gives is free in every cycle, but while a descriptor is executed: then its address stays.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, Value

from golden.spec.descriptors import OPCODE_BITS, Engine, Opcode
from rtl.bench.bugs_array import HastySequencer
from rtl.control.sequencer import Sequencer
from tests.formal.prove import SMALL, Monitor, Property, free, inside, previous


class ImpatientSequencer(Sequencer):
    """Does not wait until an engine's queue has room."""

    def execute_engine(self, m: Module, engine: Engine) -> None:
        super().execute_engine(m, engine)
        m.d.comb += self.finished.eq(1)


class IssueMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        free(m, unit.begin, unit.resume, unit.pause_each_step, unit.stop, unit.all_idle, unit.program.data)
        ports = [getattr(unit, f"issue_{engine.name.lower()}") for engine in Engine]
        for port in ports:
            payload = Value.cast(port.payload)
            free(m, port.ready)
            before = previous(m, payload)
            with m.If(previous(m, port.valid & ~port.ready & ~unit.stop)):
                m.d.comb += [Assert(port.valid, "stays offered"), Assert(payload == before, "with the same fields")]
        still = previous(m, unit.executing & ~unit.stop)
        held = previous(m, unit.program.data)
        m.d.comb += Assume(~(still & unit.executing) | (unit.program.data == held))   # the address stands still
        offered = sum(port.valid for port in ports)
        m.d.comb += Assert(offered <= 1, "one engine at a time")


class DeafSequencer(Sequencer):
    """Goes on where the image has settled."""

    def ends_early(self) -> Value:
        return Value.cast(0)


class EndMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        free(m, unit.begin, unit.resume, unit.pause_each_step, unit.stop, unit.all_idle, unit.settled,
             unit.program.data, *(getattr(unit, f"issue_{engine.name.lower()}").ready for engine in Engine))
        judged, over = Signal(), Signal()    # a step has just ended; the program has
        m.d.sync += judged.eq((unit.step_end | judged & unit.paused) & ~unit.stop)
        m.d.sync += over.eq(over | unit.done)
        halting = unit.executing & (unit.word[:OPCODE_BITS] == Opcode.HALT) & unit.all_idle
        wanted = Mux(judged & ~unit.paused, unit.settled, halting)
        m.d.comb += [
            Assert(unit.done == wanted, "done exactly then"),
            Assert(~(over & (unit.running | unit.paused | unit.machine.ongoing("IDLE"))), "nothing follows the end"),
            Assert(~judged | unit.paused | unit.machine.ongoing("FETCH"), "judged in the cycle after the step"),
            Assert(~judged | unit.after_step, "and known to the sequencer"),
            Assert(judged | ~unit.after_step | ~unit.machine.ongoing("FETCH"), "and nothing else is"),
            Assert(~unit.after_step | ~unit.machine.ongoing("IDLE"), "a start follows no step"),
            Assert(judged | ~unit.paused, "a pause follows a step"),
        ]


PROPERTIES = [
    Property("sequencer_issue", IssueMonitor, Sequencer, (ImpatientSequencer,), depth=7, induction=True),
    Property("sequencer_end", EndMonitor, Sequencer, (HastySequencer, DeafSequencer), depth=9, induction=True),
]
