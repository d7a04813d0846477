"""What a core takes of an FPGA.

    python -m boards.report --board ulx3s_85f             # its bitstream: cells, clock after routing, critical path
    python -m boards.report --config configs/small.toml   # the bare core on ECP5: synthesis only, and no clock

A board's figures are shown beside the accepted ones in ``boards/baselines/boards``; more cells or a slower clock than
``boards.regression`` allows end with status 1. ``--accept`` makes the new figures the accepted ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from boards import bitstream, catalogue, vendor
from boards.build import FitError, build
from boards.devices import LFE5U_25F, LFE5U_45F, LFE5U_85F
from boards.regression import BASELINES, accept, regressions
from boards.synthesis import KINDS, LUT_SITES, SynthesisError, by_submodule, synthesise, total
from boards.timing import TimingError
from boards.tools import ToolError
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.validation import ConfigError
from rtl.core import Core

CONFIGS = Path("configs")
DEVICES = {device.name: device.capacity for device in (LFE5U_25F, LFE5U_45F, LFE5U_85F)}
"""What a device has."""


def needs(used: dict[str, int]) -> dict[str, int]:
    """Cells in the terms of DEVICES: all that sits on look-up table sites counts as LUT4."""
    sites = sum(used[kind] * weight for kind, weight in LUT_SITES.items())
    return {"LUT4": sites, **{kind: used[kind] for kind in ("TRELLIS_FF", "DP16KD", "MULT18X18D")}}


def report(config: HardwareConfig, modules: dict[str, dict[str, int]], top: str) -> dict:
    """The report as written: sums, what devices have, and where the cells are."""
    used = total(modules)
    return {
        "config": config.name, "multipliers": config.multipliers, "used": used, "needs": needs(used),
        "devices": DEVICES,
        "fits": [name for name, has in DEVICES.items() if all(needs(used)[kind] <= has[kind] for kind in has)],
        "by_submodule": by_submodule(modules, top),
        "modules": modules,
    }


def table(content: dict) -> str:
    """The report for a reader; Markdown."""
    lines = ["| | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 1) + "|"]
    rows = sorted(content["by_submodule"].items(), key=lambda row: -row[1]["LUT4"])
    for name, counts in [*rows, ("**sum**", content["used"])]:
        lines.append(f"| {name} | " + " | ".join(str(counts[kind]) for kind in KINDS) + " |")
    lines += ["", "| | LUT sites | TRELLIS_FF | DP16KD | MULT18X18D |", "|---|---|---|---|---|"]
    for name, has in {content["config"]: content["needs"], **content["devices"]}.items():
        lines.append(f"| {name} | " + " | ".join(str(number) for number in has.values()) + " |")
    return "\n".join(lines)


def load(path: Path) -> HardwareConfig:
    """The configuration; a path that does not exist is answered with those that do."""
    if not path.is_file():
        known = ", ".join(str(file) for file in sorted(CONFIGS.glob("*.toml")))
        raise ConfigError(f"there is no configuration {path}; expected one of {known}")
    return load_hardware(path)


def report_config(options: argparse.Namespace) -> int:
    """The bare core, synthesised for ECP5."""
    config = load(options.config)
    modules = synthesise(Core(config, family="ecp5"), "core", options.output / config.name)
    content = report(config, modules, "core")
    file = options.output / f"{config.name}.json"
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{table(content)}\n\n{file}")
    return 0


def report_board(options: argparse.Namespace) -> int:
    """A board's bitstream, beside what was accepted."""
    board = catalogue.find(options.board)
    if board.device.flow in vendor.FLOWS:
        raise ToolError(f"only {vendor.FLOWS[board.device.flow].title} builds for the {board.title}; make bitstream "
                        f"BOARD={options.board} leaves a script that makes it write utilization and timing")
    job = bitstream.job_of(board, options.board, options.config or board.config_path,
                           bitstream.OUTPUT / options.board)
    content = build(job, bitstream.say)
    accepted = BASELINES / f"{options.board}.json"
    before = json.loads(accepted.read_text(encoding="utf-8")) if accepted.is_file() else None
    print(bitstream.table(content, before))
    if options.accept:
        print(f"\n{accept(accepted, content)}")
        return 0
    if before is None:
        print(f"\nno figures were accepted for {options.board} yet; --accept takes these")
    worse = regressions(content, before) if before else []
    for line in worse:
        print(f"boards.report: {line}", file=sys.stderr)
    return 1 if worse else 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.report", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", help=f"one of {', '.join(catalogue.names())}")
    parser.add_argument("--config", type=Path, help="TOML file with a [hardware] table; a board has its own")
    parser.add_argument("--accept", action="store_true", help="make a board's figures the accepted ones")
    parser.add_argument("--output", type=Path, default=Path("build/report"), help="folder for <config>.json")
    options = parser.parse_args(arguments)
    if not (options.board or options.config):
        parser.error("expected --board or --config")
    try:
        return report_board(options) if options.board else report_config(options)
    except (ConfigError, SynthesisError) as error:
        print(f"boards.report: {error}", file=sys.stderr)
        return 2
    except (FitError, TimingError, ToolError) as error:
        print(f"boards.report: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
