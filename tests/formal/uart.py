"""What a UART sends, another one receives: every byte, once, in order, whatever their clocks within the tolerance.

Transmitter and receiver have clocks of their own, whose lengths differ by any hundredth up to LARGEST_BAUD_ERROR of
``golden.spec.link``, and whose phases differ by anything. A step of the proof is an edge of one of them; where both
come together, either is first, as a bit that changes while it is sampled is taken for either. Bytes follow each other
at once or after any pause.

What is claimed: the receiver's cycle in which a byte comes out is the one that ``UartReceiver`` states, counted from
the one that first saw the line low; the byte is the one that was sent; nothing else comes out, and no break is told.

*Time.* ``offset`` is how much later than the receiver's next edge the transmitter's next edge comes. Of a byte on its
way, ``sent`` is the edges of the transmitter since the line fell, ``seen`` those of the receiver, and ``phase`` the
time from the fall to the receiver's first edge: (sent + 1) transmitter's cycles are phase + seen receiver's cycles +
offset. The byte whose stop bit the receiver waits for is the older one where two are on their way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from amaranth.hdl import Assert, Assume, Cat, Const, EnableInserter, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring

from golden.spec.link import LARGEST_BAUD_ERROR
from rtl.link.uart import BYTE_BITS, FRAME_BITS, Line, UartReceiver, UartTransmitter
from tests.formal.prove import Monitor, Property, driven, fixed, free

CYCLE = 100
"""Length of the receiver's cycle, in units of time."""
SLACK = round(CYCLE * LARGEST_BAUD_ERROR)
FASTEST, SLOWEST = CYCLE - SLACK, CYCLE + SLACK
TIME_BITS = 20
"""Of times; none that is compared comes near."""


@dataclass
class Byte:
    """A byte on its way, as the proof sees it."""

    open: Signal
    value: Signal
    bit: Signal         # of the frame, that is on the line
    tick: Signal        # edges of the transmitter within it
    seen: Signal
    phase: Signal

    @classmethod
    def make(cls, name: str, bit_cycles: int) -> Byte:
        """None at first."""
        return cls(Signal(name=f"{name}_open"), Signal(BYTE_BITS, name=f"{name}_value"),
                   Signal(range(FRAME_BITS + 2), name=f"{name}_bit"), Signal(range(bit_cycles), name=f"{name}_tick"),
                   Signal(range((FRAME_BITS + 2) * bit_cycles), name=f"{name}_seen"),
                   Signal(range(CYCLE + 1), name=f"{name}_phase"))

    def fields(self) -> tuple[Signal, ...]:
        return self.value, self.bit, self.tick, self.seen, self.phase


