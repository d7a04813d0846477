"""Synthesis of an array whose modules are alike: each is mapped once and counted as often as it is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from boards.synthesis import KINDS, cells, prepare, run

PORT = re.compile(r"port\$\d+")
CELL = re.compile(r"(?ms)^  cell (\\\S+) .*?^  end$")
CONNECTION = re.compile(r"(?m)^(    connect \\)(port\$\d+)")
TYPE = re.compile(r"(?m)^(  cell )(\\\S+)(?= )")
START = re.compile(r"(?m)^(?=(?:attribute .*\n)*module )")
NAME = re.compile(r"(?m)^module (\\\S+)$")


def synthesise_shared(component: wiring.Component, name: str, folder: Path, infer_dsp: bool = True) -> dict[str, int]:
    """Cells of all of ``component``; the same as those of ``boards.synthesis.synthesise``, summed.

    There every module is mapped on its own too, so that equal modules give equal cells, time after time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prepare(share(rtlil.convert(component, name=name, emit_src=False)), name, folder, infer_dsp)
    run(folder, name)
    return instance_total((folder / f"{name}.stat.json").read_text(encoding="utf-8"), name)


def share(text: str) -> str:
    """RTLIL in which of modules that differ by nothing but their name only the first is left, and is used for all."""
    modules = renumber({NAME.search(chunk)[1]: chunk for chunk in START.split(text) if NAME.search(chunk)})
    while True:
        first: dict[str, str] = {}
        twins = {}
        for name, chunk in modules.items():
            body = NAME.sub("", chunk)
            if first.setdefault(body, name) != name:
                twins[name] = first[body]
        if not twins:
            return "".join(modules.values())
        modules = {name: retyped(chunk, twins) for name, chunk in modules.items() if name not in twins}


def retyped(chunk: str, types: dict[str, str]) -> str:
    """A module whose cells are of other types, where there is one for theirs."""
    return TYPE.sub(lambda match: match[1] + types.get(match[2], match[2]), chunk)


def renumber(modules: dict[str, str]) -> dict[str, str]:
    """Modules whose nameless ports, which Amaranth numbers through the whole design, are numbered in each anew."""
    own = {name: {old: f"port${place}" for place, old in enumerate(dict.fromkeys(PORT.findall(chunk)))}
           for name, chunk in modules.items()}

    def renamed(name: str, chunk: str) -> str:
        result, end = [], 0
        for match in CELL.finditer(chunk):  # a connection begins with the port's name in the module below
            below = own.get(match[1], {})
            result.append(PORT.sub(lambda port: own[name][port[0]], chunk[end:match.start()]))
            lines = []
            for line in match[0].split("\n"):
                key = CONNECTION.match(line)
                head, tail = (key[1] + below[key[2]], line[key.end():]) if key else ("", line)
                lines.append(head + PORT.sub(lambda port: own[name][port[0]], tail))
            result.append("\n".join(lines))
            end = match.end()
        return "".join([*result, PORT.sub(lambda port: own[name][port[0]], chunk[end:])])

    return {name: renamed(name, chunk) for name, chunk in modules.items()}


def instance_total(statistics: str, top: str) -> dict[str, int]:
    """Cells of ``top`` by Yosys' ``stat -json``, every module as often as it is instantiated."""
    own = cells(statistics)
    inside = {name.removeprefix("\\"): module.get("num_cells_by_type", {})
              for name, module in json.loads(statistics)["modules"].items()}

    def count(name: str) -> dict[str, int]:
        result = dict(own[name])
        for kind, number in inside[name].items():
            child = kind.removeprefix("\\")
            if child in own:
                below = count(child)
                result = {cell: result[cell] + number * below[cell] for cell in KINDS}
        return result

    return count(top)
