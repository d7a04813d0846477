"""Planted bugs of the buses."""

from __future__ import annotations

from amaranth.hdl import Const, Value

from rtl.bus.arbiter import RequestArbiter
from rtl.bus.axi import AxiBridge
from rtl.bus.axi_lite import AxiLite
from rtl.bus.axi_stream import LoadStream, PixelStream
from rtl.bus.wishbone import WishboneBridge


class LosingAxiLite(AxiLite):
    """Takes the data of a write before its address, and loses it."""

    def keeps_data(self) -> Value:
        return self.address_held | self.s_axi_awvalid


class HastyAxiLite(AxiLite):
    """Answers a write before the register file has taken it."""

    def responds(self, complete: Value, done: Value) -> Value:
        return complete


class DroppingLoadStream(LoadStream):
    """Takes words whether or not there is room."""

    def takes(self) -> Value:
        return Const(1)


class EndlessPixelStream(PixelStream):
    """Never says which pixel is the last."""

    def is_last(self) -> Value:
        return Const(0)


class MixingArbiter(RequestArbiter):
    """Gives every answer to the first client that reads."""

    def is_answered(self, client: int) -> Value:
        return self.reading & Const(client == 1)


class GreedyArbiter(RequestArbiter):
    """Lets another client in before an answer has come."""

    def is_asking(self, client: int) -> Value:
        return self.granted & (self.owner == client)


class LosingAxiBridge(AxiBridge):
    lite_unit = LosingAxiLite


class HastyAxiBridge(AxiBridge):
    lite_unit = HastyAxiLite


class DroppingAxiBridge(AxiBridge):
    load_unit = DroppingLoadStream


class EndlessAxiBridge(AxiBridge):
    pixel_unit = EndlessPixelStream


class MixingAxiBridge(AxiBridge):
    arbiter_unit = MixingArbiter


class RepeatingWishboneBridge(WishboneBridge):
    """Begins again in the cycle in which it acknowledges."""

    def may_begin(self) -> Value:
        return Const(1)


class LateWishboneBridge(WishboneBridge):
    """Gives the answer of a transfer that was given up to the next one."""

    def after_abort(self) -> Value:
        return Const(1)
