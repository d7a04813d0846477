"""The import rules between the rooms of the house, read from the source without running it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

# The most specific room wins. The standard library is always allowed; "tests" may import anything.
ALLOWED: dict[str, set[str]] = {
    "golden.spec": {"golden.spec"},
    "golden": {"golden", "torch", "numpy", "numba", "safetensors", "tqdm", "PIL"},
    "golden.quality": {"golden", "torch", "numpy", "safetensors", "tqdm", "matplotlib"},
    "rtl": {"rtl", "golden.spec", "amaranth"},
    "rtl.document": {"rtl", "golden.spec", "amaranth", "jinja2", "wavedrom"},  # makes pages; no hardware uses it
    # cocotbext: a third party's models of buses, which the core is tried with
    "sim": {"sim", "golden", "boards.host", "cocotb", "cocotb_tools", "cocotbext", "numpy", "PIL", "tqdm", "pytest"},
    # the report page: a template and plots, both by libraries
    "sim.page": {"sim", "golden.spec", "numpy", "matplotlib", "jinja2"},
    # jinja2: scripts for the vendors' tools are templates.
    "boards": {"boards", "rtl", "golden.spec", "amaranth", "amaranth_boards", "jinja2"},
    # fits a model of area to synthesis: least squares
    "boards.area": {"boards", "rtl", "golden.spec", "amaranth", "numpy"},
    # joins the area model and the compiler's timing of a trained model; the only room with Optuna and Dask
    "boards.explore": {"boards.explore", "boards.area", "boards.report", "boards.catalogue", "boards.board", "golden",
                       "numpy", "torch", "optuna", "dask", "matplotlib", "tqdm"},
    # the port itself, and what a person at it sees: progress and a picture
    "boards.host": {"boards.host", "golden.spec", "golden.compile", "serial", "tqdm", "PIL"},
}
FOLDERS = ("golden", "rtl", "sim", "boards", "tests")
LONGEST_FILE = 350
DYNAMIC_IMPORTS = ("import_module", "__import__")


def python_files(root: Path, folders: tuple[str, ...] = FOLDERS) -> list[Path]:
    """Every Python file of the project, caches left out."""
    files = (file for folder in folders for file in (root / folder).rglob("*.py"))
    return sorted(file for file in files if "__pycache__" not in file.parts)


def violations(root: Path) -> list[str]:
    """One line for every import that its room does not allow."""
    return [
        f"{file.relative_to(root)}:{line}: {room} may not import {name}"
        for file in python_files(root, tuple({name.split(".")[0] for name in ALLOWED}))
        for room in [room_of(module_name(root, file))]
        for line, name in imports(root, file)
        if not is_allowed(room, name)
    ]


def module_name(root: Path, file: Path) -> str:
    """Dotted name; a package's own file is ``<package>.__init__``."""
    return ".".join(file.relative_to(root).with_suffix("").parts)


def room_of(module: str) -> str:
    """The room that a module is in.

    A package's ``__init__`` runs before any module inside it, so it answers to the strictest room below it:
    ``golden/__init__.py`` to ``golden.spec``.
    """
    package = module.removesuffix(".__init__")
    if package != module:
        inner = [room for room in ALLOWED if room.startswith(f"{package}.")]
        if inner:
            return min(inner, key=lambda room: len(ALLOWED[room]))
    return max((room for room in ALLOWED if is_within(module, room)), key=len)


def is_within(name: str, package: str) -> bool:
    """Whether a dotted name is the package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def is_allowed(room: str, name: str) -> bool:
    """Whether a room may import this dotted name."""
    if name.split(".")[0] in sys.stdlib_module_names:
        return True
    return any(is_within(name, package) for package in ALLOWED[room])


def imports(root: Path, file: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything a file imports, wherever in the file it does.

    ``from a import b`` yields ``a.b``, as ``b`` may be a module.
    """
    package = module_name(root, file).split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(), filename=str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = [*base, *(node.module.split(".") if node.module else [])]
            yield from ((node.lineno, ".".join([*prefix, alias.name])) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in DYNAMIC_IMPORTS and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def long_files(root: Path) -> list[str]:
    """One line for every file that has become too long to read at once."""
    counts = ((file, len(file.read_text().splitlines())) for file in python_files(root))
    return [f"{file.relative_to(root)}: {count} lines, the limit is below {LONGEST_FILE}"
            for file, count in counts if count >= LONGEST_FILE]
