"""Short texts of Amaranth values, which name a mutant; the same source gives the same text."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Signal, Value
from amaranth.hdl._ast import Concat, Operator, Part, Slice, SwitchValue

DEPTH = 4
"""Operators within operators that are still written out."""
LONGEST = 90
PREFIXES = {"~": "~", "-": "-", "b": "any ", "r|": "any ", "r&": "all ", "r^": "parity ", "u": "", "s": "signed "}


def text(value: Value, depth: int = DEPTH) -> str:
    """The value as an expression, with dots for what is nested too deep or goes on for too long."""
    words = _text(value, depth)
    return words if len(words) <= LONGEST else words[:LONGEST - 3] + "..."


def _text(value: Value, depth: int) -> str:
    if isinstance(value, Signal):
        return value.name
    if isinstance(value, Const):
        return str(value.value)
    if not depth:
        return "..."
    below = depth - 1
    if isinstance(value, Operator):
        return _operator(value, below)
    if isinstance(value, Slice):
        span = f"{value.start}" if value.stop == value.start + 1 else f"{value.start}:{value.stop}"
        return f"{_text(value.value, below)}[{span}]"
    if isinstance(value, Part):
        return f"{_text(value.value, below)}[{_text(value.offset, below)}*{value.stride} +: {value.width}]"
    if isinstance(value, Concat):
        return f"Cat({', '.join(_text(part, below) for part in value.parts[:3])}{', ...' * (len(value.parts) > 3)})"
    if isinstance(value, SwitchValue):
        cases = [_text(case, below) for _, case in value.cases[:3]]
        return f"choose({_text(value.test, below)}; {', '.join(cases)}{', ...' * (len(value.cases) > 3)})"
    return type(value).__name__


def _operator(value: Operator, depth: int) -> str:
    operands = [_text(operand, depth) for operand in value.operands]
    if len(operands) == 1:
        return f"{PREFIXES.get(value.operator, value.operator)}{operands[0]}"
    return f"({f' {value.operator} '.join(operands)})"


def target(lhs: Value) -> str:
    """What an assignment drives; a part of a signal with its bits."""
    return text(lhs)


def joined(bits: list[Value]) -> Value:
    """Bits as one value, lowest first, the empty parts left out."""
    return Cat(part for part in bits if len(part))
