"""Which mutants of a unit are tried: chosen by a seed, spread evenly over its parts and over the kinds of fault."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence

from rtl.mutants.plant import Mutant


def group(mutant: Mutant) -> tuple[str, str]:
    """Part and operator; copies of a part, which differ in a number, are one."""
    return re.sub(r"\d+", "#", mutant.path), mutant.operator


def choose(mutants: Sequence[Mutant], count: int, seed: int) -> list[int]:
    """Numbers of ``count`` mutants, or of all: one of each group in turn, groups and members in a random order."""
    generator = random.Random(seed)
    groups = defaultdict(list)
    for number, mutant in enumerate(mutants):
        groups[group(mutant)].append(number)
    waiting = [groups[key] for key in sorted(groups)]
    generator.shuffle(waiting)
    for members in waiting:
        generator.shuffle(members)
    chosen: list[int] = []
    while waiting and len(chosen) < count:
        chosen += [members.pop() for members in waiting[:count - len(chosen)]]
        waiting = [members for members in waiting if members]
    return sorted(chosen)
