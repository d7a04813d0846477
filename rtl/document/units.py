"""Every unit of the hardware: each component of ``rtl``, how one is made, and where it is used."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from amaranth.lib import wiring

import rtl
from golden.spec.hardware import HardwareConfig, load_hardware
from rtl.document.instances import INSTANCES

REPOSITORY = Path(rtl.__file__).resolve().parents[1]
ROOMS = {"array": "Array", "units": "Arithmetic and engines", "memory": "Memories", "control": "Control",
         "link": "Serial link", "bus": "Buses", "core": "The core and a board's top level"}
"""Folder in ``rtl``, or ``core`` for what lies beside the folders -> its heading."""
ABBREVIATIONS = ("axi", "ram", "uart")
OUTSIDE = ("rtl.bench", "rtl.document")
"""Packages whose components are no part of the product."""

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
        """Words of the class's name, abbreviations in capitals."""
        words = self.name.capitalize().split("_")
        return " ".join(word.upper() if word.lower() in ABBREVIATIONS else word for word in words)

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
        """Folder in ``rtl``, or ``core`` for a file beside the folders."""
        folders = self.kind.__module__.split(".")[1:-1]
        return folders[0] if folders else "core"

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
    """Names that a class's body uses, not what it is derived from; those left out of which it takes only a constant."""
    nodes = [node for part in ast.parse(source).body[0].body for node in ast.walk(part)]
    constants = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and node.attr.isupper()}
    return {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in constants}
