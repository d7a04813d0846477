"""The trace event format that Perfetto and Chrome's viewer read: one JSON object, here in gzip.

Times are in microseconds there. We write a cycle as one microsecond.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Event = dict[str, Any]
PROCESS = 1


def named_process(name: str) -> Event:
    """Name of the one process."""
    return {"ph": "M", "name": "process_name", "pid": PROCESS, "tid": 0, "ts": 0, "args": {"name": name}}


def named_thread(thread: int, name: str) -> list[Event]:
    """Name and place of a track."""
    head = {"ph": "M", "pid": PROCESS, "tid": thread, "ts": 0}
    return [{**head, "name": "thread_name", "args": {"name": name}},
            {**head, "name": "thread_sort_index", "args": {"sort_index": thread}}]


def piece(thread: int, name: str, category: str, first: int, stop: int, args: Mapping[str, Any] | None = None) -> Event:
    """A slice from a cycle up to another one, which is not part of it."""
    return {"ph": "X", "pid": PROCESS, "tid": thread, "name": name, "cat": category, "ts": first, "dur": stop - first,
            "args": dict(args or {})}


def counter(name: str, cycle: int, values: Mapping[str, float]) -> Event:
    """Values of a counter from a cycle on."""
    return {"ph": "C", "pid": PROCESS, "tid": 0, "name": name, "ts": cycle, "args": dict(values)}


def write_trace(path: Path, events: Sequence[Event], about: Mapping[str, Any]) -> None:
    """Write a trace, whole or not at all; the same events give the same bytes. Metadata first, then by time."""
    ordered = sorted(events, key=lambda event: (event["ph"] != "M", event["ts"], -event.get("dur", 0)))
    text = json.dumps({"displayTimeUnit": "ms", "otherData": dict(about), "traceEvents": ordered},
                      separators=(",", ":"))
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
        packed.write(text.encode())
    partial.replace(path)


def read_trace(path: Path) -> dict[str, Any]:
    """What ``write_trace`` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return json.load(file)
