"""The choice of 4 or 8 bits for each group of layers under a budget of cycles.

What a choice costs is asked of a function, as cycles are the compiler's to know: ``golden/compile/precision.py``
joins both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import inf

from golden.quantise.calibrate import Calibration
from golden.quantise.damage import Damage, Trial
from golden.quantise.quantised import QuantisedTransformer
from golden.spec.precision import group_names
from golden.spec.validation import require

Groups = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen; cycles and damage of it, and of the model that is all 4-bit."""

    eight_bit: Groups
    cycles: int
    damage: float
    cycles_before: int
    damage_before: float


def choose(groups: Sequence[str], damage: Callable[[Groups], float], cycles: Callable[[Groups], int],
           limit: int) -> Choice:
    """The groups to hold in 8 bits with at most ``limit`` cycles: greedy, then improved by single exchanges.

    The group that removes the most damage for each cycle it adds comes first. In the end no group can be added, and
    none exchanged for another, that fits the limit and leaves less damage. Both functions take sorted names, and are
    asked once for each set. Raises ``ConfigError`` where the limit is below what 4 bits take.
    """
    damage, cycles = cache(damage), cache(cycles)
    check_limit(limit, cycles(()))
    held: Groups = ()
    while True:
        asked = (held, groups, damage, cycles, limit)
        better = best_addition(*asked) or best_exchange(*asked)
        if better is None:
            return Choice(eight_bit=held, cycles=cycles(held), damage=damage(held), cycles_before=cycles(()),
                          damage_before=damage(()))
        held = better


def check_limit(limit: int, least: int) -> None:
    """Raise ``ConfigError`` for a limit below the cycles that 4 bits take."""
    require(limit >= least, f"the budget is {limit:,} cycles; expected at least the {least:,} that 4 bits take")


def best_addition(held: Groups, groups: Sequence[str], damage: Callable, cycles: Callable, limit: int) -> Groups | None:
    """``held`` and the group that removes the most damage for each cycle; None where none fits and helps."""
    def gain(wider: Groups) -> float:
        added, removed = cycles(wider) - cycles(held), damage(held) - damage(wider)
        return removed / added if added > 0 else inf

    wider = [tuple(sorted((*held, name))) for name in groups if name not in held]
    return max((found for found in wider if cycles(found) <= limit and damage(found) < damage(held)), key=gain,
               default=None)


def best_exchange(held: Groups, groups: Sequence[str], damage: Callable, cycles: Callable, limit: int) -> Groups | None:
    """``held`` with one group exchanged for another, for the least damage; None where no exchange fits and helps."""
    others = [name for name in groups if name not in held]
    exchanged = [tuple(sorted({*held, new} - {old})) for old, new in product(held, others)]
    return min((found for found in exchanged if cycles(found) <= limit and damage(found) < damage(held)), key=damage,
               default=None)


class Precisions:
    """A calibrated model in any choice of 8-bit groups, and the damage of each."""

    def __init__(self, model: QuantisedTransformer, steps: Calibration, trial: Trial,
                 tell: Callable[[Groups, Damage], None] = lambda *_: None):
        self.model, self.steps, self.trial, self.tell = model, steps, trial, tell

    @property
    def groups(self) -> Groups:
        """What there is to choose."""
        return group_names(self.model.config)

    def with_groups(self, eight_bit: Groups) -> QuantisedTransformer:
        """The model with these groups in 8 bits, and steps to match."""
        self.model.widen(eight_bit)
        self.steps.apply(self.model)
        return self.model

    def damage(self, eight_bit: Groups) -> float:
        """The velocity's relative error."""
        found = self.trial.damage(self.with_groups(eight_bit))
        self.tell(eight_bit, found)
        return found.velocity
