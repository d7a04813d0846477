"""Every column is the circuit of its neighbour: for all time and all inputs, by induction.

Two copies of a unit get the same input, but the second copy's columns are turned by one: what comes in at column k of
the first comes in at column k - 1 of the second. Then what leaves column k of the first leaves column k - 1 of the
second, whatever the other columns get. Turned k times, column k of any input is column 0 of that input turned, so that
what ``requantise``, ``lane`` and ``lane_dot`` prove of column 0 holds for all.

The tools merge what is equal in both copies, so no width is too large; those of the configurations are tried.
"""

from __future__ import annotations

import dataclasses
from functools import partial

from amaranth.hdl import Assert, Cat, Module, Signal, Value
from amaranth.lib import wiring

from golden.spec.hardware import HardwareConfig
from rtl.array.multiply_accumulate import MultiplyAccumulate
from rtl.units.requantise import Requantise
from tests.formal.prove import SMALL, Monitor, Property, driven
from tests.formal.streams import domain, free_inputs

WIDTHS = (8, 16)
WIDE = {width: dataclasses.replace(SMALL, width=width) for width in WIDTHS}


def turned(value: Value, columns: int) -> Value:
    """The columns, the second one first and the first one last."""
    bits = len(value) // columns
    return Cat(value[bits:], value[:bits])


class ColumnsMonitor(Monitor):
    """Turns the ports that are named, and the output ``result``."""

    def __init__(self, config: HardwareConfig, ports: tuple[str, ...], result: str, unit: type) -> None:
        self.columns, self.ports, self.result = config.width, ports, result
        self.copies = [unit(config) for _ in range(2)]

    def claim(self, m: Module) -> None:
        one, other = self.copies
        first, second = (self.place(m, copy, name) for copy, name in ((one, "one"), (other, "other")))
        free_inputs(m, one)
        for path, member, value in one.signature.flatten(one):
            if member.flow == wiring.In:
                target, source = Value.cast(getattr(other, path[0])), Value.cast(value)
                m.d.comb += target.eq(turned(source, self.columns) if path[0] in self.ports else source)
        result, twin = (Value.cast(getattr(copy, self.result)) for copy in (one, other))
        m.d.comb += Assert(twin == turned(result, self.columns), "columns turned")
        for name, signal in second.items():     # what makes it inductive
            m.d.comb += Assert(signal == first[self.source(name, second)], "registers turned")

    def source(self, name: str, names: dict[str, Signal]) -> str:
        """The signal of the first copy that this one of the second is to be like."""
        stem, _, column = name.rpartition("_")
        if not all(f"{stem}_{each}" in names for each in range(self.columns)):
            return name     # all columns share it
        return f"{stem}_{(int(column) + 1) % self.columns}"

    def place(self, m: Module, unit: wiring.Component, name: str) -> dict[str, Signal]:
        """One copy; returns its registers."""
        body = unit.elaborate(None)
        unit._MustUse__used = True
        m.submodules[name] = body
        return {signal.name: signal for signal in body._driving if domain(body, signal) == "sync"}


class LeaningRequantise(Requantise):
    """Takes the bias of the last column but one for the last."""

    def column(self, m: Module, column: int, *others: object) -> None:
        super().column(m, column, *others)
        if column == self.config.width - 1:
            m.d.sync += driven(m, f"bias_1_{column}").eq(self.biases[column - 1] + self.half)


class LeaningMultiply(MultiplyAccumulate):
    """Forgets the last column's sum where it ends."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.sync += driven(m, f"total_{self.config.width - 1}").eq(0)
        return m


UNITS = {"requantise": (Requantise, ("sums", "multipliers", "biases"), "values", LeaningRequantise),
         "lane": (MultiplyAccumulate, ("row",), "sums", LeaningMultiply)}
"""Unit, its inputs that have columns, what leaves it, and the planted bug."""

PROPERTIES = [Property(f"{name}_columns_{width}", partial(ColumnsMonitor, config, ports, result), unit, (bug,), depth=2,
                       induction=True, quick=(name, width) == ("requantise", 8))
              for name, (unit, ports, result, bug) in UNITS.items() for width, config in WIDE.items()]
