"""Transposer loses nothing: for all time and any gaps between vectors, by induction, at width 8.

An element is chosen, row r and column c, both free. In every tile it leaves at position r of column c, which comes at
address base + c in the (c + 1)-th cycle after the tile's last vector. Exactly ``width`` cycles of output follow a tile,
the first in the next cycle; when tiles follow back to back, the last of one comes before the first of the next.
"""

from __future__ import annotations

from amaranth.hdl import Array, Assert, Module, Mux, Signal

from golden.spec import numbers
from golden.spec.hardware import REGISTER_BITS
from rtl.bench.bugs_array import EarlyTransposer
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
        free(m, unit.valid, unit.vector, unit.base)
        row = fixed(m, "chosen_row", range(WIDTH))
        column = fixed(m, "chosen_column", range(WIDTH))
        arrived = Signal(range(WIDTH))   # vectors of the tile that comes in
        left = Signal(range(WIDTH + 1))  # columns still to leave
        coming = Signal(BITS)
        coming_base = Signal(REGISTER_BITS)
        leaving = Signal(BITS)
        leaving_base = Signal(REGISTER_BITS)
        element = Signal(BITS)
        m.d.comb += element.eq(unit.vector.word_select(column, BITS))
        with m.If(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.If(unit.valid):
            m.d.sync += arrived.eq(arrived + 1)
            with m.If(arrived == 0):
                m.d.sync += coming_base.eq(unit.base)
            with m.If(arrived == row):
                m.d.sync += coming.eq(element)
            with m.If(arrived == WIDTH - 1):
                m.d.sync += [left.eq(WIDTH), leaving.eq(Mux(row == arrived, element, coming)),
                             leaving_base.eq(coming_base)]
                m.d.comb += Assert(left <= 1, "the tile before has left")
        m.d.comb += Assert(unit.output_valid == (left != 0), "width cycles")
        with m.If(left != 0):
            m.d.comb += Assert(unit.output_address == (leaving_base + WIDTH - left)[:REGISTER_BITS], "address")
            with m.If(column == WIDTH - left):
                m.d.comb += Assert(unit.output.word_select(row, BITS) == leaving, "the chosen element")
        self.strengthen(m, own, row, column, arrived, left, coming, coming_base, leaving)

    def strengthen(self, m: Module, own: dict, row: Signal, column: Signal, arrived: Signal, left: Signal,
                   coming: Signal, coming_base: Signal, leaving: Signal) -> None:
        """What makes it inductive: where the chosen element is."""
        places = [Array(own[f"tile_{tile}_{index}"] for index in range(WIDTH))[row].word_select(column, BITS)
                  for tile in range(2)]
        filling = Mux(own["filling"], places[1], places[0])
        full = Mux(own["filling"], places[0], places[1])
        m.d.comb += [
            Assert(own["row"] == arrived),
            Assert(left + arrived <= WIDTH),
            Assert((arrived == 0) | (own["base"] == coming_base)),
            Assert((arrived <= row) | (filling == coming)),
            Assert((left == 0) | (full == leaving)),
            Assert((left == 0) | (own["column"] == WIDTH - left)),
        ]


PROPERTIES = [Property("transposer", TransposerMonitor, Transposer, (EarlyTransposer,), depth=20, induction=True)]
