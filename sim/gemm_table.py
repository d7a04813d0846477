"""Matrix products of three shapes at four shares of zeros on one array, each shape once with no zero skipped."""

from __future__ import annotations

import sys
from pathlib import Path

from golden.spec.hardware import load_hardware
from sim import baseline
from sim.gemm_product import Request, Shape, fitted
from sim.gemm_run import Row, faults, measure

SHAPES = (Shape(64, 128, 128), Shape(64, 512, 128), Shape(256, 384, 384))
ZEROS = (0.0, 0.5, 0.65, 0.8)
SEED = 7

COLUMNS = (("product", "{}"), ("hardware", "{}"), ("zeros", "{:.0%}"), ("cycles", "{:,}"), ("predicted_cycles", "{:,}"),
           ("multipliers", "{}"), ("utilisation", "{:.1%}"), ("speed_up", "{:.2f}"), ("share_of_ideal", "{:.1%}"),
           ("speedup_over_16_bit_dense", "{:.2f}"))


def products(config: Path, shapes: tuple[Shape, ...] = SHAPES, zeros: tuple[float, ...] = ZEROS,
             seed: int = SEED) -> list[Row]:
    """Run all products on one configuration, whose memories are made to fit them all; one row each.

    The speed-up is over the same array multiplying every channel, measured once for each shape.
    """
    hardware = fitted(load_hardware(config), list(shapes), False)
    rows = []
    for shape in shapes:
        dense = measure(Request(shape, zeros[0], seed, dense=True), hardware)
        for share in zeros:
            rows.append(joined(measure(Request(shape, share, seed), hardware), dense, config))
            print(f"{shape} on {config.stem}, {share:.0%} zeros: {rows[-1]['cycles']:,} cycles", file=sys.stderr)
    return rows


def joined(row: Row, dense: Row, config: Path) -> Row:
    """A row with its names and the cycles measured with no zero skipped; it is good if both runs are."""
    speed_up = dense["cycles"] / row["cycles"]
    wide = baseline.multipliers(config)
    macs = row["tokens"] * row["channels"] * row["outputs"]
    product = "x".join(str(row[name]) for name in ("tokens", "channels", "outputs"))
    return {"product": product, "hardware": config.stem, **row, "dense_cycles": dense["cycles"], "speed_up": speed_up,
            "share_of_ideal": speed_up * (1 - row["zero_share"]),
            "mismatches": row["mismatches"] + dense["mismatches"], "as_predicted": not (faults(row) or faults(dense)),
            "sixteen_bit_multipliers": wide,
            "speedup_over_16_bit_dense": baseline.speed_up(macs, row["cycles"], wide)}
