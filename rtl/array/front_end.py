"""Front end of the array: the timed loop nest of one matrix product and its two operand addresses."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.spec.descriptors import ENGINES, Destination, LeftMemory, Opcode
from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits
from rtl.array.lane import LaneControl
from rtl.control.engine import descriptor_layout, engine_members

ADDRESS = REGISTER_BITS


GroupRecord = data.StructLayout({
    "destination": unsigned(3),
    "address": unsigned(ADDRESS),
    "vector_stride": unsigned(12),
    "bank": unsigned(1),
    "first_group": unsigned(1),
    "multiplier_source": unsigned(2),
    "multiplier": unsigned(14),
    "shift": unsigned(6),
    "slot": unsigned(3),
    "row_slot": unsigned(1),
    "format": unsigned(2),
})
"""What the write-back must know of the group of tokens whose last term has just been issued."""


class FrontEnd(wiring.Component):
    """Walk groups, nibble passes, words and channels: one channel of every lane's token a cycle, without a gap.

    Nest, outermost first: ``count`` groups; 1 or 4 nibble passes (high x high, high x low, low x high, low x low);
    ``words`` words; ``width`` channels. In channel i of a word the left port reads the word of lane i, and the tile
    port the row of channel i. The first cycle of a descriptor follows its acceptance; the next group, and the next
    descriptor, follow without a gap if their semaphores are up.

    ``left_address`` and ``tile_address`` are registered; ``control`` and ``record`` belong to the same cycle.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            **engine_members(Opcode.ARRAY),
            "left_memory": Out(2),
            "left_enable": Out(1),
            "left_address": Out(ADDRESS),
            "tile_address": Out(ADDRESS),
            "control": Out(LaneControl),
            "record": Out(GroupRecord),
            "group_end": Out(1),
            "signals": Out(ENGINES),   # semaphores to raise once the group (or empty descriptor) is written
            "waiting": Out(ENGINES),   # semaphores that hold the array back in this cycle
            "starved": Out(1),         # no descriptor in this cycle
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.current = Signal(descriptor_layout(Opcode.ARRAY))
        self.running = Signal()
        self.between = Signal()     # a group is due, its semaphores are not up yet
        self.group = Signal(12)
        self.crossing = Signal()    # last cycle of a group, or waiting between groups
        self.more = Signal()
        self.channel = Signal(address_bits(self.config.width))
        self.word = Signal(8)
        self.nibble_pass = Signal(2)
        self.last_channel = Signal()
        self.last_word = Signal()
        self.last_pass = Signal()
        self.accept = Signal()
        self.advance = Signal()     # the next group of the current descriptor starts in the next cycle
        self.positions(m)
        self.handshake(m)
        self.counters(m)
        self.left_addresses(m)
        self.tile_addresses(m)
        self.outputs(m)
        return m

    def positions(self, m: Module) -> None:
        """Where in the nest this cycle is."""
        current = self.current
        m.d.comb += [
            self.last_channel.eq(self.channel == self.config.width - 1),
            self.last_word.eq(self.is_last_word(self.word, current.words)),
            self.last_pass.eq(~current.nibble_passes | (self.nibble_pass == 3)),
            self.group_end.eq(self.running & self.last_channel & self.last_word & self.last_pass),
            self.more.eq(self.group + 1 != current.count),
            self.crossing.eq((self.group_end & self.more) | self.between),
        ]

    @staticmethod
    def is_last_word(word: Value, words: Value) -> Value:
        """Whether a nibble pass ends with ``word``."""
        return word + 1 == words

    def collides(self, empty: Value) -> Value:
        """Whether the next descriptor's signals would fall together with those of the group that ends."""
        return self.descriptor.valid & empty

    def handshake(self, m: Module) -> None:
        """Semaphores: taken in the cycle before the iteration they guard.

        An empty descriptor signals at once, so it is accepted in the cycle after a group's last at the earliest.
        """
        upcoming = self.descriptor.payload
        empty = upcoming.count == 0
        free = Signal()
        demand = Signal(ENGINES)
        missing = Signal(ENGINES)
        m.d.comb += [
            free.eq((~self.running & ~self.between) | (self.group_end & ~self.more & ~self.collides(empty))),
            missing.eq(demand & ~self.available),
        ]
        with m.If(self.crossing):
            m.d.comb += demand.eq(self.current.wait_each)
        with m.Elif(free & self.descriptor.valid):
            m.d.comb += demand.eq(upcoming.wait_first | upcoming.wait_each)
        m.d.comb += [
            self.advance.eq(self.crossing & ~missing.any()),
            self.accept.eq(free & self.descriptor.valid & ~missing.any()),
            self.descriptor.ready.eq(self.accept),
            self.waiting.eq(missing),
            self.starved.eq(free & ~self.descriptor.valid),
        ]
        with m.If(self.advance | self.accept):
            m.d.comb += self.take.eq(demand)
        with m.If(self.group_end):
            m.d.comb += self.signals.eq(self.current.signal_each)
            with m.If(~self.more):
                m.d.comb += self.signals.eq(self.current.signal_each | self.current.signal_last)
        with m.Elif(self.accept & empty):
            m.d.comb += self.signals.eq(upcoming.signal_last)

    def counters(self, m: Module) -> None:
        """The nest itself."""
        with m.If(self.running):
            m.d.sync += self.channel.eq(self.channel + 1)
            with m.If(self.last_channel):
                m.d.sync += [self.channel.eq(0), self.word.eq(self.word + 1)]
                with m.If(self.last_word):
                    m.d.sync += [self.word.eq(0), self.nibble_pass.eq(self.nibble_pass + 1)]
                    with m.If(self.last_pass):
                        m.d.sync += [self.nibble_pass.eq(0), self.running.eq(0)]
        with m.If(self.crossing):
            m.d.sync += self.between.eq(~self.advance)
        with m.If(self.advance):
            m.d.sync += [self.running.eq(1), self.group.eq(self.group + 1)]
        with m.If(self.accept):
            m.d.sync += [self.current.eq(self.descriptor.payload), self.group.eq(0),
                         self.running.eq(self.descriptor.payload.count != 0)]

    def left_addresses(self, m: Module) -> None:
        """Group base, word offset (high plane, then low plane) and the lane's stride."""
        current = self.current
        base = Signal(ADDRESS)
        offset = Signal(10)
        next_offset = Signal(10)
        cursor = Signal(ADDRESS)
        replay = current.nibble_passes & ~self.nibble_pass[0]  # the same plane again against the low weights
        plane = Signal(10)
        m.d.comb += plane.eq(0)
        with m.If(self.nibble_pass[1]):
            m.d.comb += plane.eq(current.words)
        m.d.comb += next_offset.eq(offset + 1)
        with m.If(self.last_word & replay):
            m.d.comb += next_offset.eq(plane)
        with m.If(self.running):
            m.d.sync += cursor.eq(cursor + current.lane_stride)
            with m.If(self.last_channel):
                m.d.sync += [cursor.eq(base + next_offset), offset.eq(next_offset)]
        with m.If(self.advance):
            m.d.sync += [base.eq(base + current.left_step), cursor.eq(base + current.left_step), offset.eq(0)]
        with m.If(self.accept):
            upcoming = self.descriptor.payload
            m.d.sync += [base.eq(upcoming.left_base), cursor.eq(upcoming.left_base), offset.eq(0)]
        m.d.comb += [
            self.left_address.eq(cursor),
            self.left_enable.eq(self.running & (self.channel < self.config.lanes)),
            self.left_memory.eq(current.left_memory),
        ]

    def tile_addresses(self, m: Module) -> None:
        """Rows of a group follow each other; the next group starts ``tile_step`` rows after this one's start."""
        cursor = Signal(ADDRESS)
        start = Signal(ADDRESS)
        with m.If(self.running):
            m.d.sync += cursor.eq(cursor + 1)
        with m.If(self.advance):
            m.d.sync += [start.eq(start + self.current.tile_step), cursor.eq(start + self.current.tile_step)]
        with m.If(self.accept):
            first = self.descriptor.payload.slot * self.config.slot_rows
            m.d.sync += [start.eq(first), cursor.eq(first)]
        m.d.comb += self.tile_address.eq(cursor)

    def outputs(self, m: Module) -> None:
        """Lane control and group record of this cycle."""
        current = self.current
        address = Signal(ADDRESS)
        banked = ((current.destination == Destination.RESIDUAL_ADD)
                  | (current.destination == Destination.RESIDUAL_REPLACE))
        with m.If(self.advance & (self.group[0] | ~banked)):
            m.d.sync += address.eq(address + current.destination_step)
        with m.If(self.accept):
            m.d.sync += address.eq(self.descriptor.payload.destination_base)
        pass_start = (self.channel == 0) & (self.word == 0)
        low_plane = self.nibble_pass[1]
        m.d.comb += [
            self.control.valid.eq(self.running),
            self.control.load.eq(self.running & (self.channel == 0)),
            self.control.first.eq(pass_start & (self.nibble_pass == 0)),
            self.control.shift.eq(pass_start & self.nibble_pass[0]),
            self.control.last.eq(self.last_channel & self.last_word & self.last_pass),
            self.control.signed.eq((current.left_signed & ~current.nibble_passes)
                                   | (current.nibble_passes & ~low_plane)),
            self.record.address.eq(address),
            self.record.bank.eq(self.group[0]),
            self.record.first_group.eq(self.group == 0),
            self.busy.eq(self.running),
            self.idle.eq(~self.running & ~self.between),
            self.give.eq(0),
        ]
        for name in ("destination", "vector_stride", "multiplier_source", "multiplier", "shift", "slot", "row_slot",
                     "format"):
            m.d.comb += self.record[name].eq(current[name])


__all__ = ["FrontEnd", "GroupRecord", "LeftMemory"]
