"""Valid and ready at the sequencer's issue ports: for all time and any program, by induction.

A descriptor that is offered to an engine stays offered, with the same fields, until it is taken, unless the sequencer
is stopped; no two engines are offered one in the same cycle. What the program memory gives is free in every cycle.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Module, Value

from golden.spec.descriptors import Engine
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
        offered = sum(port.valid for port in ports)
        m.d.comb += Assert(offered <= 1, "one engine at a time")


PROPERTIES = [Property("sequencer_issue", IssueMonitor, Sequencer, (ImpatientSequencer,), depth=7, induction=True)]
