"""Loop nests of engines: each yields exactly the product of its bounds, at its addresses. By induction, for all time.

*pixel_walk*: grid x grid tokens of window x window x channels pixels and what follows them, line by line, each element
once, in order, with its address, place in its word, and whether it lies in the image; ``last`` with the last one.
Grids of up to 3 x 3 tokens; any stride, channels, coordinates and kind of window; steps at any pace.

*softmax_reads*: lanes x words reads a descriptor, at successive addresses of its slot. Up to 7 words.

*loads*: rows, and parameter rows where asked for, at successive addresses of their source, none without a descriptor
and none lost; rows go to their slot in order, READ_LATENCY cycles later; the signals rise once, in their cycle. Up to
15 rows.
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Assert, Assume, Const, Module, Mux, Signal, Value

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, REGISTER_BITS, LoadSource
from golden.spec.latency import LOAD_TAIL
from rtl.memory.loader import Loader
from rtl.memory.ports import READ_LATENCY
from rtl.units.pixel_walk import PATCH_SIDE, PIXEL_ADDRESS_BITS, PixelWalk
from rtl.units.softmax_engine import SoftmaxEngine
from tests.formal.prove import SMALL, Monitor, Property, driven, fixed, free, inside, previous
from tests.formal.streams import free_inputs

CONFIG = dataclasses.replace(SMALL, lanes=4)
GRID_BITS = 2
WORDS_BITS = 3
ROWS_BITS = 4
COUNT_BITS = 12


class WalkMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit, shape = self.unit, self.unit.shape
        inside(m, unit)
        free(m, unit.start, unit.step)
        m.d.comb += shape.eq(fixed(m, "shape_in", len(shape.as_value())))
        ready = Signal()            # the shape stands since a cycle
        m.d.sync += ready.eq(1)
        m.d.comb += [
            Assume((shape.grid != 0) & (shape.grid < 1 << GRID_BITS) & (shape.channels != 0)),
            Assume((shape.stride == 1) | (shape.stride == 2)),
            Assume(~unit.start | ready),
        ]
        self.measure(m)
        left = Signal(COUNT_BITS)   # elements, that at hand counted
        with m.If(unit.start):
            m.d.sync += left.eq(self.grid * self.grid * self.terms)
        with m.Elif(unit.step):
            m.d.sync += left.eq(left - 1)
        m.d.comb += Assume(~unit.step | unit.start | (left != 0))
        self.count(m, left)
        self.place(m, left, ready)

    def measure(self, m: Module) -> None:
        """What the shape says."""
        shape = self.unit.shape
        self.grid = shape.grid[:GRID_BITS]
        self.window = Signal(2)
        self.pixels = Signal(6)
        self.terms = Signal(7)
        self.side = Signal(GRID_BITS + 1)
        tail = Mux(shape.patch, shape.coordinates + (shape.channels[0] ^ shape.coordinates[0]), 0)
        m.d.comb += [
            self.window.eq(Mux(shape.patch, PATCH_SIDE, shape.stride)),
            self.pixels.eq(self.window * self.window * shape.channels),
            self.terms.eq(self.pixels + tail),
            self.side.eq(self.grid * shape.stride),
        ]

    def count(self, m: Module, left: Signal) -> None:
        """How many elements there are, and where this one is among them."""
        unit = self.unit
        place = Signal(7)
        m.d.comb += place.eq(Mux(unit.tail, self.pixels + unit.tail_index,
                                 (unit.y * self.window + unit.x) * unit.shape.channels + unit.channel))
        tokens = (self.grid - 1 - unit.line[:GRID_BITS]) * self.grid + (self.grid - 1 - unit.column[:GRID_BITS])
        within = left != 0
        m.d.comb += [
            Assert(~within | (left == tokens[:2 * GRID_BITS] * self.terms + self.terms - place), "as many as it says"),
            Assert(~within | (unit.last == (left == 1)), "the last one"),
            Assert(~within | (unit.token_end == (place == self.terms - 1)), "a token's last one"),
            Assert(~within | (place == unit.word * CONFIG.width + unit.slot), "its place in its word"),
            Assert(~within | (place < self.terms)),
            Assert(~within | ((unit.line < self.grid) & (unit.column < self.grid))),
            Assert(~within | ((unit.x < self.window) & (unit.y < self.window)
                              & (unit.channel < unit.shape.channels))),
            Assert(~within | unit.tail | (unit.tail_index == 0)),
            Assert(~within | (unit.tail == (place >= self.pixels))),
        ]

    def place(self, m: Module, left: Signal, ready: Signal) -> None:
        """The pixel's address, and whether there is one."""
        unit, shape = self.unit, self.unit.shape
        within = (left != 0) & ~unit.tail
        stride = shape.stride[:2]
        row = (unit.line[:GRID_BITS] * stride + unit.y - shape.patch).as_signed()
        column = (unit.column[:GRID_BITS] * stride + unit.x - shape.patch).as_signed()
        exists = (row >= 0) & (row < self.side) & (column >= 0) & (column < self.side)
        address = self.wide(m, row * self.side + column + unit.channel * (self.side * self.side))
        m.d.comb += [
            Assert(~within | (unit.inside == exists), "inside the image"),
            Assert((left == 0) | ~unit.tail | ~unit.inside),
            Assert(~within | (unit.address == address), "its address"),
            Assert(~ready | (unit.plane == self.side * self.side)),
        ]
        self.starts(m, left, stride)

    def starts(self, m: Module, left: Signal, stride: Value) -> None:
        """What makes it inductive: where the loops that go on began."""
        unit, patch = self.unit, self.unit.shape.patch
        line = ((unit.line[:GRID_BITS] * stride - patch) * self.side - patch)
        token = line + unit.column[:GRID_BITS] * stride
        row = token + unit.y * self.side
        pixel = row + unit.x
        for start, value, always in zip(unit.starts, (pixel, row, token, line), (0, 0, 1, 1), strict=True):
            m.d.comb += Assert((left == 0) | (unit.tail & ~Const(always, 1))
                               | (start == self.wide(m, value)))

    @staticmethod
    def wide(m: Module, value: Value) -> Signal:
        """In the bits of an address; before the image it wraps."""
        address = Signal(PIXEL_ADDRESS_BITS)
        m.d.comb += address.eq(value)
        return address


