"""The rules of streams, for any unit; ``stream_units`` applies them to every stream port of the hardware.

*stands* (by induction): what a unit offers, it offers again with the same payload until it is taken. Assumed: so does
what is offered to it, and what the ``StreamUnit`` says.

*defined* (bounded): two copies of a unit begin with any registers and memories that a reset leaves as they were, not
the same ones, and then see the same inputs. Both offer and take in the same cycles, and what is offered is the same: no
value that is unknown after a start reaches a stream. In one cycle the ready of one port may differ: what is offered
there does not depend on it, so no two units wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import wiring

from rtl.control.registers import REQUEST_LAYOUT
from tests.formal.prove import Monitor, fixed, free, inside, previous


@dataclass(frozen=True)
class Stream:
    """One stream of a component."""

    name: str
    is_output: bool     # the component offers
    valid: Value
    ready: Value
    payload: Value


def streams(unit: wiring.Component) -> list[Stream]:
    """Every stream of a component: of Amaranth, and channels of AXI, whose names end in ``valid`` and ``ready``."""
    leaves = {"_".join(map(str, path)): (member.flow, counted(member, value))
              for path, member, value in unit.signature.flatten(unit)}
    found = []
    for name, (flow, valid) in leaves.items():
        stem = name.removesuffix("valid")
        if stem == name or f"{stem}ready" not in leaves:
            continue
        payload = [value for other, (way, value) in leaves.items()
                   if other.startswith(stem) and way == flow and other != name]
        found.append(Stream(stem.rstrip("_"), flow == wiring.Out, valid, leaves[f"{stem}ready"][1], Cat(payload)))
    return found


def counted(member: wiring.Member, value: object) -> Value:
    """What counts of a port: the data of a request to read mean nothing."""
    if member.shape == REQUEST_LAYOUT:
        return Cat(value.write, value.address, Mux(value.write, value.data, 0))
    return Value.cast(value)


def free_inputs(m: Module, unit: wiring.Component) -> None:
    """Anything at every input."""
    free(m, *(value for _, member, value in unit.signature.flatten(unit) if member.flow == wiring.In))


def follow_rules(m: Module, unit: wiring.Component) -> None:
    """Assume that what is offered to a unit stands still until it takes it."""
    for port in streams(unit):
        if not port.is_output:
            m.d.comb += Assume(stands_still(m, port))


def stands_still(m: Module, port: Stream) -> Value:
    """Whether what was offered and not taken is offered again."""
    waiting = previous(m, port.valid & ~port.ready)
    offered = previous(m, port.payload)
    return ~waiting | (port.valid & (port.payload == offered))


@dataclass(frozen=True)
class StreamUnit:
    """A unit with streams, and what its surroundings do for it."""

    make: Callable[[type], wiring.Component]
    assume: Callable[[Module, wiring.Component], object] = lambda m, unit: None
    strengthen: Callable[[Module, wiring.Component, dict[str, Signal], object], None] = lambda m, unit, own, seen: None
    """What makes it inductive, of the unit's own signals and of what ``assume`` returned."""
    excuse: Callable[[wiring.Component], Value] = lambda unit: Value.cast(0)
    """High in a cycle after which nothing needs to be offered again."""
    depth: int = 4
    defined_depth: int = 6
    quick: bool = True
    bugs: tuple[type, ...] = ()
    restarts: bool = True
    """It is defined after a reset whatever it held before; else, as it never is reset, only after configuration."""


class StandsMonitor(Monitor):
    """What a unit offers stands still."""

    def __init__(self, case: StreamUnit, kind: type) -> None:
        self.case, self.unit = case, case.make(kind)

    def claim(self, m: Module) -> None:
        unit = self.unit
        own = inside(m, unit)
        free_inputs(m, unit)
        follow_rules(m, unit)
        self.case.strengthen(m, unit, own, self.case.assume(m, unit))
        excused = previous(m, self.case.excuse(unit))
        for port in streams(unit):
            if port.is_output:
                m.d.comb += Assert(excused | stands_still(m, port), f"{port.name} stands still")


