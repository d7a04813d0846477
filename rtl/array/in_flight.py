"""Groups in flight: what the array works on, and when each group is done."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import ARRAY_TAIL, GROUPS_IN_FLIGHT, key_hold
from rtl.array.layouts import ENTRY_BITS, GroupRecord, OperandRecord


class InFlight(wiring.Component):
    """A ring of GROUPS_IN_FLIGHT groups of ``lanes`` tokens that retire in order.

    ``allocate`` takes the next entry, ``entry``; only in a cycle with ``room``, or ``key_room`` for keys. A group
    retires once all of its tokens are drained and every group before it has retired, one group a cycle, at the
    earliest in the cycle after its last token is drained; a group without tokens in the cycle after its allocation.
    ``give`` shows its signals ARRAY_TAIL cycles later, when its results are written.

    Keys leave the transposer late: only two of its tiles may be in flight, and ``key_room`` stays low for ``key_hold``
    cycles after keys retire. ``quiet``: no group is in flight, and every result is written.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "allocate": In(1),
            "tokens": In(1),            # the group that is allocated has tokens
            "keys": In(1),
            "signals": In(ENGINES),
            "record": In(GroupRecord()),
            "operand": In(OperandRecord()),
            "entry": Out(ENTRY_BITS),
            "room": Out(1),
            "key_room": Out(1),
            "quiet": Out(1),
            "busy": Out(1),             # a group is in flight
            "fetched_entry": In(ENTRY_BITS),
            "fetched_operand": Out(OperandRecord()),
            "drained_valid": In(1),
            "drained_entry": In(ENTRY_BITS),
            "drained_record": Out(GroupRecord()),
            "retire": Out(1),
            "retired_operand": Out(OperandRecord()),  # of the group that retires in this cycle; with dense lanes
            "give": Out(ENGINES),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.head = Signal(ENTRY_BITS)
        self.count = Signal(range(GROUPS_IN_FLIGHT + 1))
        self.retiring_keys = Signal()
        self.retiring_signals = Signal(ENGINES)
        self.stores: dict[str, memory.Memory] = {}
        self.entries(m)
        self.retirement(m)
        self.signal(m)
        return m

    def entries(self, m: Module) -> None:
        """What is kept of each group; read by the fetcher and by the write-back."""
        places = range(GROUPS_IN_FLIGHT)
        remaining = [Signal(range(self.config.lanes + 1), name=f"remaining_{i}") for i in places]
        drained, = self.store(m, "records", GroupRecord(), self.record, [self.drained_entry])
        fetched, *retired = self.store(m, "operands", OperandRecord(), self.operand,
                                       [self.fetched_entry] + [self.head] * bool(self.config.dense_lanes))
        kept = data.StructLayout({"keys": 1, "signals": ENGINES})
        ending, = self.store(m, "ends", kept, Cat(self.keys, self.signals), [self.head])
        m.d.comb += self.entry.eq(self.head + self.count)
        for i in places:
            with m.If(self.drained_valid & (self.drained_entry == i)):
                m.d.sync += remaining[i].eq(remaining[i] - 1)
            with m.If(self.allocate & (self.entry == i)):
                m.d.sync += remaining[i].eq(Mux(self.tokens, self.config.lanes, 0))
        m.d.comb += [
            self.fetched_operand.eq(fetched),
            self.drained_record.eq(drained),
            *(self.retired_operand.eq(operand) for operand in retired),
            self.retire.eq((self.count != 0) & self.may_retire(Array(remaining))),
            self.retiring_keys.eq(self.retire & ending.keys),
            self.retiring_signals.eq(Mux(self.retire, ending.signals, 0)),
        ]

    def store(self, m: Module, name: str, layout: data.Layout, value: Value, entries: list[Value]) -> list:
        """LUT RAM of a value that comes with each allocation; returns what it holds of each of ``entries``."""
        self.stores[name] = m.submodules[name] = store = memory.Memory(shape=layout, depth=GROUPS_IN_FLIGHT, init=[])
        write = store.write_port()
        m.d.comb += [write.en.eq(self.allocate), write.addr.eq(self.entry), Value.cast(write.data).eq(value)]
        ports = [store.read_port(domain="comb") for _ in entries]
        m.d.comb += [port.addr.eq(entry) for port, entry in zip(ports, entries, strict=True)]
        return [port.data for port in ports]

    def may_retire(self, remaining: Array) -> Value:
        """Whether every token of the oldest group is drained."""
        return remaining[self.head] == 0

    def has_room(self, groups: int) -> Value:
        """Whether fewer than ``groups`` are in flight."""
        return self.count < groups

    def have_left(self, hold: Value) -> Value:
        """Whether the keys of retired groups have left the transposer."""
        return hold == 0

    def retirement(self, m: Module) -> None:
        """The ring, and when it has room."""
        hold = Signal(range(key_hold(self.config) + 1))
        m.d.sync += self.count.eq(self.count + self.allocate - self.retire)
        with m.If(self.retire):
            m.d.sync += self.head.eq(self.head + 1)
        with m.If(self.retiring_keys):
            m.d.sync += hold.eq(key_hold(self.config))
        with m.Elif(hold != 0):
            m.d.sync += hold.eq(hold - 1)
        tail = Signal(ARRAY_TAIL)       # groups whose results are on their way
        m.d.sync += tail.eq((tail << 1) | self.retire)
        key_groups = min(GROUPS_IN_FLIGHT, self.config.width // self.config.lanes + 1)
        m.d.comb += [
            self.busy.eq(self.count != 0),
            self.room.eq(self.has_room(GROUPS_IN_FLIGHT)),
            self.key_room.eq(self.has_room(key_groups) & self.have_left(hold)),
            self.quiet.eq((self.count == 0) & ~tail.any() & (hold == 0)),
        ]

    def signal(self, m: Module) -> None:
        """Signals of retired groups, ARRAY_TAIL cycles late."""
        pending = Signal(ENGINES * ARRAY_TAIL)
        m.d.sync += pending.eq((pending << ENGINES) | self.retiring_signals)
        m.d.comb += self.give.eq(pending[-ENGINES:])
