"""The area model: cells of a configuration without synthesis."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from boards.area.memory import Counts
from boards.area.terms import copies, known_cells, part_terms
from boards.report import needs
from boards.synthesis import KINDS
from golden.spec.hardware import HardwareConfig

FITTED_FILE = Path(__file__).with_name("ecp5.json")
RANGED = ("lanes", "width", "line_words", "slots", "norm_parts", "word_checks")
"""Fields whose values beyond the fitted ones are refused."""

Coefficients = dict[str, dict[str, list[float]]]
"""Of each part and kind of cell, one for each of the part's terms."""


class AreaRangeError(ValueError):
    """A configuration larger or smaller than any that was synthesised; one sentence."""


@dataclass(frozen=True)
class AreaModel:
    """Coefficients, and the smallest and largest value of each field of RANGED that they were fitted to."""

    coefficients: Coefficients
    ranges: dict[str, tuple[int, int]]

    def cells(self, config: HardwareConfig) -> Counts:
        """Cells of the whole core. Raises ``AreaRangeError``."""
        self.check(config)
        total: Counter[str] = Counter()
        for part in self.coefficients:
            for kind, number in self.part(part, config).items():
                total[kind] += copies(part, config) * number
        return {kind: total[kind] for kind in KINDS}

    def part(self, part: str, config: HardwareConfig) -> Counts:
        """Cells of one lane, one pair, or a unit."""
        terms, known = part_terms(part, config), known_cells(part, config)
        return {kind: known[kind] + max(0, round(sum(map(float.__mul__, factors, terms))))
                for kind, factors in self.coefficients[part].items()}

    def needs(self, config: HardwareConfig) -> Counts:
        """The same in the terms of devices: look-up table sites, flip-flops, block RAMs, multipliers."""
        return needs(self.cells(config))

    def check(self, config: HardwareConfig) -> None:
        """Raise ``AreaRangeError`` for what is beyond the fit."""
        for name, (low, high) in self.ranges.items():
            value = getattr(config, name)
            if not low <= value <= high:
                raise AreaRangeError(f"hardware.{name} is {value}; the area model is fitted from {low} to {high}: "
                                     "add such configurations to boards/area/points.py and run "
                                     "python -m boards.area fit")


def load(path: Path = FITTED_FILE) -> AreaModel:
    """The fitted model that is part of the repository."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return AreaModel(content["coefficients"], {name: tuple(pair) for name, pair in content["ranges"].items()})