class UartMonitor(Monitor):
    """A transmitter and a receiver, of which ``unit`` is one."""

    def __init__(self, bit_cycles: int, unit: type) -> None:
        self.cycles = bit_cycles
        sender, receiver = (unit, UartReceiver) if issubclass(unit, UartTransmitter) else (UartTransmitter, unit)
        self.sender, self.receiver = sender(bit_cycles), receiver(bit_cycles)
        self.stop = UartReceiver(bit_cycles).SAMPLE_LATENCY + (FRAME_BITS - 1) * bit_cycles
        """Receiver's edges from the fall of the line to that after which a byte comes out, the first included."""

    def claim(self, m: Module) -> None:
        self.clocks(m)
        own = self.place(m, self.sender, "sender", self.send_edge)
        inner = self.place(m, self.receiver, "receiver", self.receive_edge)
        m.d.comb += self.receiver.rx.eq(self.sender.tx)
        free(m, self.sender.bytes.valid, self.sender.bytes.payload)
        older, newer = (Byte.make(name, self.cycles) for name in ("older", "newer"))
        ends = Signal()
        m.d.comb += ends.eq(self.receive_edge & older.open & (older.seen == self.stop - 1))
        self.follow(m, older, newer, ends)
        told, value = Signal(), Signal(BYTE_BITS)
        with m.If(self.receive_edge):
            m.d.sync += [told.eq(ends), value.eq(older.value)]
        m.d.comb += [
            Assert(self.receiver.valid == told, "a byte, in its cycle"),
            Assert(~told | (self.receiver.byte == value), "the byte that was sent"),
            Assert(~self.receiver.broken, "no break"),
        ]
        self.strengthen(m, own, inner, older, newer)

    def strengthen(self, m: Module, own: dict, inner: dict, older: Byte, newer: Byte) -> None:
        """What makes it inductive."""
        self.times(m, older, newer)
        self.transmitter(m, own, older, newer)
        self.reception(m, inner, older, newer)

    def place(self, m: Module, unit: wiring.Component, name: str, edge: Signal) -> dict[str, Signal]:
        """One of the two, with its clock; returns what it drives."""
        body = unit.elaborate(None)
        unit._MustUse__used = True
        m.submodules[name] = EnableInserter(edge)(body)
        own = {signal.name: signal for signal in body._driving}
        return own if unit is self.sender else {**own, "line": body.submodules.synchroniser.o}

    def clocks(self, m: Module) -> None:
        """Whose edge comes."""
        self.length = fixed(m, "length", range(SLOWEST + 1))
        self.start, first = fixed(m, "start", signed(9)), Signal()
        self.offset, moved = Signal(signed(TIME_BITS)), Signal(signed(TIME_BITS))
        self.send_edge, self.receive_edge = Signal(), Signal()
        free(m, first)
        m.d.comb += [
            Assume((self.length >= FASTEST) & (self.length <= SLOWEST)),
            Assume((self.start >= -CYCLE) & (self.start <= FASTEST)),
            self.offset.eq(self.start + moved),
            self.send_edge.eq((self.offset < 0) | ((self.offset == 0) & first)),
            self.receive_edge.eq(~self.send_edge),
            Assert((self.offset >= -CYCLE) & (self.offset <= self.length), "clocks"),
        ]
        m.d.sync += moved.eq(moved + Mux(self.send_edge, self.length, -CYCLE))

    def follow(self, m: Module, older: Byte, newer: Byte, ends: Value) -> None:
        """Bytes go out, and come in."""
        begins = self.send_edge & self.sender.bytes.valid & self.sender.bytes.ready
        fresh = (self.sender.bytes.payload, Const(0), Const(0), Const(0), -self.offset)
        for byte in (older, newer):
            with m.If(self.send_edge):
                m.d.sync += byte.tick.eq(byte.tick + 1)
                with m.If(byte.tick == self.cycles - 1):
                    m.d.sync += [byte.tick.eq(0), byte.bit.eq(byte.bit + 1)]
            with m.If(self.receive_edge):
                m.d.sync += byte.seen.eq(byte.seen + 1)
        with m.If(begins):
            m.d.comb += Assert(~newer.open, "two on their way at most")
            with m.If(older.open):
                m.d.sync += [newer.open.eq(1), *(now.eq(then) for now, then in zip(newer.fields(), fresh, strict=True))]
            with m.Else():
                m.d.sync += [older.open.eq(1), *(now.eq(then) for now, then in zip(older.fields(), fresh, strict=True))]
        with m.If(ends):    # no byte begins with the receiver's edge
            m.d.sync += [older.open.eq(newer.open), newer.open.eq(0), older.seen.eq(newer.seen + 1)]
            m.d.sync += [getattr(older, name).eq(getattr(newer, name)) for name in ("value", "bit", "tick", "phase")]

    def times(self, m: Module, older: Byte, newer: Byte) -> None:
        """Edges of the two clocks since the line fell."""
        for byte in (older, newer):
            sent = Signal(range((FRAME_BITS + 2) * self.cycles + 1))
            m.d.comb += sent.eq(byte.bit * self.cycles + byte.tick + 1)
            m.d.comb += [
                Assert(~byte.open | (byte.phase == sent * self.length - byte.seen * CYCLE - self.offset), "time"),
                Assert(~byte.open | ((byte.phase <= CYCLE) & (byte.tick < self.cycles) & (byte.bit <= FRAME_BITS))),
            ]

    def transmitter(self, m: Module, own: dict[str, Signal], older: Byte, newer: Byte) -> None:
        """What the transmitter's registers hold."""
        latest = Byte(*(Signal.like(one) for one in (older.open, *older.fields())))
        m.d.comb += [now.eq(Mux(newer.open, second, first)) for now, first, second in
                     zip((latest.open, *latest.fields()), (older.open, *older.fields()),
                         (newer.open, *newer.fields()), strict=True)]
        frame = Cat(Const(0, 1), latest.value, Const(-1, FRAME_BITS + 2))
        sending = latest.open & (latest.bit < FRAME_BITS)
        rest = (frame >> latest.bit)[:FRAME_BITS]
        m.d.comb += [
            Assert(~sending | ((own["left"] == FRAME_BITS - latest.bit)
                               & (own["timer"] == self.cycles - 1 - latest.tick) & (own["shifted"] == rest))),
            Assert(sending | (own["left"] == 0) | ((own["left"] == 1) & ~latest.open)),
            Assert(sending | own["shifted"].all()),
            Assert((own["left"] == 0) | (own["timer"] < self.cycles)),
            Assert(~newer.open | (older.open & (older.bit >= FRAME_BITS))),
        ]

    def reception(self, m: Module, inner: dict[str, Signal], older: Byte, newer: Byte) -> None:
        """What the receiver's registers hold."""
        state, timer, position = (inner[name] for name in ("state", "timer", "position"))
        line = inner["line"]
        known = inner["shifted"] >> (FRAME_BITS - 1 - position)[:len(position)]     # bits that have come
        mask = (Const(-1, BYTE_BITS) << (position - 1)[:len(position)])[:BYTE_BITS]
        half = self.cycles // 2
        since = Signal(range((FRAME_BITS + 2) * self.cycles))     # as ``seen``, by the receiver's registers
        m.d.comb += since.eq(3 + Mux(position == 0, half - 1 - timer,
                                     half + (position - 1) * self.cycles + self.cycles - 1 - timer))
        busy = state == Line.BITS
        m.d.comb += [
            Assert((state == Line.START) | busy),
            Assert(busy == (older.open & (older.seen >= 3))),
            Assert(~busy | (older.seen == since)),
            Assert(~busy | (position < FRAME_BITS)),
            Assert(~busy | (timer < Mux(position == 0, half, self.cycles))),
            Assert(~busy | (position <= 1) | (known == (older.value & ~mask))),
            Assert(~newer.open | (older.seen < self.stop)),
            Assert(busy | (line == ~(older.open & (older.seen == 2)))),
        ]


