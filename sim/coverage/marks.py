"""Marking of bins: a bench says what the hardware did, and a file of its process keeps it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from golden.spec.descriptors import Engine, Opcode, decode
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import REGISTERS, Access
from sim.coverage import bins
from sim.coverage.fields import CHOICES, ENDS, limits, program_limits

VARIABLE = "HALFTONE_COVERAGE"
"""Folder that marks go to; without it they go nowhere."""
SUFFIX = ".jsonl"


class UnknownBinError(KeyError):
    """A bench marked a bin that is not declared."""


@cache
def known() -> frozenset[str]:
    """Names of all bins."""
    return frozenset(name for names in bins.GROUPS.values() for name in names)


@cache
def _file(folder: str, process: int) -> Path:
    """The file of a process, created with the first mark."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"{process}-{secrets.token_hex(4)}{SUFFIX}"


_marked: set[tuple[str, str]] = set()


def author() -> str:
    """The test that runs, or ``-`` outside the tests."""
    return os.environ.get("PYTEST_CURRENT_TEST", "-").rsplit(" (", maxsplit=1)[0]


def mark(name: str) -> None:
    """Say that the hardware did what a bin names; raises ``UnknownBinError`` for a bin that is not declared."""
    by = author()
    if (by, name) in _marked:
        return
    if name not in known():
        raise UnknownBinError(f"there is no bin {name!r}; declare it in sim/coverage/bins.py")
    _marked.add((by, name))
    folder = os.environ.get(VARIABLE)
    if folder:
        with _file(folder, os.getpid()).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"bin": name, "by": by}) + "\n")


def mark_all(names: Iterable[str]) -> None:
    """Mark several."""
    for name in names:
        mark(name)


def mark_engine(config: HardwareConfig, opcode: Opcode, values: Mapping[str, int]) -> None:
    """The bins of a descriptor that an engine has taken, by its fields."""
    complete = {name: values.get(name, 0) for name in bins.engine_names(opcode)}
    for name, extremes in limits(config, opcode, complete).items():
        for end, extreme in zip(ENDS, extremes, strict=True):
            if complete[name] == extreme and bins.counts(config, opcode, name):
                mark(f"{opcode.name}.{name} {end}")
        if (opcode, name) in CHOICES:
            mark(f"{opcode.name}.{name} {CHOICES[opcode, name](complete[name]).name}")


def mark_decoded(config: HardwareConfig, words: Iterable[int]) -> None:
    """The bins of descriptors that the sequencer has executed, by their fields as they stand in the program."""
    for word in words:
        opcode, values = decode(word)
        for name, extremes in program_limits(config, opcode).items():
            mark_all(f"decoded {opcode.name}.{name} {end}" for end, extreme in zip(ENDS, extremes, strict=True)
                     if values[name] == extreme)


def mark_waits(taker: Engine, missing: int) -> None:
    """The engines whose semaphores hold an engine's oldest descriptor back, as a mask."""
    mark_all(f"{taker.name} waits for {giver.name}" for giver in Engine if missing >> giver & 1)


def mark_limits(what: str, results: ArrayLike, low: int, high: int) -> None:
    """Whether results that are cut to a range are at its ends; the hardware's, or what they were found equal to."""
    values = np.asarray(results)
    for place, met in zip(bins.CUT, (values == low, (values > low) & (values < high), values == high), strict=True):
        if met.any():
            mark(f"{what} {place}")


def mark_access(address: int, write: bool) -> None:
    """A register that was written, or whose answer came, in a way that it has."""
    refused = Access.READ if write else Access.WRITE
    if address < len(REGISTERS) and REGISTERS[address].access is not refused:
        mark(f"{REGISTERS[address].name} {'written' if write else 'read'}")
