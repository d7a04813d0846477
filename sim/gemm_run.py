"""Simulates a matrix product and judges what came out."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from golden.spec.hardware import HardwareConfig
from sim import runner
from sim.gemm_bench import FOLDER_VARIABLE, JOB_FILE, RESULT_FILE, WRITES_FILE
from sim.gemm_product import Product, Request, write_config
from sim.units import build_unit
from sim.verilator import BUILD

Row = dict[str, Any]
UNIT = "matrix_product"
SHOWN_MISMATCHES = 3
PATIENCE = 2
"""A program may take so many times the cycles of all its words and zeros before it counts as hung."""
LEAST_SECONDS, SLOWEST_CYCLES_A_SECOND = 600, 500


def simulate(product: Product, folder: Path) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """Build the product's hardware, unless it is there, and run the program; returns counters and writes.

    Raises ``runner.SimulationError`` or ``units.GenerationError``.
    """
    request = product.request
    longest = max(product.predict(dense)[1].cycles for dense in (False, True))
    limit = PATIENCE * longest + 1000
    job = {"memories": product.memories(), "limit": limit}
    (folder / JOB_FILE).write_text(json.dumps(job), encoding="utf-8")
    name = f"{request.shape}-{request.zeros:g}-{request.seed}{'-signed' * request.signed}{'-dense' * request.dense}"
    with contextlib.redirect_stdout(io.StringIO()):
        top, build = build_unit(UNIT, str(write_config(product.hardware, BUILD / "gemm")), request.bug)
        runner.run("sim.gemm_bench", top, build, env={FOLDER_VARIABLE: str(folder)}, seed=request.seed, name=name,
                   timeout=LEAST_SECONDS + limit / SLOWEST_CYCLES_A_SECOND)
    with np.load(folder / WRITES_FILE) as writes:
        return json.loads((folder / RESULT_FILE).read_text(encoding="utf-8")), dict(writes)


def compare(product: Product, writes: dict[str, np.ndarray]) -> Row:
    """Every result with the reference: each must be written once, with all its bits right."""
    expected = product.expected.reshape(-1, product.hardware.width)
    written = np.bincount(writes["addresses"], minlength=len(expected))
    got = np.zeros_like(expected)
    inside = writes["addresses"] < len(expected)
    got[writes["addresses"][inside]] = writes["values"][inside]
    wrong = (got != expected) | (written[:len(expected)] != 1)[:, None]
    first = [{"token": int(word) // product.tiles,
              "output": int(word) % product.tiles * product.hardware.width + int(column),
              "expected": int(expected[word, column]), "got": int(got[word, column]), "writes": int(written[word])}
             for word, column in np.argwhere(wrong)[:SHOWN_MISMATCHES]]
    return {"values_compared": expected.size, "mismatches": int(wrong.sum()) + int((~inside).sum()),
            "first_mismatches": first, "bits_not_compared": product.layer.shift}


def measure(request: Request, hardware: HardwareConfig) -> Row:
    """Run one product on hardware that holds it (``gemm_product.fitted``); returns all its figures."""
    product = Product(request, hardware)
    predicted, prediction = product.predict(request.dense)
    dense_cycles, _ = product.predict(True)
    with tempfile.TemporaryDirectory(prefix="halftone-") as folder:
        counted, writes = simulate(product, Path(folder))
    last = int(writes["cycles"].max(initial=-1))
    cycles, width, zero_share = last - counted["accepted"], hardware.width, product.zero_share
    macs, offered = counted["issued"] * width, counted["offered"] * width * width
    shape = request.shape
    return {
        "tokens": shape.tokens, "channels": shape.channels, "outputs": shape.outputs, "zeros": request.zeros,
        "signed": request.signed, "dense": request.dense, "seed": request.seed, "zero_share": zero_share,
        "lanes": hardware.lanes, "width": width, "multipliers": hardware.multipliers,
        "cycles": cycles, "predicted_cycles": predicted, "dense_cycles": dense_cycles,
        "macs": macs, "predicted_macs": prediction.macs,
        "macs_offered": offered, "predicted_macs_offered": prediction.macs_offered, "macs_skipped": offered - macs,
        "useful_macs": product.useful_macs,
        "utilisation": product.useful_macs / (hardware.multipliers * cycles),
        "speed_up": dense_cycles / cycles,
        "share_of_ideal": dense_cycles / cycles * (1 - zero_share),
        "lane_wait_cycles": {name.removeprefix("waiting_"): counted[name] for name in counted
                             if name.startswith("waiting_")},
        **compare(product, writes),
    }


def faults(row: Row) -> list[str]:
    """One sentence for everything about a row that is not as it must be."""
    found = [f"{name.replace('_', ' ')}: measured {row[name]:,}, predicted {row[f'predicted_{name}']:,}"
             for name in ("cycles", "macs", "macs_offered") if row[name] != row[f"predicted_{name}"]]
    if row["mismatches"]:
        found.append(f"{row['mismatches']:,} of {row['values_compared']:,} values differ from the reference; first "
                     + "; ".join("token {token}, output {output}: expected {expected}, got {got} ({writes} writes)"
                                 .format(**entry) for entry in row["first_mismatches"]))
    return found
