"""What a core takes of an FPGA: ``python -m boards.report --config configs/small.toml``.

Synthesis only, without place and route: cells, and no clock frequency.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from boards.synthesis import KINDS, LUT_SITES, SynthesisError, by_submodule, synthesise, total
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.validation import ConfigError
from rtl.core import Core

CONFIGS = Path("configs")
DEVICES = {
    "LFE5U-25F": {"LUT4": 24288, "TRELLIS_FF": 24288, "DP16KD": 56, "MULT18X18D": 28},
    "LFE5U-45F": {"LUT4": 43848, "TRELLIS_FF": 43848, "DP16KD": 108, "MULT18X18D": 72},
    "LFE5U-85F": {"LUT4": 83640, "TRELLIS_FF": 83640, "DP16KD": 208, "MULT18X18D": 156},
}
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


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.report", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    parser.add_argument("--output", type=Path, default=Path("build/report"), help="folder for <config>.json")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
        modules = synthesise(Core(config, family="ecp5"), "core", options.output / config.name)
    except (ConfigError, SynthesisError) as error:
        print(f"boards.report: {error}", file=sys.stderr)
        return 2
    content = report(config, modules, "core")
    file = options.output / f"{config.name}.json"
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{table(content)}\n\n{file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
