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
        shape = self.shape
        channel = Signal(3, reset_less=True)
        x = Signal(2, reset_less=True)
        y = Signal(2, reset_less=True)

        # What the shape says; settles in the cycle before the start.
        side = Signal(9)               # pixels along a side of the image
        plane = Signal(2 * 9, reset_less=True)
        window_end = Signal(2)
        tail_length = Signal(5)
        window_step = Signal(PIXEL_ADDRESS_BITS)
        m.d.comb += [
            side.eq(Mux(shape.stride[1], shape.grid << 1, shape.grid)),
            window_end.eq(Mux(shape.patch, PATCH_SIDE - 1, shape.stride - 1)),
            tail_length.eq(Mux(shape.patch, shape.coordinates + (shape.channels[0] ^ shape.coordinates[0]), 0)),
            window_step.eq(Mux(shape.stride[1], side << 1, side)),
        ]
        square = Signal(2 * 8)
        m.d.comb += square.eq(shape.grid * shape.grid)
        m.d.sync += plane.eq(Mux(shape.stride[1], square << 2, square))

        # Where the loops stand.
        channel_end = Signal()
        x_end = Signal()
        y_end = Signal()
        column_end = Signal()
        line_end = Signal()
        window_last = Signal()
        m.d.comb += [
            channel_end.eq(channel == shape.channels - 1),
            x_end.eq(x == window_end),
            y_end.eq(y == window_end),
            column_end.eq(self.column == shape.grid - 1),
            line_end.eq(self.line == shape.grid - 1),
            window_last.eq(channel_end & x_end & y_end),
            self.token_end.eq(Mux(self.tail, self.tail_index + 1 == tail_length, window_last & (tail_length == 0))),
            self.last.eq(self.token_end & column_end & line_end),
            self.word_end.eq(self.token_end | (self.slot == self.config.width - 1)),
            self.inside.eq(~self.tail & ~(shape.patch & Cat(
                (y == 0) & (self.line == 0),
                (x == 0) & (self.column == 0),
                (y == PATCH_SIDE - 1) & line_end & ~shape.stride[1],
                (x == PATCH_SIDE - 1) & column_end & ~shape.stride[1],
            ).any())),
        ]

        # One adder: the address of the outermost loop that goes on, plus that loop's step.
        starts = [Signal(PIXEL_ADDRESS_BITS, name=f"{name}_start", reset_less=True)
                  for name in ("column", "row", "token", "line")]
        base = Signal(PIXEL_ADDRESS_BITS)
        increment = Signal(PIXEL_ADDRESS_BITS)
        target = Signal(PIXEL_ADDRESS_BITS)
        restarted = Signal(4)  # loops that begin anew, innermost first
        m.d.comb += target.eq(base + increment)
        with m.If(self.token_end & column_end):
            m.d.comb += [base.eq(starts[3]), increment.eq(window_step), restarted.eq(0b1111)]
        with m.Elif(self.token_end):
            m.d.comb += [base.eq(starts[2]), increment.eq(shape.stride), restarted.eq(0b0111)]
        with m.Elif(self.tail | window_last):
            m.d.comb += [base.eq(self.address), increment.eq(0), restarted.eq(0)]
        with m.Elif(channel_end & x_end):
            m.d.comb += [base.eq(starts[1]), increment.eq(side), restarted.eq(0b0011)]
        with m.Elif(channel_end):
            m.d.comb += [base.eq(starts[0]), increment.eq(1), restarted.eq(0b0001)]
        with m.Else():
            m.d.comb += [base.eq(self.address), increment.eq(plane), restarted.eq(0)]

        with m.If(self.step):
            m.d.sync += self.address.eq(target)
            for start, again in zip(starts, restarted, strict=True):
                with m.If(again):
                    m.d.sync += start.eq(target)
            m.d.sync += self.slot.eq(self.slot + 1)
            with m.If(self.slot == self.config.width - 1):
                m.d.sync += self.word.eq(self.word + 1)
            m.d.sync += channel.eq(Mux(channel_end, 0, channel + 1))
            with m.If(channel_end):
                m.d.sync += x.eq(Mux(x_end, 0, x + 1))
            with m.If(channel_end & x_end):
                m.d.sync += y.eq(Mux(y_end, 0, y + 1))
            with m.If(self.tail):
                m.d.sync += self.tail_index.eq(self.tail_index + 1)
            with m.Elif(window_last):
                m.d.sync += self.tail.eq(1)
            with m.If(self.token_end):
                m.d.sync += [
                    self.slot.eq(0), self.word.eq(0), self.tail.eq(0), self.tail_index.eq(0),
                    channel.eq(0), x.eq(0), y.eq(0),
                    self.column.eq(Mux(column_end, 0, self.column + 1)),
                ]
            with m.If(self.token_end & column_end):
                m.d.sync += self.line.eq(self.line + 1)
        with m.If(self.start):
            origin = Mux(shape.patch, -(side + 1), 0)
            m.d.sync += [
                self.slot.eq(0), self.word.eq(0), self.tail.eq(0), self.tail_index.eq(0),
                channel.eq(0), x.eq(0), y.eq(0), self.column.eq(0), self.line.eq(0),
                self.address.eq(origin), *(start.eq(origin) for start in starts),
            ]
        return m
