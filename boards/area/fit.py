"""Least squares: from synthesised cores to the area model, and its error on cores that it was not fitted to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from boards.area.memory import Counts
from boards.area.model import RANGED, AreaModel
from boards.area.terms import copies, known_cells, part_terms
from boards.report import needs
from boards.synthesis import KINDS
from golden.spec.hardware import HardwareConfig

Point = tuple[HardwareConfig, dict[str, Counts]]
"""A configuration and its synthesised cells by part."""


def fit(points: Sequence[Point]) -> AreaModel:
    """The model of least weighted squares. Raises ``ValueError`` without any points."""
    if not points:
        raise ValueError("there are no synthesised configurations to fit; expected some")
    parts = sorted({part for _, cells in points for part in cells})
    ranges = {name: (min(getattr(config, name) for config, _ in points),
                     max(getattr(config, name) for config, _ in points)) for name in RANGED}
    return AreaModel({part: {kind: coefficients(part, kind, points) for kind in KINDS} for part in parts}, ranges)


def coefficients(part: str, kind: str, points: Sequence[Point]) -> list[float]:
    """Of a part's terms for one kind of cell: what memories do not explain, fitted by least squares.

    A square counts by one over the number of cells, as the error of a large unit is larger. Of a part that fewer points
    have than it has terms, only so many of the first terms count.
    """
    rows, wanted = [], []
    for config, cells in points:
        if part in cells:
            number = cells[part][kind] - known_cells(part, config)[kind]
            weight = 1 / math.sqrt(1 + abs(number))
            rows.append([weight * value for value in part_terms(part, config)])
            wanted.append(weight * number)
    matrix = np.array(rows, dtype=float)
    solution, *_ = np.linalg.lstsq(matrix[:, :len(rows)], np.array(wanted, dtype=float), rcond=None)
    return [float(value) for value in solution] + [0.0] * (matrix.shape[1] - len(solution))


def synthesised(point: Point) -> Counts:
    """What a synthesised core takes, in the terms of devices."""
    config, parts = point
    return needs({kind: sum(copies(part, config) * cells[kind] for part, cells in parts.items()) for kind in KINDS})


def errors(model: AreaModel, point: Point) -> dict[str, dict[str, float]]:
    """Of each resource of the parts of a point: synthesised, predicted, and the difference as a share of the former."""
    config, parts = point
    real = synthesised(point)
    predicted = synthesised((config, {part: model.part(part, config) for part in parts}))
    return {kind: {"synthesised": real[kind], "predicted": predicted[kind],
                   "error": (predicted[kind] - real[kind]) / max(1, real[kind])} for kind in real}


def leave_one_out(points: Sequence[Point]) -> dict[str, dict]:
    """Errors of every point by a fit of all the others; not of those that the others are too few for."""
    found = {}
    for number, point in enumerate(points):
        others = [*points[:number], *points[number + 1:]]
        if foretells(others, point):
            found[point[0].name] = errors(fit(others), point)
    return found


def foretells(others: Sequence[Point], point: Point) -> bool:
    """Whether the point is within the others' range, and each of its parts is in as many of them as it has terms."""
    config, parts = point
    seen = {part: [other for other, cells in others if part in cells] for part in parts}
    return (all(min(values) <= getattr(config, name) <= max(values) for name in RANGED
                for values in [[getattr(other, name) for other, _ in others]])
            and all(len(configs) >= len(part_terms(part, config)) for part, configs in seen.items()))


def largest(found: dict[str, dict], kind: str) -> float:
    """The largest absolute error of a resource, as a share."""
    return max((abs(row[kind]["error"]) for row in found.values()), default=math.nan)
