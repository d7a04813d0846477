"""Planted bugs, each of which a bench must find; none of this is part of the product."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Mux, Value

from golden.spec.descriptors import NORM_LIMITS, NormFormat
from rtl.units.exponential import Exponential
from rtl.units.gather import Gather
from rtl.units.modulate import Modulate
from rtl.units.norm_engine import NormEngine
from rtl.units.normalise import Normalise
from rtl.units.reciprocal_square_root import ReciprocalSquareRoot
from rtl.units.row_maximum import RowMaximum
from rtl.units.softmax_engine import SoftmaxEngine


class UnroundedNormalise(Normalise):
    """Truncates where it should round."""

    def rounded(self, doubled: Value) -> Value:
        return doubled >> 1


class ShiftedSquareRoot(ReciprocalSquareRoot):
    """A table that is one entry off."""

    def table(self) -> tuple[int, ...]:
        table = super().table()
        return table[1:] + table[-1:]


class UnrectifiedModulate(Modulate):
    """Lets negative values through wherever the format has 8 bits."""

    def lowest(self) -> Value:
        return Mux(self.wide, NORM_LIMITS[NormFormat.INT8][0], 0)


class UnroundedNormEngine(NormEngine):
    normalise_unit = UnroundedNormalise


class ShiftedTableNormEngine(NormEngine):
    reciprocal_unit = ShiftedSquareRoot


class UnrectifiedNormEngine(NormEngine):
    modulate_unit = UnrectifiedModulate


class SwappedGather(Gather):
    """Takes the lower part for the upper one."""

    def joined(self, lower: Value, upper: Value) -> Value:
        return Cat(upper, lower)


class SwappedNormEngine(NormEngine):
    gather_unit = SwappedGather


class SteepExponential(Exponential):
    """One entry of the table is one too small."""

    def table(self) -> tuple[int, ...]:
        table = list(super().table())
        table[9] -= 1
        return tuple(table)


class SteepSoftmaxEngine(SoftmaxEngine):
    exponential_unit = SteepExponential


class ForgetfulSoftmaxEngine(SoftmaxEngine):
    """Clears the maxima of the slot that is still to come."""

    def cleared_slot(self) -> Value:
        return ~super().cleared_slot()


class StickyRowMaximum(RowMaximum):
    """Never starts a row's maximum anew."""

    def clears(self, slot: int) -> Value:
        return Const(0)


NORM_ENGINES = {None: NormEngine, "no_rounding": UnroundedNormEngine, "shifted_table": ShiftedTableNormEngine,
                "no_rectifier": UnrectifiedNormEngine, "swapped": SwappedNormEngine}
SOFTMAX_ENGINES = {None: SoftmaxEngine, "steep_exponential": SteepSoftmaxEngine, "other_slot": ForgetfulSoftmaxEngine}
ROW_MAXIMA = {None: RowMaximum, "sticky": StickyRowMaximum}
