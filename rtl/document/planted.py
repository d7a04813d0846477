"""Which benches a unit has, and which bugs are planted to show that they find them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from amaranth.lib import wiring

from rtl.document.units import hardware
from rtl.verilog import BUGS, UNITS

PLANTED = "rtl.bench.bugs"
DEPTH = 3
BENCHES = {"array_engine": "sim/bench_array.py", "descriptor_queue": "sim/bench_queue.py",
           "line_ram": "sim/bench_memory.py", "twin_ram": "sim/bench_memory.py", "part_ram": "sim/bench_memory.py",
           "step_ram": "sim/bench_memory.py", "verified_ram": "sim/bench_checked_ram.py",
           "checked_ram": "sim/bench_checked_ram.py",
           "dense_16": "sim/bench_dense.py", "sdram_store": "sim/bench_sdram.py",
           "matrix_product": "sim/gemm_bench.py", "axi_bridge": "sim/bench_axi.py",
           "wishbone_bridge": "sim/bench_wishbone.py"}
"""Benches that are not called as their unit."""
WHOLE = {"core": "sim/bench_core.py", "watched_array": "sim/bench_core.py", "watched_norm": "sim/bench_core.py",
         "top": "sim/bench_board.py", "axi_core": "sim/bench_bus.py", "wishbone_core": "sim/bench_bus.py"}
"""Components that no unit of ``rtl.verilog --unit`` is or holds, and whose bench draws with the whole core."""


@dataclass(frozen=True)
class Bug:
    """A planted bug: the unit of ``rtl.verilog --unit`` that has it, its name there, and what is wrong there."""

    unit: str
    name: str
    meaning: str


@dataclass(frozen=True)
class Bench:
    """A unit of ``rtl.verilog --unit``, with a small configuration that has it."""

    unit: str

    @property
    def file(self) -> str:
        """Path of its bench."""
        return BENCHES.get(self.unit, f"sim/bench_{self.unit}.py")

    @property
    def config(self) -> str:
        """Name of the configuration."""
        return "small_hybrid" if self.unit == "dense_pair" else "small"


def components(top: object, depth: int = DEPTH) -> Iterator[wiring.Component]:
    """A component and those that it holds when it is made."""
    if isinstance(top, wiring.Component):
        yield top
        held = vars(top).values()
    else:
        held = top.values() if isinstance(top, dict) else top if isinstance(top, list | tuple) else ()
    for value in held if depth else ():
        if isinstance(value, wiring.Component | dict | list | tuple):
            yield from components(value, depth - 1)


def kinds(holder: object) -> Iterator[type]:
    """The class of a component, or a class, and the classes with a planted bug that it is to be made of."""
    yield holder if inspect.isclass(holder) else type(holder)
    held = list(vars(holder).values()) + ([] if inspect.isclass(holder) else list(vars(type(holder)).values()))
    for part in held:
        if inspect.isclass(part) and part.__module__.startswith(PLANTED):
            yield from kinds(part)


def product(kind: type) -> type:
    """The class of the product that a planted one stands for."""
    return next(base for base in kind.__mro__ if not base.__module__.startswith("rtl.bench"))


def parts(unit: str, bug: str | None = None) -> list[wiring.Component]:
    """What a unit of the catalogue is made of."""
    return list(components(UNITS[unit](hardware(Bench(unit).config), bug)))


@cache
def benches() -> dict[type, list[Bench]]:
    """For each class of the product, the units of the catalogue that are it."""
    found: dict[type, list[Bench]] = {}
    for name in UNITS:
        for kind in dict.fromkeys(map(type, parts(name))):
            if not kind.__module__.startswith("rtl.bench"):
                found.setdefault(kind, []).append(Bench(name))
    return found


@cache
def bugs() -> dict[type, list[Bug]]:
    """For each class of the product, the bugs that are planted in it or in a part of it."""
    found: dict[type, list[Bug]] = {}
    for unit, names in BUGS.items():
        for name in names:
            wrong = [kind for part in parts(unit, name)
                     for kind in kinds(part) if kind.__module__.startswith(PLANTED)]
            told = [inspect.cleandoc(kind.__doc__).splitlines()[0] for kind in wrong if vars(kind).get("__doc__")]
            for kind in dict.fromkeys(map(product, wrong)):
                found.setdefault(kind, []).append(Bug(unit, name, told[-1]))
    return found

