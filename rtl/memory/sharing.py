"""Ports that several units use in turn: the schedule keeps them apart, and a conflict is an error, never a wait."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value


def share_reader(m: Module, reader: object, users: list) -> Value:
    """Connect a memory's read port to units that never read in the same cycle; returns high when two do."""
    m.d.comb += [reader.enable.eq(0), reader.address.eq(users[0].address)]
    for user in users:
        m.d.comb += user.data.eq(reader.data)
        with m.If(user.enable):
            m.d.comb += [reader.enable.eq(1), reader.address.eq(user.address)]
    return conflict(m, users)


def share_writer(m: Module, writer: object, users: list) -> Value:
    """Connect a memory's write port to units that never write in the same cycle; returns high when two do."""
    m.d.comb += [writer.enable.eq(0), writer.address.eq(users[0].address), writer.data.eq(users[0].data)]
    for user in users:
        with m.If(user.enable):
            m.d.comb += [writer.enable.eq(1), writer.address.eq(user.address), writer.data.eq(user.data)]
    return conflict(m, users)


def conflict(m: Module, users: list) -> Value:
    """High in a cycle in which two users are enabled."""
    result = Signal(name="port_conflict")
    seen = users[0].enable
    for user in users[1:]:
        with m.If(seen & user.enable):
            m.d.comb += result.eq(1)
        seen = seen | user.enable
    return result
