"""A component's ports: direction, width, and what the comment behind each says."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from amaranth.hdl import Shape
from amaranth.lib import data, wiring

from golden.spec import latency
from rtl.document.recording import joined
from rtl.document.units import Unit
from rtl.memory.ports import READ_LATENCY, LineReadPort, ReadPort, WritePort

COMMENT = re.compile(r'"(?P<name>\w+)": (?:In|Out)\(.*\),\s+# (?P<text>.*)$', re.MULTILINE)
HANDSHAKE = {
    "available": "semaphores towards this engine that are above zero, a bit for each engine",
    "take": "those that it lowers", "give": "those of it towards others that it raises",
    "busy": "an iteration is at work", "idle": "nothing at all is in flight"}
"""What ``rtl.control.engine.engine_members`` says of the ports that every engine has."""
MEMORY_PORTS = {ReadPort: f"reads a memory; data {READ_LATENCY} cycles later",
                LineReadPort: f"reads a line of a memory; data {READ_LATENCY} cycles later",
                WritePort: "writes a memory"}
CONSTANT = re.compile(r"\b[A-Z][A-Z_0-9]{3,}\b")


@dataclass(frozen=True)
class Port:
    """One signal of a unit: name, ``in`` or ``out``, bits in both configurations, meaning."""

    name: str
    direction: str
    bits: tuple[int, ...]
    meaning: str


@dataclass(frozen=True)
class Constant:
    """A number that the contract names."""

    name: str
    value: int


def ports(unit: Unit) -> list[Port]:
    """All ports of a unit; those of a memory's or a stream's port one by one."""
    told = {match["name"]: match["text"] for match in COMMENT.finditer(inspect.getsource(unit.kind))}
    first, second = map(unit.make, unit.configs)
    members = first.signature.members
    told = (HANDSHAKE if "descriptor" in members else {}) | told
    widths = [{path: Shape.cast(member.shape).width for path, member, _ in made.signature.flatten(made)}
              for made in (first, second)]
    return [Port(joined(path), "in" if member.flow is wiring.In else "out",
                 tuple(width[path] for width in widths), meaning(path, member.shape, members[path[0]], told))
            for path, member, _ in first.signature.flatten(first)]


def meaning(path: tuple, shape: object, member: wiring.Member, told: dict[str, str]) -> str:
    """What is said of a port: its comment, what kind of memory's port it begins, or its parts."""
    said = [told[path[0]]] if path[0] in told and path[-1] in (path[0], "enable", "valid") else []
    if path[-1] == "enable" and not member.is_port:
        said += [text for kind, text in MEMORY_PORTS.items() if isinstance(member.signature, kind)]
    return "; ".join(filter(None, [*said, parts(shape, member)]))


def parts(shape: object, member: wiring.Member) -> str:
    """Fields of a structure, or elements of an array."""
    if isinstance(shape, data.StructLayout):
        if "wait_first" in dict(shape):
            return "a descriptor as it is issued ([contract](../contract.md))"
        return "fields, the lowest first: " + ", ".join(
            f"`{name}` {Shape.cast(field.shape).width}" for name, field in shape)
    if isinstance(shape, data.ArrayLayout):
        return f"{shape.length} × {Shape.cast(shape.elem_shape).width}" + signedness(shape.elem_shape)
    return "signed" if isinstance(shape, Shape) and shape.signed else ""


def signedness(shape: object) -> str:
    """Said of signed elements only."""
    return ", signed" if isinstance(shape, Shape) and shape.signed else ""


def constants(unit: Unit) -> list[Constant]:
    """Numbers that the docstring names, and those of the class, with their values; some are the timing model's."""
    module = inspect.getmodule(unit.kind)
    names = [*CONSTANT.findall(unit.doc), *(name for name in vars(unit.kind) if CONSTANT.fullmatch(name))]
    values = {name: next((getattr(where, name) for where in (unit.kind, module, latency) if hasattr(where, name)), None)
              for name in names}
    return [Constant(name, value) for name, value in values.items() if isinstance(value, int)]


def references(unit: Unit) -> list[str]:
    """Functions and modules of ``golden`` that the docstring names."""
    return list(dict.fromkeys(re.findall(r"golden\.(?:integer|spec)[\w.]*\w", unit.doc)))
