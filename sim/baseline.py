"""Speed against a dense 16-bit array in the same budget of look-up tables and DSP blocks.

``boards/baselines/<configuration>.json`` holds what synthesis found (``make baseline CONFIG=...`` makes it anew): how
many 16-bit multipliers fit in the budget of the configuration's array. The 16-bit array is taken to use every
multiplier in every cycle, at our clock, and 8-bit layers cost it one product where they cost ours four: all of that is
in its favour.
"""

from __future__ import annotations

import json
from pathlib import Path

from golden.integer.workload import products
from golden.spec.model import ModelConfig
from sim.verilator import REPOSITORY

FOLDER = REPOSITORY / "boards" / "baselines"
COMPARISON = "same_budget"


def multipliers(config: Path) -> int | None:
    """16-bit multipliers in the budget of a configuration's array; None where no synthesis is at hand."""
    path = FOLDER / f"{config.stem}.json"
    if not path.is_file():
        return None
    return int(json.loads(path.read_text(encoding="utf-8"))["comparisons"][COMPARISON]["multipliers"])


def wide_macs(config: ModelConfig) -> int:
    """16-bit multiply-accumulates of one evaluation: an 8-bit layer's are one each."""
    return sum(products(config).values())


def speed_up(macs: int, cycles: float, wide_multipliers: int | None) -> float | None:
    """Cycles of the 16-bit array over ours; None where its size is not known."""
    return macs / wide_multipliers / cycles if wide_multipliers else None
