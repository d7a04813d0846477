"""InFlight retires groups in order, once each and only when drained: for all time, by induction.

Groups are allocated whenever there is room, with tokens or without, keys or not, with any signals; their tokens are
drained in any order, across groups too; 2 lanes. Of one group, chosen freely: it retires when those before it have
retired and its tokens are drained, in the first such cycle, once. Its signals are given ARRAY_TAIL cycles later, and
nothing is given but for a group. Its entry is not allocated again meanwhile, what it was allocated with stays there,
and no more than GROUPS_IN_FLIGHT are in flight. ``key_room`` is low while too many are, and for ``key_hold`` cycles
after keys retire; ``quiet`` is high when nothing is in flight, given, or held.
"""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Assume, Cat, Module, Mux, Signal, Value

from golden.spec.descriptors import ENGINES
from golden.spec.latency import ARRAY_TAIL, GROUPS_IN_FLIGHT, key_hold
from rtl.array.in_flight import InFlight
from rtl.array.layouts import ENTRY_BITS
from rtl.bench.bugs_array import DisorderlyInFlight, UnheldInFlight, WideInFlight
from tests.formal.prove import SMALL, Monitor, Property, free, inside, previous

LANES = SMALL.lanes
HOLD = key_hold(SMALL)
KEY_GROUPS = min(GROUPS_IN_FLIGHT, SMALL.width // LANES + 1)


class InFlightMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        self.own = inside(m, unit)
        free(m, unit.allocate, unit.tokens, unit.keys, unit.signals, unit.record, unit.operand, unit.drained_valid,
             unit.drained_entry)
        self.owed = [Signal(range(LANES + 1), name=f"owed_{i}") for i in range(GROUPS_IN_FLIGHT)]  # tokens of an entry
        self.flight = Signal(range(GROUPS_IN_FLIGHT + 2))
        m.d.comb += [
            Assume(~unit.allocate | Mux(unit.keys, unit.key_room, unit.room)),
            Assume(unit.tokens | ~unit.keys),
            Assume(~unit.drained_valid | (Array(self.owed)[unit.drained_entry] != 0)),
        ]
        for entry, owed in enumerate(self.owed):
            with m.If(unit.drained_valid & (unit.drained_entry == entry)):
                m.d.sync += owed.eq(owed - 1)
            with m.If(unit.allocate & (unit.entry == entry)):
                m.d.sync += owed.eq(Mux(unit.tokens, LANES, 0))
                m.d.comb += Assert(owed == 0, "an entry in use is not allocated")
        m.d.sync += self.flight.eq(self.flight + unit.allocate - unit.retire)
        m.d.comb += [
            Assert(self.flight <= GROUPS_IN_FLIGHT),
            Assert(~unit.retire | (self.flight != 0), "only what is in flight retires"),
            Assert(unit.room == (self.flight < GROUPS_IN_FLIGHT), "room"),
            Assert(unit.busy == (self.flight != 0), "busy"),
        ]
        self.follow_group(m)
        self.follow_signals(m)
        self.check_keys(m)
        self.strengthen(m)

    def follow_group(self, m: Module) -> None:
        """One group, from its allocation to its retirement."""
        unit = self.unit
        choose = Signal()
        free(m, choose)
        self.chosen = Signal()            # the group is in flight
        self.entry = Signal(ENTRY_BITS)
        self.ahead = Signal(range(GROUPS_IN_FLIGHT + 1))  # groups before it
        self.signals = Signal(ENGINES)
        self.keys = Signal()
        self.record = Signal.like(unit.record.as_value())
        self.operand = Signal.like(unit.operand.as_value())
        self.retires = Signal()
        m.d.comb += self.retires.eq(self.chosen & unit.retire & (self.ahead == 0))
        with m.If(self.chosen & unit.retire):
            m.d.sync += self.ahead.eq(self.ahead - 1)
        with m.If(self.retires):
            m.d.sync += self.chosen.eq(0)
        with m.If(choose & unit.allocate & ~self.chosen):
            m.d.sync += [
                self.chosen.eq(1), self.entry.eq(unit.entry), self.ahead.eq(self.flight - unit.retire),
                self.signals.eq(unit.signals), self.keys.eq(unit.keys),
                self.record.eq(unit.record), self.operand.eq(unit.operand),
            ]
        with m.If(self.chosen):
            drained = Array(self.owed)[self.entry] == 0
            m.d.comb += [
                Assert(self.retires == ((self.ahead == 0) & drained), "in order, when drained, at once"),
                Assert(~(unit.allocate & (unit.entry == self.entry)), "its entry is its own"),
                Assert((unit.drained_entry != self.entry) | (unit.drained_record.as_value() == self.record)),
                Assert((unit.fetched_entry != self.entry) | (unit.fetched_operand.as_value() == self.operand)),
            ]

    def follow_signals(self, m: Module) -> None:
        unit = self.unit
        late = Signal.like(self.signals)
        m.d.comb += late.eq(Mux(self.retires, self.signals, 0))
        retired = [previous(m, unit.retire, cycles) for cycles in range(1, ARRAY_TAIL + 1)]
        ours = [previous(m, self.retires, cycles) for cycles in range(1, ARRAY_TAIL + 1)]
        signals = previous(m, late, ARRAY_TAIL)
        m.d.comb += [
            Assert(retired[-1] | (unit.give == 0), "nothing is given but for a group"),
            Assert(~ours[-1] | (unit.give == signals), "its signals"),
        ]
        self.giving = 0
        for bit in retired:
            self.giving = self.giving | bit

    def check_keys(self, m: Module) -> None:
        unit = self.unit
        since = Signal(range(HOLD + 1))   # cycles until its keys have left
        with m.If(self.retires & self.keys):
            m.d.sync += since.eq(HOLD)
        with m.Elif(since != 0):
            m.d.sync += since.eq(since - 1)
        hold = self.own["hold"]
        m.d.comb += [
            Assert(~unit.key_room | ((since == 0) & (self.flight < KEY_GROUPS)), "room for keys"),
            Assert(unit.key_room | (hold != 0) | (self.flight >= KEY_GROUPS)),
            Assert(unit.quiet == ((self.flight == 0) & (hold == 0) & ~self.giving), "quiet"),
            Assert((since <= hold) & (hold <= HOLD)),
        ]

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: the ring."""
        unit, own = self.unit, self.own
        m.d.comb += Assert(unit.count == self.flight)
        for entry, owed in enumerate(self.owed):
            place = Signal(ENTRY_BITS, name=f"place_{entry}")
            m.d.comb += [place.eq(entry - unit.head), Assert(owed <= LANES)]
            with m.If(place < self.flight):
                m.d.comb += Assert(own[f"remaining_{entry}"] == owed)
            with m.Else():
                m.d.comb += Assert(owed == 0)
        kept = {"records": self.record, "operands": self.operand, "ends": Cat(self.keys, self.signals)}
        held = []
        for name, value in kept.items():
            probe = unit.stores[name].read_port(domain="comb")
            m.d.comb += probe.addr.eq(self.entry)
            held.append(Value.cast(probe.data) == Value.cast(value))
        with m.If(self.chosen):
            m.d.comb += [
                Assert((self.ahead < self.flight) & (self.entry == (unit.head + self.ahead)[:ENTRY_BITS])),
                *(Assert(same) for same in held),
            ]


PROPERTIES = [Property("in_flight", InFlightMonitor, InFlight, (WideInFlight, DisorderlyInFlight, UnheldInFlight),
                       depth=ARRAY_TAIL + 3, induction=True, quick=True)]
