"""What every test session prints: its seed, how to replay a failure with the same one, and its coverage."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sim import seed as seeds
from sim.coverage import functional, identity, lines, marks, report, structure
from sim.verilator import BUILD

MARKS = BUILD / "coverage" / "marks"


def pytest_configure(config: pytest.Config) -> None:
    """All processes of a run share its seed; benches leave their marks in its folder, unless another is named."""
    os.environ.setdefault(seeds.VARIABLE, str(seeds.seed()))
    if marks.VARIABLE not in os.environ:
        for folder in (MARKS, lines.EVERY_RUN):
            shutil.rmtree(folder, ignore_errors=True)
        identity.IDENTITY.unlink(missing_ok=True)
        os.environ[marks.VARIABLE] = str(MARKS)


def pytest_report_header() -> str:
    """Name the seed before the first test."""
    return f"{seeds.VARIABLE}={seeds.seed()}"


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Coverage, and the seed where a reader of a long log looks."""
    failed = terminalreporter.stats.get("failed", []) + terminalreporter.stats.get("error", [])
    names = list(dict.fromkeys(report.nodeid for report in failed))
    for line in coverage(config, names):
        terminalreporter.line(line)
    if names:
        terminalreporter.section("replay")
    for name in names:
        terminalreporter.line(f"{seeds.VARIABLE}={seeds.seed()} python -m pytest '{name}'")
    if not names:
        terminalreporter.line(f"seed: {seeds.VARIABLE}={seeds.seed()}")


def coverage(config: pytest.Config, failed: list[str]) -> list[str]:
    """What this run has reached; nothing where no bench ran."""
    folder = Path(os.environ[marks.VARIABLE])
    found, counted = functional.hits(folder, failed), lines.by_design([lines.EVERY_RUN] if folder == MARKS else [])
    text = ["lines, branches and toggles of the smallest units:"] if counted else []
    text += structure.lines(structure.units(counted, functional.read_reasons("structural")))
    today = identity.read() if folder == MARKS else None
    text += report.accepted(report.read(report.RESULT), today) if today is not None else []
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not (
        config.getoption("keyword") or config.getoption("markexpr"))
    if not found and not whole:
        return text
    groups = functional.groups(found, functional.read_reasons("functional"))
    return text + functional.lines(groups, whole and not failed)
