"""AXI4-Stream: words of an image's segment in, pixels out."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.registers import ADDRESSES, DATA_BITS
from rtl.control.registers import REQUEST_LAYOUT


def load_members() -> dict[str, wiring.Member]:
    """Ports of the stream of words, by the names that tools know."""
    return {"s_axis_tdata": In(DATA_BITS), "s_axis_tvalid": In(1), "s_axis_tready": Out(1)}


def pixel_members() -> dict[str, wiring.Member]:
    """Ports of the stream of pixels."""
    return {"m_axis_tdata": Out(numbers.WIDE_BITS), "m_axis_tlast": Out(1), "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1)}


class LoadStream(wiring.Component):
    """A stream of words into the register LOAD: a DMA engine can send the segments of a program image.

    Each word is a request of its own; tready is high in the one cycle in which it is taken. Latency 0. There is no
    tlast, as a segment holds its own length, and no tkeep, as every word is whole.
    """

    def __init__(self) -> None:
        super().__init__({
            **load_members(),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.request.payload.write.eq(1),
            self.request.payload.address.eq(ADDRESSES["LOAD"]),
            self.request.payload.data.eq(self.s_axis_tdata),
            self.request.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(self.takes()),
        ]
        return m

    def takes(self) -> Value:
        """When a word has been taken."""
        return self.request.ready


class PixelStream(wiring.Component):
    """So many pixels of the predicted clean image, from PIXEL_ADDRESS on, as a stream with tlast at the last.

    ``start`` with ``count`` begins, unless pixels are ``left`` (the number still to be taken); a count of 0 does
    nothing. A pixel is read of the register PIXEL_DATA once the one before it has been taken. Pixels that can't be
    read come as 0, and the register ERROR says why, as for any reader of PIXEL_DATA.

    A request is offered in the cycle after the start or the pixel before, and tvalid comes in the cycle after its
    answer. tvalid, tdata and tlast are registers, and stand still until taken.
    """

    def __init__(self) -> None:
        super().__init__({
            "start": In(1), "count": In(DATA_BITS), "left": Out(DATA_BITS),
            **pixel_members(),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(DATA_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        asked = Signal()               # of the pixel that comes next
        m.d.comb += [
            self.request.payload.address.eq(ADDRESSES["PIXEL_DATA"]),
            self.request.valid.eq((self.left != 0) & ~asked),
            self.response.ready.eq(1),
        ]
        with m.If(self.start & (self.left == 0)):
            m.d.sync += self.left.eq(self.count)
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += asked.eq(1)
        with m.If(self.response.valid):
            m.d.sync += [self.m_axis_tdata.eq(self.response.payload), self.m_axis_tvalid.eq(1)]
            m.d.sync += self.m_axis_tlast.eq(self.is_last())
        with m.If(self.m_axis_tvalid & self.m_axis_tready):
            m.d.sync += [self.m_axis_tvalid.eq(0), self.left.eq(self.left - 1), asked.eq(0)]
        return m

    def is_last(self) -> Value:
        """Whether the pixel that comes is the last one."""
        return self.left == 1
