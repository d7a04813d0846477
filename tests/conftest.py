"""What every test session prints: its seed, and on failure how to replay with the same one."""

from __future__ import annotations

from typing import Any

from sim import seed as seeds


def pytest_report_header() -> str:
    """Name the seed before the first test."""
    return f"{seeds.VARIABLE}={seeds.seed()}"


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    """Repeat the seed at the end, where a reader of a long log looks."""
    failed = terminalreporter.stats.get("failed", []) + terminalreporter.stats.get("error", [])
    names = list(dict.fromkeys(report.nodeid for report in failed))
    if names:
        terminalreporter.section("replay")
    for name in names:
        terminalreporter.line(f"{seeds.VARIABLE}={seeds.seed()} python -m pytest '{name}'")
    if not names:
        terminalreporter.line(f"seed: {seeds.VARIABLE}={seeds.seed()}")
