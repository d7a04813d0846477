"""Ports that several units use in turn: for any uses, in every cycle.

Where one unit uses the port, its access passes unchanged and it gets what is read; where none does, nothing is
accessed; where two do, and only then, a conflict is told. (The core stops at a conflict: that the schedule never makes
one is for the bench and ``tests/golden/test_order.py``.)
"""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Assert, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.ports import ReadPort, WritePort
from rtl.memory.sharing import conflict, share_reader, share_writer
from tests.formal.prove import Monitor, Property
from tests.formal.streams import free_inputs

USERS = 3
DEPTH, BITS = 8, 4


class SharedPorts(wiring.Component):
    """A read and a write port of a memory, each with USERS users."""

    conflict = staticmethod(conflict)

    def __init__(self) -> None:
        super().__init__({
            "readers": In(ReadPort(DEPTH, BITS)).array(USERS), "writers": In(WritePort(DEPTH, BITS)).array(USERS),
            "read": Out(ReadPort(DEPTH, BITS)), "write": Out(WritePort(DEPTH, BITS)),
            "read_conflict": Out(1), "write_conflict": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        with patch("rtl.memory.sharing.conflict", self.conflict):
            m.d.comb += [
                self.read_conflict.eq(share_reader(m, self.read, list(self.readers))),
                self.write_conflict.eq(share_writer(m, self.write, list(self.writers))),
            ]
        return m


class NeighbouringPorts(SharedPorts):
    """Tells only of neighbours that meet."""

    @staticmethod
    def conflict(m: Module, users: list) -> Value:
        return conflict(m, users[:2]) | conflict(m, users[1:])


class SharingMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit()

    def claim(self, m: Module) -> None:
        m.submodules.unit = unit = self.unit
        free_inputs(m, unit)
        for port, users, told in ((unit.read, unit.readers, unit.read_conflict),
                                  (unit.write, unit.writers, unit.write_conflict)):
            enabled = [users[number].enable for number in range(USERS)]
            m.d.comb += [
                Assert(port.enable == (sum(enabled) > 0), "an access where there is a user"),
                Assert(told == (sum(enabled) > 1), "two are told"),
            ]
            for number in range(USERS):
                user = users[number]
                passes = (port.address == user.address) & ((port.data == user.data) if port is unit.write else 1)
                m.d.comb += Assert(~user.enable | told | passes, "its own access")
        for number in range(USERS):
            m.d.comb += Assert(unit.readers[number].data == unit.read.data, "what is read")


PROPERTIES = [Property("sharing", SharingMonitor, SharedPorts, (NeighbouringPorts,), depth=1, induction=True,
                       quick=True)]
