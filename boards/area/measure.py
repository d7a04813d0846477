"""Cells of a core by part: its lanes, its dense pairs, and every other unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict

from boards.area import points
from boards.area.modules import Counts, Design, Library, read_design
from boards.area.terms import DSP_PAIR, LANE, LUT_PAIR
from boards.synthesis import KINDS
from golden.spec.hardware import HardwareConfig
from rtl.core import Core

WHOLE, GRID = "core", "array.grid"
OPENED = ("array", GRID)
"""Units whose own units are parts."""
QUEUES, QUEUE_SUFFIX = "queues", "_queue"

Measured = dict
"""A synthesised core as it is kept: configuration, role, and cells by part; of lanes and of pairs, those of one."""


def measure(config: HardwareConfig, library: Library, say: Callable[[str], None], role: str,
            only_known: bool = False) -> Measured | None:
    """Synthesise a core, or of it only the units that its role in ``boards.area.points`` asks for.

    With ``only_known`` None for a core that the library does not know wholly.
    """
    design = read_design(Core(config, family="ecp5"), "core")
    inside = units(design)
    chosen = [name for name in points.UNITS.get(role, (WHOLE,)) if name in inside]
    wanted = [inside[name] for name in chosen]
    if only_known and not library.knows(design, wanted):
        say(f"{config.name}: left out, as it is not synthesised")
        return None
    say(f"{config.name}: {library.add(design, wanted)} of {len(design.below(wanted))} modules mapped")
    return {"config": asdict(config), "role": role, "parts": parts(design, config, library, chosen)}


def units(design: Design) -> dict[str, str]:
    """Modules of the core, of its units, and of the array's and the grid's, by their dotted names below the core."""
    found = {WHOLE: design.top, **design.instances[design.top]}
    for parent in OPENED:
        found |= {f"{parent}.{name}": module for name, module in design.instances[found[parent]].items()}
    return found


def parts(design: Design, config: HardwareConfig, library: Library, chosen: Sequence[str]) -> dict[str, Counts]:
    """Cells by part, of ``chosen`` units and all inside them; of all lanes, which are alike, those of one, and of all
    pairs of a kind."""
    found: dict[str, Counter[str]] = {}
    opened = (WHOLE, *OPENED)
    for name, module in units(design).items():
        if not any(unit == WHOLE or f"{name}.".startswith(f"{unit}.") for unit in chosen):
            continue
        part = part_of(name, config)
        cells = Counter(library.known[module].cells) if name in opened else library.total(module)
        if part == QUEUES:
            cells += found.get(part, Counter())
        found[part] = cells
    return {part: {kind: cells[kind] for kind in KINDS} for part, cells in sorted(found.items())}


def part_of(unit: str, config: HardwareConfig) -> str:
    """The part that a unit belongs to: a kind of lane or pair; queues of descriptors are one, any other is its own."""
    if unit.startswith(f"{GRID}."):
        return repeated(unit.removeprefix(f"{GRID}."), config)
    return QUEUES if unit.endswith(QUEUE_SUFFIX) else unit


def repeated(instance: str, config: HardwareConfig) -> str:
    """Which kind of lane or pair an instance of the grid is."""
    kind, _, number = instance.partition("_")
    if kind == "lane":
        return LANE
    return DSP_PAIR if 2 * int(number) < config.dsp_lanes else LUT_PAIR
