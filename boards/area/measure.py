"""Cells of a core by part: its lanes, its dense pairs, and every other unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict

from boards.area.modules import Counts, Design, Library, read_design
from boards.area.terms import DSP_PAIR, LANE, LUT_PAIR, MEMORIES
from boards.synthesis import KINDS
from golden.spec.hardware import HardwareConfig
from rtl.core import Core

ARRAY, GRID = "array", "grid"
MEMORY_SUFFIX = "_memory"
GROWING = (ARRAY, "softmax", "row_maximum")
"""Units that grow with the number of lanes; the others are mapped in whole cores alone."""
ONLY_GROWING = "growing"

Measured = dict
"""A synthesised core as it is kept: configuration, role, and cells by part; of lanes and of pairs, those of one."""


def measure(config: HardwareConfig, library: Library, say: Callable[[str], None], role: str,
            only_known: bool = False) -> Measured | None:
    """Synthesise a core, or of it only what grows with the lanes, by its role in ``boards.area.points``.

    With ``only_known`` None for a core that the library does not know wholly.
    """
    whole = role != ONLY_GROWING
    design = read_design(Core(config, family="ecp5"), "core")
    units = design.instances[design.top]
    wanted = [design.top] if whole else [units[name] for name in GROWING]
    if only_known and not library.knows(design, wanted):
        say(f"{config.name}: left out, as it is not synthesised")
        return None
    say(f"{config.name}: {library.add(design, wanted)} of {len(design.below(wanted))} modules mapped")
    return {"config": asdict(config), "role": role, "parts": parts(design, config, library, whole)}


def parts(design: Design, config: HardwareConfig, library: Library, whole: bool) -> dict[str, Counts]:
    """Cells by part; of all lanes, and of all pairs of a kind, which are alike, those of one."""
    units = {name: module for name, module in design.instances[design.top].items() if whole or name in GROWING}
    found: dict[str, Counter[str]] = {}
    array = units.pop(ARRAY)
    inside = dict(design.instances[array])
    grid = inside.pop(GRID)
    if whole:
        found = {"core": Counter(library.known[design.top].cells)}
    for name, module in units.items():
        found.setdefault(part_of(name), Counter()).update(library.total(module))
    found[ARRAY] = Counter(library.known[array].cells)
    for name, module in inside.items():
        found[f"{ARRAY}.{name}"] = library.total(module)
    found[f"{ARRAY}.{GRID}"] = Counter(library.known[grid].cells)
    for name, module in design.instances[grid].items():
        found[repeated(name, config)] = library.total(module)
    return {part: {kind: cells[kind] for kind in KINDS} for part, cells in sorted(found.items())}


def part_of(instance: str) -> str:
    """The part that a unit of the core belongs to: memories are one, queues of descriptors another."""
    if instance.endswith(MEMORY_SUFFIX):
        return MEMORIES
    return "queues" if instance.endswith("_queue") else instance


def repeated(instance: str, config: HardwareConfig) -> str:
    """Which kind of lane or pair an instance of the grid is."""
    kind, _, number = instance.partition("_")
    if kind == "lane":
        return LANE
    return DSP_PAIR if 2 * int(number) < config.dsp_lanes else LUT_PAIR

