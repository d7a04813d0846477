"""Shift right to a result that is narrower than what is shifted."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed


def narrowing_shift(m: Module, value: Value, amount: Value, bits: int, name: str) -> tuple[Value, Value]:
    """(the lowest ``bits`` bits of value >> amount, signed; whether the whole does not fit them).

    Combinational. The longer shifts come first, so that a level keeps only the bits that those after it can reach:
    about half the cells of a shift at full width. A value that does not fit a level's bits does not fit the result
    either, whatever the levels after it shift.
    """
    misfits = []
    for place in reversed(range(len(amount))):
        distance = 1 << place
        moved = Signal(signed(len(value)), name=f"{name}_by_{distance}")
        m.d.comb += moved.eq(Mux(amount[place], value >> distance, value))
        kept = min(len(moved), bits + distance - 1)    # the levels after this one shift by up to distance - 1
        misfits.append((moved[kept - 1:] != moved[-1].replicate(len(moved) - kept + 1)) if kept < len(moved) else 0)
        value = moved[:kept].as_signed()
    misfit = Signal(name=f"{name}_misfit")
    for found in misfits:
        with m.If(found):
            m.d.comb += misfit.eq(1)
    return value, misfit
