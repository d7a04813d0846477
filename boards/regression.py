"""Whether hardware became larger or slower than was accepted: ``python -m boards.regression``.

A few units of a small configuration are synthesised for ECP5, in less than a minute, and compared with
``boards/baselines/units.json``; ``--accept`` writes it anew. ``boards.report`` compares whole boards the same way.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from boards.synthesis import LUT_SITES, SynthesisError, synthesise, total
from golden.spec.hardware import HardwareConfig
from rtl.verilog import UNITS

ROOT = Path(__file__).parent / "baselines"
BASELINES = ROOT / "boards"
UNIT_BASELINE = ROOT / "units.json"
WATCHED = ("requantise", "lane", "descriptor_queue", "row_maximum")
"""Units that are many or large in every core, and quick to synthesise."""
MORE_CELLS = 0.03
"""Share by which a count may be above the accepted one."""
SLACK = 8
"""Cells that any count may grow by: Yosys' own small changes."""
SLOWER = 0.10
"""Share by which the routed clock may be below the accepted one: place and route scatters by so much."""

KEPT = ("board", "config", "device", "versions", "needs", "clock_mhz", "routed_mhz", "critical_path")
"""What of a report is accepted."""

Counts = dict[str, int]


def more_cells(name: str, needs: Counts, before: Counts) -> list[str]:
    """One sentence for every count that is too far above the accepted one."""
    return [f"{name} needs {count:,} {kind}; expected at most {before[kind]:,} and {MORE_CELLS:.0%} more"
            for kind, count in needs.items() if count > before[kind] * (1 + MORE_CELLS) + SLACK]


def regressions(content: dict, before: dict) -> list[str]:
    """One sentence for everything in which a board's report is worse than the accepted one."""
    slower = [] if content["routed_mhz"] >= before["routed_mhz"] * (1 - SLOWER) else [
        f"{content['board']} runs at {content['routed_mhz']:.2f} MHz; expected at least {before['routed_mhz']:.2f} MHz "
        f"less {SLOWER:.0%}"]
    return more_cells(content["board"], content["needs"], before["needs"]) + slower


def accept(path: Path, content: dict) -> Path:
    """Write a board's figures where they are looked for from now on."""
    kept = {name: content[name] for name in KEPT}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return path


class Watched(wiring.Component):
    """Units side by side, each with its ports at the top."""

    def __init__(self, units: dict[str, wiring.Component]) -> None:
        self.units = units
        super().__init__({name: wiring.Out(unit.signature) for name, unit in units.items()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, unit in self.units.items():
            m.submodules[name] = unit
            connect(m, flipped(getattr(self, name)), unit)
        return m


def measure(folder: Path, names: Sequence[str] = WATCHED) -> dict[str, Counts]:
    """Look-up table sites, flip-flops, block RAM and multipliers of each unit, of 4 lanes of 8 multipliers."""
    config = HardwareConfig(name="regression", lanes=4, width=8)
    modules = synthesise(Watched({name: UNITS[name](config, None) for name in names}), "watched", folder)
    result = {}
    for name in names:
        used = total(modules, f"watched.{name}")
        sites = sum(used[kind] * weight for kind, weight in LUT_SITES.items())
        result[name] = {"LUT4": sites, **{kind: used[kind] for kind in ("TRELLIS_FF", "DP16KD", "MULT18X18D")}}
    return result


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.regression", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="make the counts the accepted ones")
    parser.add_argument("--output", type=Path, default=Path("build/regression"), help="folder for Yosys' files")
    options = parser.parse_args(arguments)
    try:
        counts = measure(options.output)
    except SynthesisError as error:
        print(f"boards.regression: {error}", file=sys.stderr)
        return 1
    if options.accept:
        UNIT_BASELINE.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
        print(UNIT_BASELINE.relative_to(Path.cwd()) if UNIT_BASELINE.is_relative_to(Path.cwd()) else UNIT_BASELINE)
        return 0
    before = json.loads(UNIT_BASELINE.read_text(encoding="utf-8"))
    worse = [line for name, needs in counts.items() for line in more_cells(name, needs, before[name])]
    print("\n".join(worse) or f"{len(counts)} units need no more than was accepted", file=sys.stderr if worse else None)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