class FrameMonitor(UartMonitor):
    """The claims alone, so that a bug is refuted by what comes out: of bytes without a pause and equal clocks."""

    def strengthen(self, m: Module, own: dict, inner: dict, older: Byte, newer: Byte) -> None:
        m.d.comb += [Assume(self.length == CYCLE), Assume(self.start == -CYCLE // 2), Assume(self.sender.bytes.valid)]


class LateReceiver(UartReceiver):
    """Samples each bit where it ends."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(driven(m, "state") == Line.START):
            m.d.sync += driven(m, "timer").eq(self.bit_cycles - 1)
        return m


class HastyTransmitter(UartTransmitter):
    """Ends a byte a bit early where another one follows."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If((driven(m, "left") == 2) & (driven(m, "timer") == 0) & self.bytes.valid):
            m.d.sync += driven(m, "left").eq(0)
        return m


PROPERTIES = [
    Property(f"uart_{bit_cycles}", partial(UartMonitor, bit_cycles), UartReceiver, (LateReceiver,), depth=6,
             induction=True) for bit_cycles in (4, 5, 25)
]
PROPERTIES.append(Property("uart_claims", partial(FrameMonitor, 4), UartReceiver, (LateReceiver, HastyTransmitter),
                           depth=200, induction=False, quick=True))
