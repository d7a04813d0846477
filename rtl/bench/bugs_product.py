"""Planted bugs of a whole matrix product; none of this is part of the product."""

from __future__ import annotations

from amaranth.hdl import Module

from golden.spec.descriptors import Destination
from rtl.array.dispatcher import Dispatcher
from rtl.array.engine import ArrayEngine


class UnskippingDispatcher(Dispatcher):
    """Multiplies zeros too: every result is right, and late."""

    def describe(self, m: Module) -> None:
        super().describe(m)
        m.d.comb += self.operand.skip.eq(0)


class StrayDispatcher(Dispatcher):
    """Sends the results to another memory."""

    def describe(self, m: Module) -> None:
        super().describe(m)
        m.d.comb += self.record.destination.eq(Destination.ACTIVATION)


class UnskippingArray(ArrayEngine):
    dispatcher_unit = UnskippingDispatcher


class StrayArray(ArrayEngine):
    dispatcher_unit = StrayDispatcher
