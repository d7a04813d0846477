"""The order in which the pixel engine visits the image: a window of pixels at each token."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ADDRESS
from golden.spec.hardware import HardwareConfig

PIXEL_ADDRESS_BITS = ADDRESS + 1
"""Exact for every grid, stride and number of channels that a descriptor holds: at most 7 * 510^2."""
PATCH_SIDE = 3

SHAPE_LAYOUT = data.StructLayout({
    "grid": 8,         # tokens along a side
    "stride": 2,       # pixels along a side of a token
    "channels": 3,
    "coordinates": 4,
    "patch": 1,        # 3x3 windows around each token, otherwise the token's own pixels
})


class PixelWalk(wiring.Component):
    """Visits elements one by one: for each token, for each row and column of its window, each channel.

    Where ``shape.patch``, the coordinates follow each token's window, and a zero where the number of elements is odd.
    ``shape`` must be stable from one cycle before ``start``; the first element stands in the cycle after ``start``, and
    ``step`` goes on to the next, after ``last`` to nothing that is of use.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "start": In(1),
            "step": In(1),
            "shape": In(SHAPE_LAYOUT),
            "address": Out(PIXEL_ADDRESS_BITS),  # of the pixel
            "inside": Out(1),                    # the pixel exists
            "tail": Out(1),                      # not a pixel: a coordinate, or the zero after them
            "tail_index": Out(5),
            "line": Out(8),                      # the token's row
            "column": Out(8),
            "slot": Out(range(config.width)),    # element modulo the width of a word
            "word": Out(8),                      # element divided by it
            "word_end": Out(1),
            "token_end": Out(1),
            "last": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.channel = Signal(3, reset_less=True)
        self.x = Signal(2, reset_less=True)
        self.y = Signal(2, reset_less=True)
        self.measure_shape(m)
        self.find_ends(m)
        self.check_inside(m)
        self.next_address(m)
        with m.If(self.step):
            self.move_address(m)
            self.move_slot(m)
            self.move_in_window(m)
            self.move_token(m)
        with m.If(self.start):
            self.go_to_first(m)
        return m

    def measure_shape(self, m: Module) -> None:
        """What the shape says; settles in the cycle before the start."""
        shape = self.shape
        square = Signal(2 * 8)
        self.side = Signal(9)               # pixels along a side of the image
        self.plane = Signal(2 * 9, reset_less=True)
        self.window_end = Signal(2)
        self.tail_length = Signal(5)
        self.window_step = Signal(PIXEL_ADDRESS_BITS)
        odd = shape.channels[0] ^ shape.coordinates[0]
        m.d.comb += [
            self.side.eq(Mux(shape.stride[1], shape.grid << 1, shape.grid)),
            self.window_end.eq(Mux(shape.patch, PATCH_SIDE - 1, shape.stride - 1)),
            self.tail_length.eq(Mux(shape.patch, shape.coordinates + odd, 0)),
            self.window_step.eq(Mux(shape.stride[1], self.side << 1, self.side)),
            square.eq(shape.grid * shape.grid),
        ]
        m.d.sync += self.plane.eq(Mux(shape.stride[1], square << 2, square))

    def find_ends(self, m: Module) -> None:
        """Which loops stand at their end."""
        self.channel_end = Signal()
        self.x_end = Signal()
        self.y_end = Signal()
        self.column_end = Signal()
        self.line_end = Signal()
        self.window_last = Signal()
        tail_end = self.tail_index + 1 == self.tail_length
        m.d.comb += [
            self.channel_end.eq(self.channel == self.shape.channels - 1),
            self.x_end.eq(self.x == self.window_end),
            self.y_end.eq(self.y == self.window_end),
            self.column_end.eq(self.column == self.shape.grid - 1),
            self.line_end.eq(self.line == self.shape.grid - 1),
            self.window_last.eq(self.channel_end & self.x_end & self.y_end),
            self.token_end.eq(Mux(self.tail, tail_end, self.window_last & (self.tail_length == 0))),
            self.last.eq(self.token_end & self.column_end & self.line_end),
            self.word_end.eq(self.token_end | (self.slot == self.config.width - 1)),
        ]

    def check_inside(self, m: Module) -> None:
        """A 3x3 window reaches one pixel past its token: upwards and to the left, with stride 1 on every side."""
        stride_1 = ~self.shape.stride[1]
        outside = Cat(
            (self.y == 0) & (self.line == 0),
            (self.x == 0) & (self.column == 0),
            (self.y == PATCH_SIDE - 1) & self.line_end & stride_1,
            (self.x == PATCH_SIDE - 1) & self.column_end & stride_1,
        ).any()
        m.d.comb += self.inside.eq(~self.tail & ~(self.shape.patch & outside))

    def next_address(self, m: Module) -> None:
        """One adder: the address of the outermost loop that goes on, plus that loop's step."""
        self.starts = [Signal(PIXEL_ADDRESS_BITS, name=f"{name}_start", reset_less=True)
                       for name in ("column", "row", "token", "line")]
        self.target = Signal(PIXEL_ADDRESS_BITS)
        self.restarted = Signal(4)  # loops that begin anew, innermost first
        column, row, token, line = self.starts
        base = Signal(PIXEL_ADDRESS_BITS)
        increment = Signal(PIXEL_ADDRESS_BITS)
        m.d.comb += self.target.eq(base + increment)
        with m.If(self.token_end & self.column_end):
            m.d.comb += [base.eq(line), increment.eq(self.window_step), self.restarted.eq(0b1111)]
        with m.Elif(self.token_end):
            m.d.comb += [base.eq(token), increment.eq(self.shape.stride), self.restarted.eq(0b0111)]
        with m.Elif(self.tail | self.window_last):
            m.d.comb += [base.eq(self.address), increment.eq(0), self.restarted.eq(0)]
        with m.Elif(self.channel_end & self.x_end):
            m.d.comb += [base.eq(row), increment.eq(self.side), self.restarted.eq(0b0011)]
        with m.Elif(self.channel_end):
            m.d.comb += [base.eq(column), increment.eq(1), self.restarted.eq(0b0001)]
        with m.Else():
            m.d.comb += [base.eq(self.address), increment.eq(self.plane), self.restarted.eq(0)]

    def move_address(self, m: Module) -> None:
        """On to the next address, where the loops that begin anew start."""
        m.d.sync += self.address.eq(self.target)
        for start, again in zip(self.starts, self.restarted, strict=True):
            with m.If(again):
                m.d.sync += start.eq(self.target)

    def move_slot(self, m: Module) -> None:
        """On within the words."""
        m.d.sync += self.slot.eq(self.slot + 1)
        with m.If(self.slot == self.config.width - 1):
            m.d.sync += self.word.eq(self.word + 1)

    def move_in_window(self, m: Module) -> None:
        """On to the next channel, pixel, row, and at last to the tail."""
        m.d.sync += self.channel.eq(Mux(self.channel_end, 0, self.channel + 1))
        with m.If(self.channel_end):
            m.d.sync += self.x.eq(Mux(self.x_end, 0, self.x + 1))
        with m.If(self.channel_end & self.x_end):
            m.d.sync += self.y.eq(Mux(self.y_end, 0, self.y + 1))
        with m.If(self.tail):
            m.d.sync += self.tail_index.eq(self.tail_index + 1)
        with m.Elif(self.window_last):
            m.d.sync += self.tail.eq(1)

    def move_token(self, m: Module) -> None:
        """After a token's last element, on to the next token; goes before what the other loops do."""
        with m.If(self.token_end):
            self.clear_token(m)
            m.d.sync += self.column.eq(Mux(self.column_end, 0, self.column + 1))
        with m.If(self.token_end & self.column_end):
            m.d.sync += self.line.eq(self.line + 1)

    def go_to_first(self, m: Module) -> None:
        """The first element; a window's first pixel is above and to the left of the image."""
        origin = Mux(self.shape.patch, -(self.side + 1), 0)
        self.clear_token(m)
        m.d.sync += [self.column.eq(0), self.line.eq(0), self.address.eq(origin)]
        m.d.sync += [start.eq(origin) for start in self.starts]

    def clear_token(self, m: Module) -> None:
        """The first element of a token."""
        m.d.sync += [
            self.slot.eq(0), self.word.eq(0), self.tail.eq(0), self.tail_index.eq(0),
            self.channel.eq(0), self.x.eq(0), self.y.eq(0),
        ]
