"""Transposer loses nothing: for all time, any order of rows and any gaps, by induction, at width 8.

An element is chosen: tile t, row r and column c, all free. Vectors come in any order, to both tiles at once, each row
once in a tile, all with the tile's base; none comes to a tile that is full. Then none is told to overrun, exactly
``width`` cycles of output follow a tile, the first in the cycle after its last vector or after the other tile's last
column, and the chosen element leaves at position r of column c, at address base + c.
"""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Assume, Cat, Module, Mux, Signal

from golden.spec import numbers
from golden.spec.hardware import REGISTER_BITS
from rtl.bench.bugs_memory import EarlyTransposer, ImpatientTransposer
from rtl.memory.transposer import Transposer
from tests.formal.prove import SMALL, Monitor, Property, fixed, free, inside

WIDTH = SMALL.width
BITS = numbers.NIBBLE_BITS


class TransposerMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(SMALL)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free(m, unit.valid, unit.vector, unit.base, unit.row, unit.tile)
        self.tile = fixed(m, "chosen_tile", range(2))
        self.row = fixed(m, "chosen_row", range(WIDTH))
        self.column = fixed(m, "chosen_column", range(WIDTH))
        self.there = [Signal(WIDTH, name=f"there_{tile}") for tile in range(2)]    # rows that came
        self.bases = [Signal(REGISTER_BITS, name=f"base_of_{tile}") for tile in range(2)]
        self.left = Signal(range(WIDTH + 1))    # columns still to leave
        self.going = Signal()                   # whose
        self.queued = Signal()                  # the other tile is complete too
        self.chosen = Signal(BITS)
        self.arrive(m)
        self.leave(m)
        self.strengthen(m, own)

    def arrive(self, m: Module) -> None:
        """Vectors come to tiles that are not full, each row once."""
        unit = self.unit
        self.complete = Signal()
        for tile in range(2):
            rows = self.there[tile] | (1 << unit.row)
            full = (self.left != 0) & ((self.going == tile) | self.queued)
            with m.If(unit.valid & (unit.tile == tile)):
                m.d.comb += [
                    Assume(~full),
                    Assume(~self.there[tile].bit_select(unit.row, 1)),
                    Assume((self.there[tile] == 0) | (unit.base == self.bases[tile])),
                    self.complete.eq(rows.all()),
                ]
                m.d.sync += [self.there[tile].eq(Mux(rows.all(), 0, rows)), self.bases[tile].eq(unit.base)]
        with m.If(unit.valid & (unit.tile == self.tile) & (unit.row == self.row)):
            m.d.sync += self.chosen.eq(unit.vector.word_select(self.column, BITS))

    def leave(self, m: Module) -> None:
        """What must be seen of the tiles that are complete."""
        unit, left, going = self.unit, self.left, self.going
        with m.If(left > 1):
            m.d.sync += left.eq(left - 1)
            with m.If(self.complete):
                m.d.sync += self.queued.eq(1)
        with m.Else():
            m.d.sync += [left.eq(Mux(self.complete | self.queued, WIDTH, 0)), self.queued.eq(0),
                         going.eq(Mux(self.queued, ~going, unit.tile))]
        place = (WIDTH - left)[:WIDTH.bit_length() - 1]
        m.d.comb += [
            Assert(~unit.overrun, "no overrun"),
            Assert(unit.output_valid == (left != 0), "width cycles"),
        ]
        with m.If(left != 0):
            m.d.comb += Assert(unit.output_address == (Array(self.bases)[going] + place)[:REGISTER_BITS], "address")
            with m.If((going == self.tile) & (place == self.column)):
                m.d.comb += Assert(unit.output.word_select(self.row, BITS) == self.chosen, "the chosen element")

    def strengthen(self, m: Module, own: dict) -> None:
        """What makes it inductive: what is full, what came, and where the chosen element is."""
        left, going = self.left, self.going
        full = [(left != 0) & ((going == tile) | self.queued) for tile in range(2)]
        probes = [bank.read_port(domain="comb") for bank in self.unit.banks]
        m.d.comb += [probe.addr.eq(Cat(self.row, self.tile)) for probe in probes]
        place = Array(probe.data for probe in probes)[(self.row + self.column)[:WIDTH.bit_length() - 1]]
        here = Array(self.there)[self.tile].bit_select(self.row, 1) | Array(full)[self.tile]
        m.d.comb += [
            Assert(own["full"] == Cat(full)),
            Assert((left == 0) | (own["leaving"] == going)),
            Assert(own["column"] == (WIDTH - left)[:len(own["column"])]),
            Assert(left <= WIDTH),
            Assert((left != 0) | ~self.queued),
            Assert(~self.queued | (own["base"] == Array(self.bases)[~going])),
            Assert(~here | (place == self.chosen)),
        ]
        for tile in range(2):
            m.d.comb += [
                Assert(own[f"arrived_{tile}"] == sum(self.there[tile])),
                Assert(~full[tile] | (self.there[tile] == 0)),
            ]


PROPERTIES = [Property("transposer", TransposerMonitor, Transposer, (EarlyTransposer, ImpatientTransposer), depth=20,
                       induction=True)]
