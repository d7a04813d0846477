"""A recording as a timing diagram: WaveJSON, and from it SVG by the package ``wavedrom``."""

from __future__ import annotations

import json

import wavedrom

from rtl.document.recording import Recording, Row, Scene

INPUT, OUTPUT = "3", "5"
"""WaveDrom's fillings of a value: yellow, blue."""
UNDEFINED = "x"
CHARACTERS_A_CYCLE = 5
"""That fit into a cycle of scale 1."""
MOST_SCALE = 4


def wave_json(scene: Scene, recording: Recording) -> dict:
    """The diagram of a recording: clock, driven rows, the unit's rows."""
    rows = [(row.path in recording.inputs, lane(row, recording)) for row in scene.rows]
    groups = [[name, *(line for driven, line in rows if driven is wanted)]
              for name, wanted in (("in", True), ("out", False))]
    clock = {"name": "clk", "wave": "p" + "." * (recording.cycles - 1)}
    labels = [longest(line, "".join(str(line["wave"]))) for _, line in rows if "data" in line]
    return {"signal": [clock, *(group for group in groups if len(group) > 1)],
            "head": {"tick": 0}, "config": {"hscale": min(MOST_SCALE, max([1, *labels]))}}


def lane(row: Row, recording: Recording) -> dict:
    """One row as WaveJSON."""
    values = recording.values[row.path]
    meant = recording.values[row.when] if row.when else [1] * len(values)
    if recording.bits[row.path] == 1 and row.text is None:
        marks = [str(value) if means else UNDEFINED for value, means in zip(values, meant, strict=True)]
        return {"name": row.label, "wave": repeats_dotted(marks)}
    filling = INPUT if row.path in recording.inputs else OUTPUT
    wave, data, before = "", [], object()
    for value, means in zip(values, meant, strict=True):
        now = value if means else None
        wave += "." if now == before else (filling if means else UNDEFINED)
        if means and now != before:
            data.append((row.text or str)(value))
        before = now
    return {"name": row.label, "wave": wave, "data": data}


def repeats_dotted(marks: list[str]) -> str:
    """A dot for what stays."""
    return "".join("." if index and mark == marks[index - 1] else mark for index, mark in enumerate(marks))


def longest(line: dict, wave: str) -> int:
    """The scale at which every value of a row fits the cycles that it lasts."""
    scales, values = [1], iter(line["data"])
    for start, mark in enumerate(wave):
        if mark in (INPUT, OUTPUT):
            lasts = 1 + len(wave[start + 1:]) - len(wave[start + 1:].lstrip("."))
            scales.append(-(-len(next(values)) // (CHARACTERS_A_CYCLE * lasts)))
    return max(scales)


def svg(content: dict) -> str:
    """The diagram as an SVG file of its own."""
    return wavedrom.render(json.dumps(content)).tostring()