class DefinedMonitor(Monitor):
    """Two copies that differ in what a reset leaves."""

    def __init__(self, case: StreamUnit, kind: type) -> None:
        self.case = case
        self.copies = [case.make(kind) for _ in range(2)]

    def claim(self, m: Module) -> None:
        first = Signal(init=1)      # the reset
        m.d.sync += first.eq(0)
        for number, copy in enumerate(self.copies):
            m.submodules[f"copy_{number}"] = ResetInserter(first)(copy)
        one, other = self.copies
        free_inputs(m, one)
        follow_rules(m, one)
        self.case.assume(m, one)
        ports = list(zip(streams(one), streams(other), strict=True))
        chosen = fixed(m, "chosen", range(len(ports) + 1))
        differ, over = Signal(), Signal()    # ready of the chosen port differs now; it did before
        free(m, differ)
        m.d.sync += over.eq(over | differ)
        own_ready = {id(port.ready): number for number, (port, _) in enumerate(ports) if port.is_output}
        pairs = zip(one.signature.flatten(one), other.signature.flatten(other), strict=True)
        for (_, member, source), (_, _, target) in pairs:
            if member.flow == wiring.In:
                number = own_ready.get(id(Value.cast(source)))
                flipped = 0 if number is None else differ & (chosen == number)
                m.d.comb += Value.cast(target).eq(Value.cast(source) ^ flipped)
        for number, (port, twin) in enumerate(ports):
            checked = ~over & ~first & (~differ | (chosen == number))
            if port.is_output:
                same = (port.valid == twin.valid) & (~port.valid | (port.payload == twin.payload))
            else:
                same = (port.ready == twin.ready) | differ
            m.d.comb += Assert(~checked | same, f"{port.name} is defined")


def withdrawing(kind: type) -> type:
    """The same unit, but what it offers and nobody takes at once is not offered again in the next cycle."""
    def elaborate(self: wiring.Component, platform: object) -> Module:
        m = kind.elaborate(self, platform)
        port = next(port for port in streams(self) if port.is_output)
        refused = Signal()      # in this cycle, or for a port without a register in the one before
        waiting = port.valid & ~port.ready
        if domain(m, port.valid) == "comb":
            m.d.sync += refused.eq(waiting)
        else:
            m.d.comb += refused.eq(waiting)
        silence(m, port.valid, refused)
        return m
    return type(f"Withdrawing{kind.__name__}", (kind,), {"elaborate": elaborate})


def unsure(kind: type) -> type:
    """The same unit, but one of its ports is silent at times, by a register that a reset does not clear."""
    def elaborate(self: wiring.Component, platform: object) -> Module:
        m = kind.elaborate(self, platform)
        port = next(iter(sorted(streams(self), key=lambda port: not port.is_output)))
        mood = Signal(reset_less=True)
        m.d.sync += mood.eq(mood ^ port.valid)
        silence(m, port.valid if port.is_output else port.ready, mood)
        return m
    return type(f"Unsure{kind.__name__}", (kind,), {"elaborate": elaborate})


def hesitant(kind: type) -> type:
    """The same unit, but it offers only what is taken at once."""
    def elaborate(self: wiring.Component, platform: object) -> Module:
        m = kind.elaborate(self, platform)
        port = next(port for port in streams(self) if port.is_output and domain(m, port.valid) == "comb")
        silence(m, port.valid, ~port.ready)
        return m
    return type(f"Hesitant{kind.__name__}", (kind,), {"elaborate": elaborate})


def domain(m: Module, signal: Signal) -> str:
    """Where a module drives a signal."""
    return m._driving[signal][0]


def silence(m: Module, signal: Signal, when: Value) -> None:
    """Drive 0 in ``when``, in place of what the module drives; of a register, from the next cycle on."""
    with m.If(when):
        m.d[domain(m, signal)] += signal.eq(0)
