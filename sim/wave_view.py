"""View files beside a waveform: what to show, in which order, with names for values. For GTKWave and for Surfer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from golden.spec.descriptors import SEMAPHORE_BITS, Engine
from sim.recorder import TOP
from sim.wave_signals import PREFIX, Names, Signal, enumerations, view_signals, width

GTKWAVE_FILE, SURFER_FILE = "view.gtkw", "view.sucl"
NAMES_FOLDER, MAPPINGS_FOLDER = "names", ".surfer/mappings"
ROOT = TOP
SHOWN = ("count", "words", "rows", "slot", "base", "left_base", "destination_base", "residual_base", "table_base")
"""Fields of descriptors that are shown beside those whose values have names."""
HEXADECIMAL, DECIMAL, BIT, DIVIDER = "@22", "@24", "@28", "@200"
TRANSLATED, ENUMERATION = "@2022", "@100000028"
"""Flags of GTKWave's save files, as it writes them itself: names from a file, which it ignores where the waveform has
an enumeration of its own; and those names."""
PIXELS, FRAME = 900, 200
"""Width of the waves; and of what GTKWave's zoom counts: a zoom of -z shows 2^z units of time in so many pixels."""


def shown(description: Mapping) -> dict[str, list[tuple[str, Signal]]]:
    """Path and signal of what the view shows, by its group."""
    groups = {name: [(f"{ROOT}.{PREFIX}{signal.name}", signal) for signal in signals if is_shown(name, signal)]
              for name, signals in view_signals(description).items()}
    pairs = [f"{giver.name}_to_{taker.name}".lower() for giver in Engine for taker in Engine if giver is not taker]
    groups["semaphores"] = [(f"{ROOT}.core.semaphores.{pair}", Signal(pair, SEMAPHORE_BITS, "")) for pair in pairs]
    return groups


def is_shown(group: str, signal: Signal) -> bool:
    """Whether a signal belongs into the view."""
    return signal.held is None or bool(signal.enumeration) or signal.name.removeprefix(f"{group}_") in SHOWN


def write_views(folder: Path, waves: str, first: int, cycles: int, description: Mapping, named: bool) -> None:
    """Write all files that ``waves``, a file in the folder, is looked at with; it begins in cycle ``first``.

    ``named``: it holds the enumerations itself.
    """
    groups, names = shown(description), enumerations(description["states"])
    for place, text in ((NAMES_FOLDER, filter_file), (MAPPINGS_FOLDER, mapping_file)):
        (folder / place).mkdir(parents=True)
        for name, values in names.items():
            (folder / place / f"{name}.txt").write_text(text(name, values), encoding="utf-8")
    (folder / GTKWAVE_FILE).write_text(gtkwave(groups, waves, first, cycles, named), encoding="utf-8")
    (folder / SURFER_FILE).write_text(surfer(groups), encoding="utf-8")


def filter_file(name: str, values: Names) -> str:
    """GTKWave's translation of an enumeration: hexadecimal value, text."""
    digits = -(-width(values) // 4)
    return "".join(f"{value:0{digits}x} {text}\n" for text, value in values.items())


def mapping_file(name: str, values: Names) -> str:
    """Surfer's."""
    return f"Name = {name}\nBits = {width(values)}\n" + "".join(f"{value} {text}\n" for text, value in values.items())


def gtkwave(groups: Mapping[str, Sequence[tuple[str, Signal]]], waves: str, first: int, cycles: int,
            named: bool) -> str:
    """GTKWave's save file; its paths are relative to the folder in which GTKWave is started."""
    lines = [f'[dumpfile] "{waves}"', f"[timestart] {first}", "[size] 1600 1000", "[pos] -1 -1",
             f"*{-math.log2(max(1, cycles * FRAME / PIXELS)):.6f} {first}{' -1' * 26}", f"[treeopen] {ROOT}.",
             "[sst_width] 230", "[signals_width] 430", "[sst_expanded] 0"]
    for group, signals in groups.items():
        lines += [DIVIDER, f"-{group}"]
        for path, signal in signals:
            span = f"[{signal.bits - 1}:0]" if signal.bits > 1 else ""
            if signal.enumeration:
                lines += [ENUMERATION] if named else [TRANSLATED, f"^1 {NAMES_FOLDER}/{signal.enumeration}.txt"]
            else:
                lines.append(BIT if signal.bits == 1 else HEXADECIMAL if "base" in signal.name else DECIMAL)
            lines.append(path + span)
    return "\n".join([*lines, "[pattern_trace] 1", "[pattern_trace] 0", ""])


def surfer(groups: Mapping[str, Sequence[tuple[str, Signal]]]) -> str:
    """Surfer's command file."""
    lines = []
    for group, signals in groups.items():
        lines.append(f"divider_add {group}")
        for path, signal in signals:
            lines.append(f"variable_add {path}")
            if signal.enumeration or signal.bits > 1:
                lines.append(f"item_set_format {signal.enumeration or 'Unsigned'}")
    return "\n".join([*lines, "zoom_fit", ""])
