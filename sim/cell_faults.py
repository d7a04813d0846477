"""Planted faults of cells after synthesis: one bit of a look-up table flipped, or a flip-flop's enable ignored.

The faults lie in the simulator side by side, all asleep; ``+fault=<number>`` wakes one of them, so that many are tried
with one build.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLE = re.compile(r"^  LUT4 #\(\n    \.INIT\(16'h([0-9a-fA-F]{4})\)\n  \) (\S+) ", re.MULTILINE)
FLIP_FLOP = re.compile(r'^  TRELLIS_FF #\(\n    \.CEMUX\("CE"\),(?:\n    \.[A-Z]+\("[A-Z_]+"\),?)+\n  \) (\S+) ',
                       re.MULTILINE)
MODULE = re.compile(r"^module (\S+)[ (]", re.MULTILINE)
TABLE_BITS = 16
MODELS = Path(__file__).with_name("faulty_cells.v")


@dataclass(frozen=True)
class CellFault:
    """One fault: its number, and what is wrong where."""

    number: int
    kind: str
    what: str

    @property
    def plusarg(self) -> str:
        """Argument of the simulator that wakes it."""
        return f"+fault={self.number}"


def with_faults(verilog: str, count: int, seed: int) -> tuple[str, list[CellFault]]:
    """The same cells and ``count`` faults that are asleep, half of them of look-up tables; which follows ``seed``.

    Raises ``ValueError`` where there are fewer cells of a kind than faults are wanted.
    """
    generator = random.Random(seed)
    tables, flip_flops = list(TABLE.finditer(verilog)), list(FLIP_FLOP.finditer(verilog))
    wanted = (count + 1) // 2, count // 2
    for found, number, kind in zip((tables, flip_flops), wanted, ("look-up tables", "flip-flops with an enable"),
                                   strict=True):
        if len(found) < number:
            raise ValueError(f"there are {len(found)} {kind} for {number} faults; ask for fewer")
    chosen = [*generator.sample(tables, wanted[0]), *generator.sample(flip_flops, wanted[1])]
    faults, changes = [], []
    for number, cell in enumerate(chosen):
        is_table = cell.re is TABLE
        bit = generator.randrange(TABLE_BITS) if is_table else 0
        head = (f"  FAULTY_LUT4 #(\n    .NUMBER({number}), .FLIPPED(16'h{1 << bit:04x})," if is_table
                else f"  FAULTY_FF #(\n    .NUMBER({number}),")
        changes.append((cell.start(), head))
        name = cell[cell.re.groups].removeprefix("\\")
        where = f"{module_of(verilog, cell.start())}/{name}"
        faults.append(CellFault(number, *(("table", f"bit {bit} of {where}") if is_table
                                          else ("enable", f"enable of {where}"))))
    text = "".join(changed(verilog, sorted(changes)))
    return "\n".join([text, MODELS.read_text(encoding="utf-8")]) if count else verilog, faults


def changed(verilog: str, changes: list[tuple[int, str]]) -> Iterator[str]:
    """The text with the first line of some cells replaced, given by their places in order."""
    done = 0
    for start, head in changes:
        yield verilog[done:start]
        yield head
        done = verilog.index("\n", start)
    yield verilog[done:]


def module_of(verilog: str, place: int) -> str:
    """Name of the module that the text at ``place`` belongs to."""
    start = verilog.rfind("\nmodule ", 0, place) + 1
    found = MODULE.match(verilog, start)
    return found[1].removeprefix("\\") if found else ""
