"""Targets by name, and a target as a hypothesis test."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import ExampleDatabase

from tests.fuzz import checkpoints, images, lines, tables
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {target.name: target for room in (images, checkpoints, tables, lines)
                              for target in room.TARGETS}


@functools.cache
def scratch() -> Path:
    """A folder of this process for the files that readers are given; gone when the process ends."""
    return Path(_keep(tempfile.TemporaryDirectory(prefix="halftone-fuzz-")).name)


def _keep(folder: tempfile.TemporaryDirectory[str]) -> tempfile.TemporaryDirectory[str]:
    KEPT.append(folder)
    return folder


KEPT: list[tempfile.TemporaryDirectory[str]] = []


def try_one(target: Target, value: Any) -> None:
    """One input in an empty folder, and nothing is left outside of it or written where nothing was promised."""
    folder = scratch() / "inner" / "folder"
    folder.mkdir(parents=True, exist_ok=True)
    target.check(value, folder)
    strays = [path for path in (*scratch().iterdir(), *folder.parent.iterdir()) if path not in (folder, folder.parent)]
    for path in strays:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not strays, f"{', '.join(map(str, strays))} was written outside of the folder"


def as_test(target: Target, examples: int, number: int, database: ExampleDatabase | None = None,
            shrink: bool = True) -> Callable[[], None]:
    """A target as a hypothesis test without arguments: so many inputs, the same ones for the same seed.

    Its ``hypothesis.fuzz_one_input`` takes bytes, from which the strategy draws.
    """
    def fuzzed(value: Any) -> None:
        try_one(target, value)

    fuzzed.__name__ = fuzzed.__qualname__ = f"fuzz_{target.name}"
    relaxed = settings(database=database, deadline=None, max_examples=examples, print_blob=False,
                       phases=(Phase.reuse, Phase.generate, *([Phase.shrink] if shrink else ())),
                       suppress_health_check=list(HealthCheck))
    return seed(number)(relaxed(given(target.strategy)(fuzzed)))
