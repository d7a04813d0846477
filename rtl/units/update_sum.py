"""How much the predicted clean image changes in a step."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.step import UPDATE_BITS


class UpdateSum(wiring.Component):
    """Sum of |after - before| over the cycles with ``valid``, which saturates; ``start`` sets it to 0.

    Matches ``golden.integer.pixel.update``. ``total`` holds a pair LATENCY cycles after it came; ``start`` must not
    come within them. ``settled``: the total is below ``limit``.
    """

    LATENCY = 2

    def __init__(self, bits: int = UPDATE_BITS) -> None:
        self.bits = bits
        super().__init__({
            "start": In(1),
            "valid": In(1),
            "before": In(signed(numbers.WIDE_BITS)),
            "after": In(signed(numbers.WIDE_BITS)),
            "limit": In(bits),
            "total": Out(bits),
            "settled": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        difference = Signal(signed(numbers.WIDE_BITS + 1))
        distance = Signal(numbers.WIDE_BITS, reset_less=True)
        valid_1 = Signal()
        longer = Signal(self.bits + 1)
        m.d.comb += difference.eq(self.after - self.before)

        # Stage 1: the distance of a pair.
        m.d.sync += valid_1.eq(self.valid)
        m.d.sync += distance.eq(Mux(difference < 0, -difference, difference))

        # Stage 2: the sum.
        m.d.comb += longer.eq(self.total + distance)
        with m.If(valid_1):
            m.d.sync += self.total.eq(self.limited(longer))
        with m.If(self.start):
            m.d.sync += self.total.eq(0)
        m.d.comb += self.settled.eq(self.is_below(self.total, self.limit))
        return m

    def limited(self, longer: Value) -> Value:
        """A sum with one bit too many, saturated."""
        return Mux(longer[self.bits], (1 << self.bits) - 1, longer[:self.bits])

    def is_below(self, total: Value, limit: Value) -> Value:
        """Whether the image has settled; a limit of 0 is never."""
        return total < limit
