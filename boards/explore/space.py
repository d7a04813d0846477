"""What the search may choose: the array's shape, its buffers, dense lanes, DSP blocks or look-up tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass

from golden.spec.hardware import HardwareConfig

Suggest = Callable[[str, tuple], object]
"""Chooses one of some values for a name, as ``optuna.Trial.suggest_categorical``."""

NO_DENSE = "none"
CHOICES: dict[str, tuple] = {
    "lanes": (2, 4, 8, 16),
    "width": (8, 16, 32),
    "line_words": (1, 2, 4, 8),
    "slots": (4, 8),    # with 2, which can be built, the first load of keys waits for ever (ProgramError)
    "norm_parts": (1, 2),
    "dense": (NO_DENSE, "logic", "half", "dsp"),   # dense lanes: none; or one a sparse lane, this much in DSP blocks
}
DSP_SHARES = {"logic": 0.0, "half": 0.5, "dsp": 1.0}


@dataclass(frozen=True)
class Choice:
    """One point of the space. Memory depths are no choice: they follow from the model (``golden.compile.sizing``)."""

    lanes: int
    width: int
    line_words: int
    slots: int
    norm_parts: int
    dense: str

    @property
    def name(self) -> str:
        """Short and unique."""
        return (f"{self.lanes}x{self.width}-line{self.line_words}-slots{self.slots}-norm{self.norm_parts}"
                f"-dense-{self.dense}")

    def shape(self) -> HardwareConfig:
        """The array of this choice with the default memories; raises ``ConfigError`` for what cannot be built."""
        dense = 0 if self.dense == NO_DENSE else self.lanes
        dsp = 2 * round(dense * DSP_SHARES.get(self.dense, 0.0) / 2)
        return HardwareConfig(name=self.name, lanes=self.lanes, width=self.width, line_words=self.line_words,
                              slots=self.slots, slot_rows=self.line_words * self.width, norm_parts=self.norm_parts,
                              dense_lanes=dense, dsp_lanes=dsp)

    def values(self) -> dict[str, object]:
        """By name."""
        return asdict(self)


def within(ranges: dict[str, tuple[int, int]]) -> dict[str, tuple]:
    """The values that lie within the ranges of their names, both ends among them."""
    return {name: tuple(value for value in values if name not in ranges or ranges[name][0] <= value <= ranges[name][1])
            for name, values in CHOICES.items()}


def choose(suggest: Suggest, choices: dict[str, tuple] = CHOICES) -> Choice:
    """A choice by somebody who suggests values."""
    return Choice(**{name: suggest(name, values) for name, values in choices.items()})


def everything(choices: dict[str, tuple] = CHOICES) -> list[Choice]:
    """Every point, those that cannot be built too."""
    return [Choice(*values) for values in itertools.product(*choices.values())]
