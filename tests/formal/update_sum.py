"""The sum of a clean image's changes: for any pixels and any time, by induction.

It is the exact sum since the last start, or the largest number that its bits hold; and it has settled exactly where it
is below the limit. Of fewer bits than the core's, so that a few pixels fill it.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, Value

from golden.spec import numbers
from rtl.bench.bugs_pixel import EagerSum
from rtl.units.update_sum import UpdateSum
from tests.formal.prove import Monitor, Property, free, inside, previous

BITS = 18
MOST = (1 << BITS) - 1


class WrappingSum(UpdateSum):
    """Begins anew past its largest number."""

    def limited(self, longer: Value) -> Value:
        return longer[:self.bits]


class SumMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(BITS)

    def claim(self, m: Module) -> None:
        unit = self.unit
        inside(m, unit)
        free(m, unit.start, unit.valid, unit.before, unit.after, unit.limit)
        m.d.comb += Assume(~(unit.start & previous(m, unit.valid)))
        distance = Signal(numbers.WIDE_BITS)
        m.d.comb += distance.eq(Mux(unit.valid, Mux(unit.after > unit.before, unit.after - unit.before,
                                                    unit.before - unit.after), 0))
        late = previous(m, distance)
        exact = Signal(BITS + 1)
        m.d.sync += exact.eq(Mux(unit.start, 0, Mux(exact + late > MOST, MOST, exact + late)))
        m.d.comb += [Assert(unit.total == exact, "the sum or the most"),
                     Assert(unit.settled == (exact < unit.limit), "settled below the limit")]


PROPERTIES = [Property("update_sum", SumMonitor, UpdateSum, (WrappingSum, EagerSum), depth=7, induction=True,
                       quick=True)]
