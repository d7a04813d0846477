"""Dispatcher offers each token of each group once and in order: for all time and all descriptors, by induction.

Descriptors of any fields, semaphores and room at any time, tokens taken at any pace; width 8, 4 lanes. From the
acceptance of a descriptor to that of the next, count x lanes tokens are offered and taken, in their order, each with
its address, its tile row and the entry of its group, and one that is not taken stands still. A group is allocated only
with its semaphores up, room for it, and at a fence everything quiet; if it can be it is, in the cycle in which the last
token of the group before it is taken, at the earliest. Signals are ``signal_each``, and with the last group or an
empty descriptor ``signal_last``. Groups of keys fill one transposer tile after the other, the two in turn.
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Assert, Assume, Module, Mux, Signal

from golden.spec.descriptors import Destination, Opcode
from golden.spec.hardware import REGISTER_BITS
from rtl.array.dispatcher import Dispatcher
from rtl.array.layouts import GroupRecord
from rtl.bench.bugs_array import ShortDispatcher, UnfencedDispatcher
from rtl.control.engine import descriptor_layout
from tests.formal.prove import SMALL, Monitor, Property, free, inside

CONFIG = dataclasses.replace(SMALL, lanes=4)
LANES = CONFIG.lanes
COUNT_BITS = 12
COPIED = {name for name, _ in GroupRecord()} & {name for name, _ in descriptor_layout(Opcode.ARRAY)}
"""Fields of a group's record that are the descriptor's."""


class DispatcherMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit = self.unit
        self.own = inside(m, unit)
        free(m, unit.descriptor.valid, unit.descriptor.payload, unit.available, unit.room, unit.key_room, unit.quiet,
             unit.entry, unit.taken)
        m.d.comb += Assume(~unit.taken | unit.offered)
        self.mine = Signal(descriptor_layout(Opcode.ARRAY))  # the descriptor that was accepted last
        self.left = Signal(COUNT_BITS)            # groups of it that are not allocated
        self.active = Signal()                    # tokens of a group are not taken
        self.position = Signal(range(LANES))      # of the next one
        self.base = Signal(REGISTER_BITS)         # address of the group's first token
        self.first_row = Signal(unit.token.row.shape())
        self.offset = Signal(REGISTER_BITS)       # from there to the next token's
        self.entry = Signal.like(unit.entry)
        self.accept = Signal()
        self.ends = Signal()
        m.d.comb += [self.accept.eq(unit.descriptor.valid & unit.descriptor.ready),
                     self.ends.eq(~self.active | (unit.taken & (self.position == LANES - 1)))]
        self.follow(m)
        self.check_tokens(m)
        self.check_allocation(m)
        self.check_record(m)
        self.strengthen(m)

    def follow(self, m: Module) -> None:
        """Which token is next."""
        unit, payload = self.unit, self.unit.descriptor.payload
        with m.If(unit.taken):
            m.d.sync += [self.position.eq(self.position + 1), self.offset.eq(self.offset + self.mine.lane_stride)]
            with m.If(self.position == LANES - 1):
                m.d.sync += self.active.eq(0)
        with m.If(unit.allocate):
            m.d.sync += [self.active.eq(1), self.position.eq(0), self.offset.eq(0), self.entry.eq(unit.entry),
                         self.left.eq(self.left - 1), self.base.eq(self.base + self.mine.left_step),
                         self.first_row.eq(self.first_row + self.mine.tile_step)]
        with m.If(self.accept):
            m.d.sync += [self.mine.eq(payload), self.active.eq(payload.count != 0), self.base.eq(payload.left_base),
                         self.left.eq(Mux(payload.count == 0, 0, payload.count - 1)),
                         self.first_row.eq(payload.slot * CONFIG.slot_rows)]

    def check_tokens(self, m: Module) -> None:
        unit = self.unit
        tokens = Signal(COUNT_BITS + 4)   # of the descriptor, not yet taken
        with m.If(self.accept):
            m.d.sync += tokens.eq(unit.descriptor.payload.count * LANES)
            m.d.comb += Assert(tokens == unit.taken, "count x lanes tokens of the descriptor before")
        with m.Else():
            m.d.sync += tokens.eq(tokens - unit.taken)
        m.d.comb += [
            Assert(unit.offered == self.active, "tokens of the allocated group, and no others"),
            Assert(unit.idle == (~self.active & (self.left == 0)), "idle"),
            Assert(tokens == self.left * LANES + Mux(self.active, LANES - self.position, 0)),
        ]
        with m.If(self.active):
            m.d.comb += [
                Assert(unit.token.token == self.position, "tokens in order"),
                Assert(unit.token.entry == self.entry, "the group's entry"),
                Assert(unit.token.address == (self.base + self.offset)[:REGISTER_BITS], "address"),
                Assert(unit.token.row == self.first_row, "tile row"),
            ]

    def check_allocation(self, m: Module) -> None:
        unit, payload = self.unit, self.unit.descriptor.payload
        due = Mux(self.left != 0, self.mine.wait_each, payload.wait_each | payload.wait_first)
        destination = Mux(self.left != 0, self.mine.destination, payload.destination)
        keys = unit.tokens & (destination == Destination.KEY)
        with m.If(unit.allocate):
            m.d.comb += [
                Assert(self.ends, "the group before has no tokens left"),
                Assert(self.accept == (self.left == 0), "all groups of a descriptor, then the next one"),
                Assert(Mux(keys, unit.key_room, unit.room), "room"),
                Assert(unit.quiet | ~(self.accept & payload.fence), "fence"),
                Assert((due & ~unit.available) == 0, "semaphores are up"),
                Assert(unit.take == due, "all of them are taken"),
                Assert(unit.keys == keys),
            ]
        with m.Else():
            possible = unit.available.all() & unit.room & unit.key_room & unit.quiet
            m.d.comb += [
                Assert(~self.accept & (unit.take == 0), "nothing is taken without a group"),
                Assert(~(possible & self.ends & ((self.left != 0) | unit.descriptor.valid)), "at once"),
            ]

    def check_record(self, m: Module) -> None:
        """What goes with the group that is allocated."""
        unit, payload = self.unit, self.unit.descriptor.payload
        later = self.left != 0
        chosen = Signal(descriptor_layout(Opcode.ARRAY))
        address = Signal(REGISTER_BITS)   # of the group before
        column = Signal(range(CONFIG.width))  # keys: of the group before
        tile = Signal()
        begins = ~later | (column == CONFIG.width - LANES)
        m.d.comb += chosen.eq(Mux(later, self.mine, payload))
        empty = chosen.count == 0
        each = Mux(empty, 0, chosen.signal_each)
        last = Mux(later, self.left == 1, chosen.count <= 1)
        following = Signal(REGISTER_BITS)
        m.d.comb += following.eq(Mux(later, address + Mux(unit.keys & ~begins, 0, chosen.destination_step),
                                     chosen.destination_base))
        with m.If(unit.allocate):
            m.d.sync += address.eq(following)
            m.d.comb += [
                Assert(unit.tokens == ~empty),
                Assert(unit.signals == (each | Mux(last, chosen.signal_last, 0)), "signals"),
                Assert(unit.record.address == following, "address of the results"),
                *(Assert(unit.record[name] == chosen[name]) for name in sorted(COPIED)),
                *(Assert(unit.operand[name] == chosen[name]) for name, _ in unit.operand.shape()
                  if name not in ("detect", "decide")),
                Assert(unit.operand.detect == (chosen.detect & (~later | (chosen.left_step != 0))), "tokens once"),
                Assert(unit.operand.decide == (chosen.decide & empty), "empty descriptors decide"),
            ]
            with m.If(unit.keys):
                m.d.sync += [column.eq(unit.record.column), tile.eq(unit.record.tile)]
                m.d.comb += [
                    Assert(unit.record.column == Mux(begins, 0, column + LANES), "keys side by side"),
                    Assert(unit.record.tile == tile ^ begins, "tiles in turn"),
                ]
        with m.If((self.active | later) & (self.mine.destination == Destination.KEY)):
            m.d.comb += Assert((column == 0) | (column == LANES))
        m.d.comb += [Assert(self.own["tile"] == tile), Assert(self.own["column"] == column)]
        with m.If(self.active | later):
            m.d.comb += Assert(self.own["address"] == address)

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: where in the nest the unit is."""
        unit = self.unit
        m.d.comb += [Assert(unit.running == self.active), Assert(unit.between == (~self.active & (self.left != 0)))]
        with m.If(self.active | (self.left != 0)):
            m.d.comb += [
                Assert(unit.current == self.mine),
                Assert(self.mine.count == unit.group + 1 + self.left),
                Assert(self.own["base"] == self.base),
                Assert(self.own["row"] == self.first_row),
            ]


PROPERTIES = [Property("dispatcher", DispatcherMonitor, Dispatcher, (ShortDispatcher, UnfencedDispatcher), depth=5,
                       induction=True, quick=True)]
