"""Dispatcher: descriptors to groups, groups to tokens that wait for a lane."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES, Destination, Opcode
from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits
from rtl.array.layouts import ENTRY_BITS, GroupRecord, OperandRecord, Token
from rtl.control.engine import descriptor_layout, engine_members


class Dispatcher(wiring.Component):
    """Offer the tokens of each descriptor's groups in order, one a cycle at most.

    A descriptor is ``count`` groups of ``lanes`` tokens, or none. A group is allocated (``allocate``, with its record
    and signals) when its semaphores are up and there is room: the first with the descriptor, each later one in the
    cycle in which the last token of the group before it is ``taken``, at the earliest. Its tokens are offered from the
    next cycle on. Nothing is lost between groups or descriptors.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        members = engine_members(Opcode.ARRAY)
        super().__init__({
            **{name: members[name] for name in ("descriptor", "available", "take", "idle")},
            "room": In(1),
            "key_room": In(1),
            "quiet": In(1),
            "entry": In(ENTRY_BITS),      # entry of the group that is allocated in this cycle
            "allocate": Out(1),
            "tokens": Out(1),             # that group has tokens
            "keys": Out(1),               # and they are keys
            "signals": Out(ENGINES),
            "record": Out(GroupRecord()),
            "operand": Out(OperandRecord()),
            "offered": Out(1),
            "token": Out(Token(config)),
            "taken": In(1),
            "waiting": Out(ENGINES),      # semaphores that hold the next group back in this cycle
            "windowed": Out(1),           # groups in flight hold it back
            "starved": Out(1),            # no descriptor in this cycle
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.current = Signal(descriptor_layout(Opcode.ARRAY))
        self.chosen = Signal(descriptor_layout(Opcode.ARRAY))  # descriptor of the group that is due
        self.running = Signal()       # tokens of the current group wait
        self.between = Signal()       # a later group of the current descriptor is due
        self.group = Signal(12)
        self.crossing = Signal()      # last token of a group, or waiting between groups
        self.free = Signal()          # the next descriptor is due
        self.more = Signal()
        self.group_end = Signal()
        self.advance = Signal()       # the next group of the current descriptor is allocated
        self.accept = Signal()        # the next descriptor is
        self.positions(m)
        self.handshake(m)
        self.groups(m)
        self.walk_tokens(m)
        self.describe(m)
        return m

    def positions(self, m: Module) -> None:
        """Where in the nest this cycle is."""
        m.d.comb += [
            self.group_end.eq(self.taken & self.ends_group(self.token.token)),
            self.more.eq(self.group + 1 != self.current.count),
            self.crossing.eq((self.group_end & self.more) | self.between),
            self.free.eq((~self.running & ~self.between) | (self.group_end & ~self.more)),
            self.chosen.eq(Mux(self.crossing, self.current, self.descriptor.payload)),
            self.offered.eq(self.running),
            self.idle.eq(~self.running & ~self.between),
        ]

    def ends_group(self, token: Value) -> Value:
        """Whether a token is the last of its group."""
        return token == self.config.lanes - 1

    def handshake(self, m: Module) -> None:
        """Semaphores and room: taken in the cycle before the group's first token."""
        due = self.crossing | (self.free & self.descriptor.valid)
        demand = Signal(ENGINES)
        missing = Signal(ENGINES)
        room = Signal()
        m.d.comb += [
            demand.eq(self.chosen.wait_each | Mux(self.crossing, 0, self.chosen.wait_first)),
            missing.eq(Mux(due, demand & ~self.available, 0)),
            room.eq(Mux(self.keys, self.key_room, self.room)
                    & (self.crossing | self.may_pass(self.chosen.fence))),
            self.allocate.eq(due & ~missing.any() & room),
            self.advance.eq(self.allocate & self.crossing),
            self.accept.eq(self.allocate & ~self.crossing),
            self.descriptor.ready.eq(self.accept),
            self.take.eq(Mux(self.allocate, demand, 0)),
            self.waiting.eq(missing),
            self.windowed.eq(due & ~missing.any() & ~room),
            self.starved.eq(self.free & ~self.descriptor.valid),
        ]

    def may_pass(self, fence: Value) -> Value:
        """Whether what is in flight lets a descriptor begin."""
        return ~fence | self.quiet

    def groups(self, m: Module) -> None:
        """The nest itself."""
        with m.If(self.group_end):
            m.d.sync += self.running.eq(0)
        with m.If(self.crossing):
            m.d.sync += self.between.eq(~self.advance)
        with m.If(self.advance):
            m.d.sync += [self.running.eq(1), self.group.eq(self.group + 1)]
        with m.If(self.accept):
            m.d.sync += [self.current.eq(self.descriptor.payload), self.group.eq(0), self.running.eq(self.tokens)]

    def walk_tokens(self, m: Module) -> None:
        """Addresses of the token that is offered."""
        token, chosen = self.token, self.chosen
        base = Signal(REGISTER_BITS)
        row = Signal(token.row.shape())
        next_base = Signal(REGISTER_BITS)
        next_row = Signal(token.row.shape())
        m.d.comb += [
            next_base.eq(Mux(self.crossing, base + chosen.left_step, chosen.left_base)),
            next_row.eq(Mux(self.crossing, row + chosen.tile_step, chosen.slot * self.config.slot_rows)),
        ]
        with m.If(self.taken):
            m.d.sync += [token.address.eq(token.address + self.current.lane_stride),
                         token.token.eq(token.token + 1)]
        with m.If(self.allocate):
            m.d.sync += [base.eq(next_base), row.eq(next_row), token.address.eq(next_base), token.row.eq(next_row),
                         token.entry.eq(self.entry), token.token.eq(0)]

    def describe(self, m: Module) -> None:
        """The record, operand and signals of the group that is allocated."""
        chosen, record, operand = self.chosen, self.record, self.operand
        last = Mux(self.crossing, self.group + 2 == self.current.count, chosen.count == 1)
        m.d.comb += [
            self.tokens.eq(chosen.count != 0),
            self.keys.eq(self.tokens & (chosen.destination == Destination.KEY)),
            self.signals.eq(Mux(self.tokens, chosen.signal_each, 0) | Mux(last | ~self.tokens, chosen.signal_last, 0)),
        ]
        self.place(m)
        for name in GroupRecord.COPIED:
            m.d.comb += record[name].eq(chosen[name])
        for name in OperandRecord.COPIED:
            m.d.comb += operand[name].eq(chosen[name])
        m.d.comb += [
            operand.detect.eq(chosen.detect & self.is_sampled(chosen.left_step)),
            operand.decide.eq(chosen.decide & ~self.tokens),
        ]

    def is_sampled(self, left_step: Value) -> Value:
        """Groups that come back to the same tokens are samples once."""
        return ~self.crossing | (left_step != 0)

    def place(self, m: Module) -> None:
        """Where the group's results go; keys move on, to the other transposer tile, once a tile is full."""
        record, chosen = self.record, self.chosen
        address = Signal(REGISTER_BITS)
        column = Signal(address_bits(self.config.width) + 1)
        tile = Signal()
        full = column + self.config.lanes == self.config.width
        new_tile = ~self.crossing | full
        step = Mux(self.keys & ~full, 0, chosen.destination_step)
        m.d.comb += [
            record.address.eq(Mux(self.crossing, address + step, chosen.destination_base)),
            record.column.eq(Mux(new_tile, 0, column + self.config.lanes)),
            record.tile.eq(tile ^ new_tile),
        ]
        with m.If(self.allocate):
            m.d.sync += address.eq(record.address)
        with m.If(self.allocate & self.keys):
            m.d.sync += [column.eq(record.column), tile.eq(record.tile)]
