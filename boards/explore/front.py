"""The Pareto front: what no other configuration beats in both images a second and look-up table sites."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from boards.explore.evaluate import Outcome

Item = TypeVar("Item")


def pareto(items: Iterable[Item], gain: Callable[[Item], float], cost: Callable[[Item], float]) -> list[Item]:
    """Items that no other dominates, by rising cost; of those alike in both, the first.

    One dominates another if it gains no less and costs no more, and is better in one of the two.
    """
    front: list[Item] = []
    for item in sorted(items, key=lambda item: (cost(item), -gain(item))):
        if not front or gain(item) > gain(front[-1]):
            front.append(item)
    return front


def front_of(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The feasible ones that no other dominates, the smallest first."""
    return pareto((outcome for outcome in outcomes if outcome.feasible),
                  lambda outcome: outcome.images_per_second, lambda outcome: outcome.sites)