class NarrowWalk(PixelWalk):
    """Takes a grid of 2 x 2 tokens for one of 1 x 1."""

    def find_ends(self, m: Module) -> None:
        super().find_ends(m)
        with m.If(self.shape.grid == 2):
            m.d.comb += [self.column_end.eq(self.column == 0), self.line_end.eq(self.line == 0)]


class SoftmaxMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit, offered = self.unit, self.unit.descriptor.payload
        own = inside(m, unit)
        free_inputs(m, unit)
        words, left, read = Signal(WORDS_BITS), Signal(WORDS_BITS + 2), Signal(WORDS_BITS + 2)
        slot = Signal()
        accept = unit.descriptor.valid & unit.descriptor.ready
        m.d.comb += Assume((offered.words != 0) & (offered.words < 1 << WORDS_BITS))
        with m.If(accept):
            m.d.sync += [left.eq(offered.words * CONFIG.lanes), words.eq(offered.words), read.eq(0),
                         slot.eq(offered.slot)]
        with m.Elif(left != 0):
            m.d.sync += [left.eq(left - 1), read.eq(read + 1)]
        base = Mux(slot, CONFIG.score_words // 2, 0)
        m.d.comb += [
            Assert(unit.score.enable == (left != 0), "lanes x words reads"),
            Assert((left == 0) | (unit.score.address == base + read), "one after the other"),
            Assert(~accept | (left == 0), "the next one after the last"),
            Assert((left == 0) | (left + read == words * CONFIG.lanes)),
            Assert((left == 0) | ((read == unit.read_lane * words + unit.read_word) & (unit.held.words == words)
                                  & (unit.read_word < words) & (own["address"] == base + read))),
            Assert((left == 0) | unit.iterations.last_iteration),
            Assert(~unit.iterations.waiting),
            Assert((left != 0) | ((unit.read_word == 0) & (unit.read_lane == 0))),
        ]


class ShortSoftmax(SoftmaxEngine):
    """Leaves out the last lane's last word."""

    def read_scores(self, m: Module) -> None:
        super().read_scores(m)
        with m.If((self.read_lane == self.config.lanes - 1) & (self.read_word + 2 == self.held.words)):
            m.d.comb += self.last_cycle.eq(1)


class LoadMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(CONFIG)

    def claim(self, m: Module) -> None:
        unit, offered = self.unit, self.unit.descriptor.payload
        own = inside(m, unit)
        free_inputs(m, unit)
        accept = Signal()
        most = (1 << ROWS_BITS) - 1 + numbers.PARAMETER_ROWS
        left, rows = Signal(range(most + 1)), Signal(ROWS_BITS)     # reads to come; of the rows among them, read
        address, slot, source = Signal(REGISTER_BITS), Signal(3), Signal()
        signals = Signal(ENGINES)
        parameters = Mux(offered.parameters, numbers.PARAMETER_ROWS, 0)
        m.d.comb += [accept.eq(unit.descriptor.valid & unit.descriptor.ready),
                     Assume(offered.rows < 1 << ROWS_BITS), Assume(offered.slot < CONFIG.slots)]
        with m.If(accept):
            m.d.sync += [left.eq(parameters + offered.rows), rows.eq(0), address.eq(offered.base),
                         slot.eq(offered.slot), source.eq(offered.source),
                         signals.eq(offered.signal_each | offered.signal_last)]
        with m.Elif(left != 0):
            m.d.sync += [left.eq(left - 1), address.eq(address + 1), rows.eq(rows + is_row(own))]
        ended = Mux(left == 1, signals, Mux(accept & (parameters + offered.rows == 0),
                                            offered.signal_each | offered.signal_last, 0))
        target = slot * CONFIG.slot_rows + rows
        row = named(m, (left != 0) & is_row(own))
        m.d.comb += [
            Assert(unit.weight.enable == ((left != 0) & (source == LoadSource.WEIGHT)), "as many as it says"),
            Assert(unit.key_value.enable == ((left != 0) & (source == LoadSource.KEY_VALUE)), "of its source"),
            Assert(~accept | (left == 0), "the next one after the last"),
            Assert(~unit.weight.enable | (unit.weight.address == bounded_to(address, unit.weight.address)), "in order"),
            Assert(unit.tile.enable == previous(m, row, READ_LATENCY), "a row for each read of one"),
            Assert(~unit.tile.enable | (unit.tile.address == previous(m, named(m, target, 16), READ_LATENCY)),
                   "to its slot, in order"),
            Assert(unit.give == previous(m, ended, LOAD_TAIL), "a signal at the end"),
            Assert(left == own["parameters_left"] + own["rows_left"]),
            Assert((left == 0) | ((own["address"] == address) & (own["source"] == source) & (own["ending"] == signals)
                                  & (own["slot"] == slot) & (own["target"] == target))),
        ]
        m.d.comb += [Assert(slot < CONFIG.slots), Assert(own["parameters_left"] <= numbers.PARAMETER_ROWS),
                     Assert((left == 0) | (own["rows_left"] + rows < 1 << ROWS_BITS))]


def is_row(own: dict[str, Signal]) -> Value:
    """What is read is a row, not a parameter."""
    return own["parameters_left"] == 0


def named(m: Module, value: Value, bits: int = 1) -> Signal:
    """A signal that holds ``value``."""
    signal = Signal(bits)
    m.d.comb += signal.eq(value)
    return signal


def bounded_to(address: Value, port: Value) -> Value:
    """An address in a port's bits; one that does not fit is past every end."""
    return Mux(address >> len(port), (1 << len(port)) - 1, address[:len(port)])


class LongLoader(Loader):
    """One row too many after parameters."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        with m.If(self.descriptor.ready & self.descriptor.payload.parameters):
            m.d.sync += driven(m, "rows_left").eq(self.descriptor.payload.rows + 1)
        return m


PROPERTIES = [
    Property("pixel_walk", WalkMonitor, PixelWalk, (NarrowWalk,), depth=2, induction=True),
    Property("softmax_reads", SoftmaxMonitor, SoftmaxEngine, (ShortSoftmax,), depth=8, induction=True),
    Property("loads", LoadMonitor, Loader, (LongLoader,), depth=14, induction=True, quick=True),
]
