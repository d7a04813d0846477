"""Every unit of the hardware: each component of ``rtl``, how one is made, and where it is used."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from amaranth.hdl import unsigned
from amaranth.lib import wiring

import rtl
from golden.spec.descriptors import Opcode
from golden.spec.hardware import HardwareConfig, load_hardware
from rtl.array.dense_grid import DenseGrid
from rtl.array.dense_lane import DenseLane, nibble_shape
from rtl.array.dense_pair import DenseMultiply
from rtl.array.multiplier import DSP_BITS, Multiplier
from rtl.array.packed import PackedMultiplier
from rtl.bench.catalogue_array import BENCH_MEMORIES
from rtl.control.engine import descriptor_layout
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.semaphores import Semaphores
from rtl.memory.burst_queue import BurstQueue
from rtl.memory.line_ram import LineRam
from rtl.memory.ram import Ram
from rtl.memory.twin_ram import TwinRam
from rtl.units.iterations import Iterations
from rtl.units.norm_control import NormReplay
from rtl.units.norm_engine import COUNT_BITS, longest_words
from rtl.units.reciprocal import Reciprocal
from rtl.units.reciprocal_square_root import ReciprocalSquareRoot
from rtl.units.sampler_step import SamplerStep
from rtl.units.square_sum import SquareSum
from rtl.units.update_sum import UpdateSum

REPOSITORY = Path(rtl.__file__).resolve().parents[1]
ROOMS = {"array": "Array", "units": "Arithmetic and engines", "memory": "Memories", "control": "Control",
         "bus": "Bus wrappers", "core": "The core"}
OUTSIDE = ("rtl.bench", "rtl.document")
"""Packages whose components are no part of the product."""

Maker = Callable[[HardwareConfig], wiring.Component]


def _square_sum(config: HardwareConfig) -> SquareSum:
    return SquareSum(config, longest_words(config))


INSTANCES: dict[type, tuple[Maker, str]] = {
    Ram: (lambda config: Ram(*config.memory_shapes["weight"]), "the weight store's"),
    TwinRam: (lambda config: TwinRam(*config.memory_shapes["residual"]), "the residual stream's"),
    LineRam: (lambda config: LineRam(*config.memory_shapes["normalised"], config.line_words),
              "the normalised memory's"),
    BurstQueue: (lambda config: BurstQueue(4, unsigned(8)), "four items of eight bits"),
    DescriptorQueue: (lambda config: DescriptorQueue(descriptor_layout(Opcode.NORM)), "the norm's"),
    Semaphores: (lambda config: Semaphores(), ""),
    Guard: (lambda config: Guard(config, BENCH_MEMORIES), "the bench's"),
    Multiplier: (lambda config: Multiplier(DSP_BITS, DSP_BITS), "the widest"),
    PackedMultiplier: (lambda config: PackedMultiplier(), ""),
    DenseLane: (lambda config: DenseLane(nibble_shape(config)), "4-bit operands"),
    DenseGrid: (lambda config: DenseGrid(nibble_shape(config), ["dsp"] * (config.lanes // 2)), "4-bit operands"),
    DenseMultiply: (lambda config: DenseMultiply(config, "dsp", "generic"), ""),
    Iterations: (lambda config: Iterations(COUNT_BITS), "the norm's"),
    NormReplay: (lambda config: NormReplay(), ""),
    SquareSum: (_square_sum, "the norm's"),
    ReciprocalSquareRoot: (lambda config: ReciprocalSquareRoot(len(_square_sum(config).total)), "the norm's"),
    Reciprocal: (lambda config: Reciprocal(12), "totals of 12 bits"),
    SamplerStep: (lambda config: SamplerStep(), ""),
    UpdateSum: (lambda config: UpdateSum(), ""),
}
"""Components that are made of something else than a configuration: how, and which of them the ports are given of."""


@dataclass(frozen=True)
class Unit:
    """A component of the hardware."""

    kind: type[wiring.Component]

    @property
    def name(self) -> str:
        """Words of the class's name, joined: the page's name."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.kind.__name__).lower()

    @property
    def title(self) -> str:
        """Words of the class's name."""
        return self.name.replace("_", " ").capitalize()

    @property
    def summary(self) -> str:
        """First sentence of its docstring, on one line."""
        return " ".join(self.doc.split("\n\n")[0].split()).replace("``", "`")

    @property
    def file(self) -> str:
        """Path of its source."""
        return self.kind.__module__.replace(".", "/") + ".py"

    @property
    def room(self) -> str:
        """Folder in ``rtl``, or ``core``."""
        return self.kind.__module__.split(".")[1]

    @property
    def doc(self) -> str:
        """Its docstring."""
        return inspect.getdoc(self.kind) or ""

    @property
    def instance(self) -> str:
        """Which instance the ports are those of; empty where there is only one."""
        return INSTANCES[self.kind][1] if self.kind in INSTANCES else ""

    @property
    def configs(self) -> tuple[str, str]:
        """Names of a small and of a usual configuration that have the unit."""
        return ("small_hybrid", "hybrid") if self.name.startswith("dense") else ("small", "default")

    def make(self, config: str) -> wiring.Component:
        """One of them for a configuration of ``configs/``."""
        loaded = hardware(config)
        return INSTANCES[self.kind][0](loaded) if self.kind in INSTANCES else self.kind(loaded)


@cache
def hardware(name: str) -> HardwareConfig:
    """A configuration of ``configs/``."""
    return load_hardware(REPOSITORY / "configs" / f"{name}.toml")


def _modules() -> list[str]:
    names = (module.name for module in pkgutil.walk_packages(rtl.__path__, "rtl."))
    return [name for name in names if not name.startswith(OUTSIDE)]


@cache
def units() -> tuple[Unit, ...]:
    """Every component of the product, by room and name."""
    found = [Unit(kind) for name in _modules()
             for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass)
             if issubclass(kind, wiring.Component) and kind.__module__ == name]
    strange = sorted({unit.file for unit in found if unit.room not in ROOMS})
    if strange:
        raise ValueError(f"{strange[0]} lies in no room of rtl.document.units.ROOMS; add its folder there")
    return tuple(sorted(found, key=lambda unit: (list(ROOMS).index(unit.room), unit.name)))


@cache
def users() -> dict[type, list[Unit]]:
    """The units that name a component other than for one of its numbers, and so are made of it."""
    found: dict[type, list[Unit]] = {}
    for unit in units():
        names = vars(importlib.import_module(unit.kind.__module__))
        for used in sorted(_named(inspect.getsource(unit.kind)) - {unit.kind.__name__}):
            kind = names.get(used)
            if inspect.isclass(kind) and issubclass(kind, wiring.Component) and kind is not wiring.Component:
                found.setdefault(kind, []).append(unit)
    return found


def _named(source: str) -> set[str]:
    """Names that a class uses, those left out of which it takes only a constant."""
    tree = ast.parse(source)
    constants = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.isupper()}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in constants}
