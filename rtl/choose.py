"""Choice of one value among many."""

from __future__ import annotations

from amaranth.hdl import Mux, Value


def choose(values: list[Value], index: Value) -> Value:
    """``values[index]``, 0 past the end, as a balanced tree of two-way choices: half the cells of a switch."""
    if not values:
        return Value.cast(0)
    if len(index) == 0:
        return values[0]
    half = 1 << (len(index) - 1)
    return Mux(index[-1], choose(values[half:], index[:-1]), choose(values[:half], index[:-1]))
