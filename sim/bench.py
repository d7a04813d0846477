"""Measure whole denoising evaluations of every trained model, with zeros skipped and without, and matrix products.

Prints a table of each and writes build/bench.json. `python -m sim.gemm --help` tells what is measured of a product.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import sys
import tempfile
from pathlib import Path

from golden.compile.blank import blank
from golden.compile.fitting import CONFIGS, fit
from golden.compile.layout import CompileError
from golden.compile.split_plan import MODES
from golden.model import zoo
from golden.model.checkpoint import load
from golden.spec.hardware import load_hardware
from sim import baseline, drawing, gemm_table
from sim.draw import BAD_INPUTS
from sim.drawing import Request
from sim.report import Report, wrong_predictions
from sim.runner import SimulationError
from sim.verilator import BUILD

COLUMNS = (("model", "{}"), ("hardware", "{}"), ("zeros", "{}"), ("split", "{}"), ("contexts", "{}"),
           ("cycles", "{:,}"), ("predicted_cycles", "{:,}"), ("zero_share", "{:.1%}"), ("skipped_share", "{:.1%}"),
           ("utilisation", "{:.1%}"), ("share_of_ideal", "{:.1%}"), ("speedup_over_16_bit_dense", "{:.2f}"),
           ("simulated_cycles_per_second", "{:,.0f}"))

NAMES = COLUMNS[:4]
"""Columns that tell the rows of both tables apart."""


def waits(row: dict) -> tuple[dict, tuple[tuple[str, str], ...]]:
    """What kept lanes and dispatcher waiting in the whole drawing, and its columns: lane-cycles, then cycles."""
    lanes = {f"lanes_wait_{cause}": count for cause, count in row["lane_wait_cycles"].items()}
    stalls = {f"stall_{cause}": count for cause, count in row["array_stall_cycles"].items()}
    return row | lanes | stalls, (*NAMES, *((name, "{:,}") for name in (*lanes, *stalls)))


def evaluation(report: Report) -> dict:
    """One row: the cycles of a denoising step, which evaluates the network once for every context."""
    ends, predicted = report["step_cycles"], report["predicted_step_cycles"]
    cycles, steps = ends[-1] - ends[0], report["steps"]
    useful = report["useful_macs"] // steps
    return {
        "model": report["model"], "hardware": report["hardware"]["name"], "multipliers": report["multipliers"],
        "split": report["split"], "contexts": report["contexts"], "steps": steps, "cycles": cycles // steps,
        "predicted_cycles": (predicted[-1] - predicted[0]) // steps, "useful_macs": useful,
        "utilisation": useful * steps / (report["multipliers"] * cycles),
        "macs": report["macs"], "macs_offered": report["macs_offered"], "skipped_share": report["skipped_share"],
        "share_of_ideal": report["share_of_ideal"], "dense_shares": report["dense_shares"],
        "zero_share": report["zero_share_mean"], "busy_cycles": report["busy_cycles"],
        "array_stall_cycles": report["array_stall_cycles"], "lane_wait_cycles": report["lane_wait_cycles"],
        "mismatches": report["mismatches"], "as_predicted": not wrong_predictions(report),
        "simulated_cycles_per_second": round(report["simulated_cycles_per_second"]),
    }


def measure(model: str, config: Path, steps: int, guidance: float, skip_zeros: bool, split: str | None) -> dict:
    """Draw with a model, quietly; returns its row."""
    request = Request(model, None, 7, steps, guidance, config, skip_zeros=skip_zeros, split=split)
    with tempfile.TemporaryDirectory(prefix="halftone-") as folder, contextlib.redirect_stdout(io.StringIO()):
        row = evaluation(drawing.draw(drawing.prepare(request), Path(folder)))
    wide = baseline.multipliers(config)
    macs = baseline.wide_macs(zoo.config(model)) * row["contexts"]
    return row | {"zeros": "skipped" if skip_zeros else "multiplied", "sixteen_bit_multipliers": wide,
                  "speedup_over_16_bit_dense": baseline.speed_up(macs, row["cycles"], wide)}


def table(rows: list[dict], columns: tuple[tuple[str, str], ...]) -> str:
    """Rows as a Markdown table."""
    titles = [name.replace("_", " ") for name, _ in columns]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    lines += ["| " + " | ".join("–" if row[name] is None else form.format(row[name]) for name, form in columns) + " |"
              for row in rows]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m sim.bench", description=__doc__)
    made.add_argument("--only", choices=["evaluations", "products"], help="measure and write one of the two lists")
    made.add_argument("--model", action="append", help="a trained model; repeat for more (default: all)")
    made.add_argument("--config", action="append", type=Path,
                      help="hardware; repeat (default: default and hybrid, and large where neither holds a model)")
    made.add_argument("--steps", type=int, default=2, help="denoising steps to run (default: %(default)s)")
    made.add_argument("--guidance", type=float, default=2.0, help="1 has one context, not two (default: %(default)s)")
    made.add_argument("--output", type=Path, default=BUILD / "bench.json", help="default: build/bench.json")
    made.add_argument("--zeros", choices=["both", "skipped", "multiplied"], default="both",
                      help="what the array does with zeros in evaluations (default: %(default)s)")
    made.add_argument("--split", action="append", choices=MODES,
                      help="what dense lanes get where zeros are skipped; repeat (default: each, if there are any)")
    return made


def ways(config: Path, options: argparse.Namespace) -> list[tuple[bool, str | None]]:
    """(zeros skipped, split) of each row of a hardware and model."""
    splits = (options.split or MODES) if load_hardware(config).dense_lanes else [None]
    skipped = [(True, split) for split in splits]
    return {"both": [(False, None), *skipped], "skipped": skipped, "multiplied": [(False, None)]}[options.zeros]


def fits(model: str, config: Path, options: argparse.Namespace) -> bool:
    """Whether a trained model fits a hardware."""
    source, contexts = load(zoo.checkpoint_path(model)), 1 if options.guidance == 1 else 2
    try:
        fit(blank(source.config, source.eight_bit), load_hardware(config), [(contexts, options.steps)])
    except CompileError:
        return False
    return True


def cases(options: argparse.Namespace) -> list[tuple[Path, str]]:
    """Hardware and model of each group of rows: as asked, or every model on what it fits, on ``large`` if need be."""
    usual, large = [CONFIGS / "default.toml", CONFIGS / "hybrid.toml"], CONFIGS / "large.toml"
    models = options.model or zoo.trained()
    if options.config:
        return list(itertools.product(options.config, models))
    found = [(config, model) for config, model in itertools.product(usual, models) if fits(model, config, options)]
    return found + [(large, model) for model in models if model not in {name for _, name in found}]


def evaluations(options: argparse.Namespace) -> list[dict]:
    """A row for each hardware, model and way with zeros."""
    rows = []
    for config, model in cases(options):
        for skip_zeros, split in ways(config, options):
            rows.append(measure(model, config, options.steps, options.guidance, skip_zeros, split))
            print(f"{model} on {config.stem}, zeros {rows[-1]['zeros']}, split {rows[-1]['split']}: "
                  f"{rows[-1]['cycles']:,} cycles a step", file=sys.stderr)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    results = {}
    try:
        if options.only != "products":
            results["evaluations"] = evaluations(options)
        if options.only != "evaluations":
            results["products"] = [row for config in options.config or [CONFIGS / "default.toml"]
                                   for row in gemm_table.products(config)]
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    columns = {"evaluations": COLUMNS, "products": gemm_table.COLUMNS}
    print("\n\n".join(table(rows, columns[name]) for name, rows in results.items()))
    if results.get("evaluations"):
        rows, titles = zip(*map(waits, results["evaluations"]), strict=True)
        print(f"\n{table(list(rows), titles[0])}")
    return 1 if any(row["mismatches"] or not row["as_predicted"] for rows in results.values() for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
