"""The pages as text: Markdown from the templates beside this file, diagrams from the scenes."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2

from rtl.document import (
    interface,
    planted,
    scenes_array,
    scenes_bus,
    scenes_control,
    scenes_dense,
    scenes_engines,
    scenes_events,
    scenes_link,
    scenes_memory,
    scenes_units,
)
from rtl.document.diagram import svg, wave_json
from rtl.document.recording import record
from rtl.document.units import REPOSITORY, ROOMS, Unit, hardware, units, users

SOURCES = (scenes_array, scenes_bus, scenes_control, scenes_dense, scenes_engines, scenes_events, scenes_link,
           scenes_memory, scenes_units)
SCENES = {name: scene for source in SOURCES for name, scene in source.SCENES.items()}
"""Name of a unit -> what its diagram shows."""

WITHOUT = {
    "axi_core": "it is the core behind the bridge whose page, [AXI bridge](axi_bridge.md), shows the buses.",
    "core": "a program of any use takes thousands of cycles. `make sim WAVES=1` records them all.",
    "decider": "a decision takes hundreds of cycles. The page of the [Detector](detector.md) shows the end of one.",
    "sdram_controller": "the chip is ready thousands of cycles after power-up, which no diagram holds.",
    "sdram_store": "the chip is ready thousands of cycles after power-up, which no diagram holds.",
    "top": "the shortest request takes 400 cycles on its line. The page of the [Serial link](serial_link.md) shows the "
           "end of one.",
    "wishbone_core": "it is the core behind the bridge whose page, [Wishbone bridge](wishbone_bridge.md), shows the "
                     "bus.",
}
"""Units without a diagram -> why."""

PROOFS = REPOSITORY / "tests" / "formal"
PROOF_NAMES = {"descriptor_queue": "queue", "packed_multiplier": "packed"}
"""Proofs that are not called as their unit."""

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), undefined=jinja2.StrictUndefined,
    trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)


def markdown(doc: str) -> str:
    """A docstring as Markdown: its code marks are two backquotes."""
    return doc.replace("``", "`")


def proof(unit: Unit) -> str | None:
    """Path of the unit's proof, if there is one."""
    path = PROOFS / f"{PROOF_NAMES.get(unit.name, unit.name)}.py"
    return path.relative_to(REPOSITORY).as_posix() if path.is_file() else None


def page(unit: Unit) -> str:
    """The page of a unit."""
    text = ENVIRONMENT.get_template("unit.md.jinja").render(
        unit=unit, users=users().get(unit.kind, []), doc=markdown(unit.doc), scene=SCENES.get(unit.name),
        without=WITHOUT.get(unit.name), constants=interface.constants(unit), ports=interface.ports(unit),
        references=interface.references(unit), proof=proof(unit),
        benches=planted.benches().get(unit.kind, []),
        whole=planted.WHOLE.get(unit.name), bugs=planted.bugs().get(unit.kind, []))
    return re.sub(r"\n{3,}", "\n\n", text)


def index() -> str:
    """The page that lists them."""
    rooms = [(title, [unit for unit in units() if unit.room == room]) for room, title in ROOMS.items()]
    text = ENVIRONMENT.get_template("index.md.jinja").render(rooms=[room for room in rooms if room[1]])
    return re.sub(r"\n{3,}", "\n\n", text)


def diagram(unit: Unit) -> str:
    """The timing diagram of a unit that has a scene, as SVG."""
    scene = SCENES[unit.name]
    return svg(wave_json(scene, record(scene, hardware(scene.config))))
