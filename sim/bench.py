"""Measure whole denoising evaluations of every trained model: prints a table and writes build/bench.json."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from golden.model import zoo
from sim import drawing
from sim.draw import BAD_INPUTS
from sim.drawing import Request
from sim.report import Report
from sim.runner import SimulationError
from sim.verilator import BUILD, REPOSITORY

COLUMNS = (("model", "{}"), ("hardware", "{}"), ("multipliers", "{}"), ("contexts", "{}"), ("cycles", "{:,}"),
           ("predicted_cycles", "{:,}"), ("utilisation", "{:.2%}"), ("macs_per_multiplier_and_cycle", "{:.3f}"),
           ("zero_share", "{:.1%}"), ("simulated_cycles_per_second", "{:,.0f}"))


def evaluation(report: Report) -> dict:
    """One row: the cycles of a denoising step, which evaluates the network once for every context."""
    ends, predicted = report["step_cycles"], report["predicted_step_cycles"]
    cycles, steps = ends[-1] - ends[0], report["steps"]
    useful = report["useful_macs"] // steps
    return {
        "model": report["model"], "hardware": report["hardware"]["name"], "multipliers": report["multipliers"],
        "contexts": report["contexts"], "steps": steps, "cycles": cycles // steps,
        "predicted_cycles": (predicted[-1] - predicted[0]) // steps, "useful_macs": useful,
        "utilisation": useful * steps / (report["multipliers"] * cycles),
        "macs_per_multiplier_and_cycle": report["macs"] / (report["multipliers"] * report["cycles"]),
        "zero_share": report["zero_share_mean"], "busy_cycles": report["busy_cycles"],
        "array_stall_cycles": report["array_stall_cycles"], "mismatches": report["mismatches"],
        "simulated_cycles_per_second": round(report["simulated_cycles_per_second"]),
    }


def measure(model: str, config: Path, steps: int, guidance: float) -> dict:
    """Draw with a model, quietly; returns its row."""
    request = Request(model, None, 7, steps, guidance, config)
    with tempfile.TemporaryDirectory(prefix="halftone-") as folder, contextlib.redirect_stdout(io.StringIO()):
        return evaluation(drawing.draw(drawing.prepare(request), Path(folder)))


def table(rows: list[dict]) -> str:
    """Rows as a Markdown table."""
    titles = [name.replace("_", " ") for name, _ in COLUMNS]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    lines += ["| " + " | ".join(form.format(row[name]) for name, form in COLUMNS) + " |" for row in rows]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sim.bench", description=__doc__)
    parser.add_argument("--model", action="append", help="a trained model; repeat for more (default: all)")
    parser.add_argument("--config", action="append", type=Path, help="hardware; repeat (default: configs/default.toml)")
    parser.add_argument("--steps", type=int, default=2, help="denoising steps to run (default: %(default)s)")
    parser.add_argument("--guidance", type=float, default=2.0, help="1 has one context, not two (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=BUILD / "bench.json", help="default: build/bench.json")
    options = parser.parse_args(arguments)
    rows = []
    try:
        for config in options.config or [REPOSITORY / "configs" / "default.toml"]:
            for model in options.model or zoo.trained():
                rows.append(measure(model, config, options.steps, options.guidance))
                print(f"{model} on {config.stem}: {rows[-1]['cycles']:,} cycles a step", file=sys.stderr)
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except SimulationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"evaluations": rows}, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    wrong = [row for row in rows if row["mismatches"] or row["cycles"] != row["predicted_cycles"]]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
