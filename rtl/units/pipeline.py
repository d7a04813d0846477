"""Pieces of pipelines: registered trees, chains of flags, priority."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Module, Mux, Shape, Signal, Value, ValueLike

from golden.spec.latency import TREE_FAN_IN


def pipelined_tree(m: Module, values: Sequence[Value], valid: Value, combine: Callable[[Sequence[Value]], Value],
                   name: str) -> tuple[Signal, Signal]:
    """Combine ``values`` in ``tree_stages`` registered stages; returns the result and its valid flag.

    A stage holds its registers while nothing valid enters it.
    """
    level = list(values)
    stage = 0
    while len(level) > 1:
        stage += 1
        entering = level
        level = []
        with m.If(valid):
            for i in range(0, len(entering), TREE_FAN_IN):
                value = combine(entering[i:i + TREE_FAN_IN])
                register = Signal(value.shape(), name=f"{name}_{stage}_{i // TREE_FAN_IN}", reset_less=True)
                m.d.sync += register.eq(value)
                level.append(register)
        valid = chain(m, valid, 1, f"{name}_valid_{stage}")[1]
    return level[0], valid


def total(values: Sequence[Value]) -> Value:
    """Sum, as wide as it has to be, balanced."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return total(values[:middle]) + total(values[middle:])


def largest(values: Sequence[Value]) -> Value:
    """Maximum, as wide as the values."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    low = largest(values[:middle])
    high = largest(values[middle:])
    maximum = Mux(low > high, low, high)
    return maximum.as_signed() if values[0].shape().signed else maximum.as_unsigned()


def chain(m: Module, value: ValueLike, stages: int, name: str, reset_less: bool = False) -> list[Value]:
    """``value`` and its copies 1 to ``stages`` cycles later, without enable."""
    copies = [Value.cast(value)]
    for stage in range(1, stages + 1):
        copy = Signal(Shape.cast(copies[0].shape()), name=f"{name}_{stage}", reset_less=reset_less)
        m.d.sync += copy.eq(copies[-1])
        copies.append(copy)
    return copies


def highest(m: Module, bits: Value, name: str) -> Signal:
    """Index of the highest bit that is set; 0 where none is."""
    index = Signal(range(max(2, len(bits))), name=name)
    for i in range(1, len(bits)):
        with m.If(bits[i]):
            m.d.comb += index.eq(i)
    return index
