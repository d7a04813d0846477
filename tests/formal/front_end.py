"""FrontEnd walks its loop nest without a gap: for all time, for small bounds, by induction.

Descriptors with count 0 to 3, words 1 to 3, 1 or 4 nibble passes and otherwise any fields, at width 8; semaphores and
descriptors come at any time. From the acceptance of a descriptor to the next one there are exactly
count x passes x words x width cycles of ``control.valid`` and ``count`` cycles of ``group_end``. The first follows the
acceptance; a group has no gap; the next group follows at once if all semaphores are up. In a group ``tile_address``
counts up by one; it starts at slot x slot_rows and moves by ``tile_step`` from group to group. ``first``, ``last``,
``load`` and ``shift`` are where the nest has them.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Module, Mux, Signal

from golden.spec.hardware import REGISTER_BITS
from rtl.array.front_end import FrontEnd
from rtl.bench.bugs_array import HastyFrontEnd
from tests.formal.prove import SMALL, Monitor, Property, free, inside, previous

WIDTH = SMALL.width
LARGEST_COUNT = 3
LARGEST_WORDS = 3
PASSES = 4
GROUP_BITS = (PASSES * LARGEST_WORDS * WIDTH).bit_length()


class NestMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.descriptor.valid, unit.descriptor.payload, unit.available)
        upcoming = unit.descriptor.payload
        m.d.comb += Assume((upcoming.count <= LARGEST_COUNT) & (upcoming.words != 0)
                           & (upcoming.words <= LARGEST_WORDS))
        accepted = unit.descriptor.valid & unit.descriptor.ready
        valid = unit.control.valid

        groups = Signal(range(LARGEST_COUNT + 1))  # still to end
        length = Signal(GROUP_BITS)                # cycles of a group
        position = Signal(GROUP_BITS)              # in the group
        plane = Signal(GROUP_BITS)                 # cycles of a nibble pass
        four = Signal()
        tile = Signal(REGISTER_BITS)               # first address of the group
        step = Signal(12)
        with m.If(valid):
            m.d.sync += position.eq(position + 1)
            with m.If(position == length - 1):
                m.d.sync += [position.eq(0), groups.eq(groups - 1), tile.eq(tile + step)]
        with m.If(accepted):
            cycles = Signal(GROUP_BITS)
            m.d.comb += cycles.eq(upcoming.words * WIDTH)
            m.d.sync += [
                groups.eq(upcoming.count), position.eq(0), plane.eq(cycles), length.eq(cycles),
                step.eq(upcoming.tile_step), four.eq(upcoming.nibble_passes), tile.eq(upcoming.slot * SMALL.slot_rows),
            ]
            with m.If(upcoming.nibble_passes):
                m.d.sync += length.eq(cycles * PASSES)
            m.d.comb += Assert((groups == 0) | ((groups == 1) & unit.group_end), "all groups have ended")

        at_once = previous(m, (accepted & (upcoming.count != 0)) | (valid & ~unit.group_end)
                           | (unit.available.all() & (groups > 1) & unit.group_end)
                           | (unit.available.all() & (groups != 0) & ~valid))
        m.d.comb += Assert(~at_once | valid, "without a gap")
        with m.If(valid):
            last = position == length - 1
            m.d.comb += [
                Assert(groups != 0, "no more groups than count"),
                Assert(unit.group_end == last, "groups have their length"),
                Assert(unit.tile_address == (tile + position)[:REGISTER_BITS], "rows follow each other"),
                Assert(unit.control.first == (position == 0), "first"),
                Assert(unit.control.last == last, "last"),
                Assert(unit.control.load == (position[:3] == 0), "load"),
                Assert(unit.control.shift == (four & ((position == plane) | (position == 3 * plane))), "shift"),
            ]
        with m.Else():
            m.d.comb += Assert(~unit.group_end, "a group ends in a valid cycle")
        self.strengthen(m, own["start"], groups, length, position, plane, four, tile, step)

    def strengthen(self, m: Module, base: Signal, groups: Signal, length: Signal, position: Signal, plane: Signal,
                   four: Signal, tile: Signal, step: Signal) -> None:
        """What makes it inductive: where in the nest the unit is."""
        unit = self.unit
        current = unit.current
        words = current.words
        start = Signal(GROUP_BITS)
        m.d.comb += start.eq(unit.nibble_pass * words * WIDTH + unit.word * WIDTH + unit.channel)
        m.d.comb += [
            Assert(unit.running | (position == 0)),
            Assert((groups != 0) == (unit.running | unit.between)),
            Assert(~(unit.running & unit.between)),
            Assert(position == start),
        ]
        with m.If(groups != 0):
            m.d.comb += [
                Assert((words != 0) & (words <= LARGEST_WORDS) & (unit.word < words)),
                Assert(current.nibble_passes == four),
                Assert(current.tile_step == step),
                Assert(plane == words * WIDTH),
                Assert(length == (four * 3 + 1) * plane),
                Assert(unit.nibble_pass <= four * 3),
                Assert(current.count <= LARGEST_COUNT),
                # between groups the unit still has the number and the start of the one that ended
                Assert(current.count == unit.group + groups + unit.between),
                Assert((base + Mux(unit.between, step, 0))[:REGISTER_BITS] == tile),
            ]
        with m.Else():
            m.d.comb += Assert((unit.word == 0) & (unit.nibble_pass == 0) & (unit.channel == 0))


PROPERTIES = [Property("front_end", NestMonitor, FrontEnd, (HastyFrontEnd,), depth=24, induction=True)]
