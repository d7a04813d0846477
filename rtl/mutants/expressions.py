"""What can be wrong with an expression: each mutant of one node of it, its operands untouched.

Every variant has the width and sign of the original, cut or extended where its own differ.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Shape, Value
from amaranth.hdl._ast import Concat, Operator, Part, Slice, SwitchValue

from rtl.mutants.text import joined, text

BOUNDS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
COMPARISONS = ("==", "!=", *BOUNDS)
LOGIC = {"&": "|", "|": "&", "^": "|", "r|": "r&", "r&": "r|"}


@dataclass(frozen=True)
class Variant:
    """One thing that could be wrong: its mutation operator, what changes, and the changed value."""

    operator: str
    change: str
    make: Callable[[], Value]


def fit(value: Value, shape: Shape) -> Value:
    """``value`` cut or extended to a shape."""
    value = Value.cast(value)
    if len(value) > shape.width:
        value = value[:shape.width]
    elif len(value) < shape.width:
        top = value[-1] if len(value) and value.shape().signed else Const(0, 1)
        value = joined([value, top.replicate(shape.width - len(value))])
    return value.as_signed() if shape.signed else value.as_unsigned()


def with_bit(value: Value, bit: int, level: int) -> Value:
    """``value`` with one bit stuck."""
    return fit(joined([value[:bit], Const(level, 1), value[bit + 1:]]), value.shape())


def stuck(value: Value, width: int, where: str, operator: str) -> Iterator[Variant]:
    """A stuck bit of what is assigned to ``width`` bits: the top one, and one that the target's name picks."""
    width = min(width, len(value))
    for bit in dict.fromkeys((width - 1, zlib.crc32(where.encode()) % width) if width else ()):
        for level in (0, 1):
            yield Variant(operator, f"bit {bit} of {text(value)} stuck at {level}",
                          lambda bit=bit, level=level: with_bit(value, bit, level))


def variants(value: Value) -> Iterator[Variant]:
    """What could be wrong with this node; nothing for a signal or a constant."""
    if isinstance(value, Operator):
        yield from _of_operator(value)
    elif isinstance(value, Slice):
        yield from _of_slice(value)
    elif isinstance(value, Part):
        offset = value.offset
        yield Variant("off by one", f"{text(value)}: the part after it",
                      lambda: Part(value.value, fit(offset + 1, offset.shape()), value.width, value.stride))
    elif isinstance(value, Concat):
        yield from _of_concat(value)
    elif isinstance(value, SwitchValue):
        yield from _of_choice(value)


def constant(value: Const, width: int) -> Iterator[Variant]:
    """A constant that is assigned to ``width`` bits, one more than it should be; of one bit, the other one."""
    if min(width, len(value)):
        yield Variant("constant", f"{value.value} becomes {value.value + 1}, cut to {len(value)} bits",
                      lambda: fit(Const(value.value + 1), value.shape()))


def _of_operator(value: Operator) -> Iterator[Variant]:
    name, operands = value.operator, value.operands
    if len(operands) == 1:
        yield from _of_prefix(value)
        return
    left, right = operands

    def changed(kind: str, operator: str, first: Value = left, second: Value = right) -> Variant:
        after = Operator(operator, [first, second])
        return Variant(kind, f"{text(value)} becomes {text(after)}", lambda: after)

    if name in BOUNDS:
        yield changed("off by one", BOUNDS[name])
    if name in ("==", "!="):
        yield changed("comparison", "!=" if name == "==" else "==")
    if name in COMPARISONS or name in ("+", "-"):
        for place, operand in enumerate(operands):
            if isinstance(operand, Const):
                for step in (1, -1) if name in COMPARISONS else (1,):
                    other = Const(operand.value + step)
                    yield changed("off by one", name, *((other, right) if place == 0 else (left, other)))
    if name in BOUNDS or name == "-":
        yield changed("operands", name, right, left)
    if name in ("+", "-"):
        yield changed("arithmetic", "-" if name == "+" else "+")
    elif name == "*":
        yield changed("arithmetic", "+")
    elif name in ("<<", ">>"):
        yield changed("arithmetic", ">>" if name == "<<" else "<<")
        yield changed("off by one", name, left, fit(right + 1, right.shape()))
    elif name in LOGIC:
        yield changed("logic", LOGIC[name])


def _of_prefix(value: Operator) -> Iterator[Variant]:
    operand, = value.operands
    if value.operator in ("~", "-"):
        kind = "logic" if value.operator == "~" else "arithmetic"
        yield Variant(kind, f"{text(value)} becomes {text(operand)}", lambda: operand)
    elif value.operator in LOGIC and len(operand) > 1:
        after = Operator(LOGIC[value.operator], [operand])
        yield Variant("logic", f"{text(value)} becomes {text(after)}", lambda: after)


def _of_slice(value: Slice) -> Iterator[Variant]:
    step = 1 if value.stop < len(value.value) else -1 if value.start else 0
    if step and value.stop > value.start:
        after = Slice(value.value, value.start + step, value.stop + step)
        yield Variant("off by one", f"{text(value)} becomes {text(after)}", lambda: after)


def _of_concat(value: Concat) -> Iterator[Variant]:
    parts = list(value.parts)
    if len(parts) > 1 and repr(parts[0]) != repr(parts[1]):
        after = Cat(parts[1], parts[0], *parts[2:])
        yield Variant("operands", f"{text(value)} with its first two parts swapped", lambda: after)


def _of_choice(value: SwitchValue) -> Iterator[Variant]:
    cases = list(value.cases)
    if len(cases) > 1:
        turned = [case for _, case in cases[1:] + cases[:1]]
        after = SwitchValue(value.test, [(patterns, case) for (patterns, _), case in zip(cases, turned, strict=True)])
        yield Variant("operands", f"{text(value)} with its choices one place on", lambda: after)
    if len(value.test) == 1:
        for level in (0, 1):
            after = SwitchValue(Const(level, 1), cases)
            yield Variant("condition", f"{text(value)} with its condition stuck at {level}", lambda after=after: after)
