"""Ports that several units use in turn: for any uses, in every cycle.

Where one unit uses the port, its access passes unchanged and it gets what is read; where none does, nothing is
accessed; where two do, and only then, a conflict is told. (The core stops at a conflict: that the schedule never makes
one is for the bench and ``tests/golden/test_order.py``.)

*link_turns*: decoder, register access and encoder of the serial link have one memory, without an arbiter; no two of
them ever write or read it in the same cycle.

*lane_grants*: whatever the lanes do, a line goes to the lane that is named and to no other, room is taken of and sums
are granted to the lane in its slot alone, and each grant is drained once, with its lane's sums and tag. As the slots go
round (``fetcher``), every lane is served once in ``lanes`` cycles.
"""

from __future__ import annotations

import dataclasses
from unittest.mock import patch

from amaranth.hdl import Assert, Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.latency import DRAIN_LATENCY
from rtl.array.grid import Grid
from rtl.link.access import State as Does
from rtl.link.encoder import State as Sends
from rtl.link.frames import FrameLink
from rtl.memory.ports import ReadPort, WritePort
from rtl.memory.sharing import conflict, share_reader, share_writer
from tests.formal.prove import SMALL, Monitor, Property, previous
from tests.formal.stream_units import BAUD, BIT_CYCLES, CLOCK_HZ
from tests.formal.streams import free_inputs
from tests.formal.wiring import Anything

CONFIG = dataclasses.replace(SMALL, lanes=4, slots=2, slot_rows=8, line_words=2)
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


class GridMonitor(Monitor):
    """Lanes that do anything."""

    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit, own_parts = self.unit, {}
        m.submodules.unit = body = unit.elaborate(None)
        unit._MustUse__used = True
        for name, (part, where) in body._named_submodules.items():
            body._named_submodules[name] = (Anything(part), where)
            own_parts[name] = part
        free_inputs(m, unit)
        lanes = [own_parts[f"lane_{number}"] for number in range(CONFIG.lanes)]
        for number, lane in enumerate(lanes):
            served = unit.slot == number
            m.d.comb += [
                Assert(lane.line_valid == (unit.line_valid & (unit.line_lane == number)), "a line to its lane alone"),
                Assert(lane.reserve == (unit.reserve & served), "room of the lane in its slot alone"),
                Assert(~(lane.done & lane.grant) | served, "a grant in its slot alone"),
            ]
            granted = previous(m, lane.done & served, DRAIN_LATENCY)
            sums = previous(m, lane.sums)
            entry, token = previous(m, lane.entry, DRAIN_LATENCY), previous(m, lane.token, DRAIN_LATENCY)
            m.d.comb += Assert(~granted | (unit.drained_valid & (unit.drained == sums)
                                           & (unit.drained_entry == entry) & (unit.drained_token == token)), "drained")
        some = [previous(m, lane.done & (unit.slot == number), DRAIN_LATENCY) for number, lane in enumerate(lanes)]
        m.d.comb += [Assert(unit.drained_valid == Cat(some).any(), "each grant is drained once"),
                     Assert(sum(lane.line_valid for lane in lanes) <= 1, "one lane")]


class LinkMonitor(Monitor):
    """Decoder, register access and encoder; what their memory and their CRCs give is anything."""

    def __init__(self, unit: type) -> None:
        self.unit = unit(CLOCK_HZ, BAUD, BIT_CYCLES)

    def claim(self, m: Module) -> None:
        unit = self.unit
        m.submodules.unit = body = unit.elaborate(None)
        decoder, access, encoder = unit.decoder, unit.access, unit.encoder
        for name, part in (("access", access), ("encoder", encoder)):
            body._named_submodules[name] = (part.elaborate(None), None)     # now, for its state
        for part in (unit, access, encoder):
            part._MustUse__used = True
        free_inputs(m, unit)
        sending = encoder.state != Sends.IDLE
        m.d.comb += [
            Assert(~(decoder.payload.enable & access.values.enable), "one writes"),
            Assert(~(access.words.enable & encoder.payload.enable), "one reads"),
            Assert(~sending | (access.state == Does.SENDING), "answered before the next request is heard"),
        ]


class DeafLink(FrameLink):
    """Goes on to listen while a request is executed."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.decoder.listen.eq(1)
        return m


class GenerousGrid(Grid):
    """Gives each line to the next lane too."""

    def feed_lanes(self, m: Module, lanes: list, served: list, grant: list) -> None:
        super().feed_lanes(m, lanes, served, grant)
        m.d.comb += lanes[1].line_valid.eq(self.line_valid & (self.line_lane <= 1))


PROPERTIES = [
    Property("link_turns", LinkMonitor, FrameLink, (DeafLink,), depth=26, induction=True, unset="w:*session*",
             hidden=" ".join(f"=top.monitor.unit.{part}" for part in ("memory", "decoder.crc", "encoder.crc"))),
    Property("lane_grants", GridMonitor, Grid, (GenerousGrid,), depth=DRAIN_LATENCY + 2, induction=True),
    Property("sharing", SharingMonitor, SharedPorts, (NeighbouringPorts,), depth=1, induction=True,
             quick=True),
]
