"""Comparison of what a unit did with what the golden model says, bit for bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy
from numpy.typing import ArrayLike


class MismatchError(AssertionError):
    """A value differs from the golden model; the message names unit, tensor, index, cycle and both values."""


@dataclass
class Scoreboard:
    """Compares tensors of one unit and counts the values compared."""

    unit: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def compared(self) -> int:
        """How many values were compared so far."""
        return self.counts.total()

    def compare(self, tensor: str, expected: ArrayLike, got: ArrayLike, cycle: ArrayLike | None = None) -> None:
        """Compare one tensor.

        Args:
            tensor: its name, for the message.
            expected: integers from the golden model.
            got: integers from the simulation.
            cycle: the cycle of each value, or one for all of them.

        Raises:
            MismatchError: a shape or any value differs.
        """
        want = numpy.asarray(expected)
        have = numpy.asarray(got)
        if want.shape != have.shape:
            raise MismatchError(f"{self.unit}: {tensor}: expected shape {want.shape}, got {have.shape}")
        wrong = numpy.argwhere(want != have)
        if len(wrong):
            raise MismatchError(self._describe(tensor, want, have, wrong, cycle))
        self.counts[tensor] += want.size

    def compare_writes(self, expected: Sequence[tuple[int, int, int]], got: Sequence[tuple[int, int, int]]) -> None:
        """Compare a memory's writes, each (cycle, address, data of any width), in their order.

        Raises:
            MismatchError: a write is missing or too many, or differs in its cycle, address or data.
        """
        for place, name in enumerate(("cycle", "address", "data")):
            self.compare(name, numpy.array([write[place] for write in expected], dtype=object),
                         numpy.array([write[place] for write in got], dtype=object),
                         [write[0] for write in expected])

    def _describe(self, tensor: str, want: numpy.ndarray, have: numpy.ndarray, wrong: numpy.ndarray,
                  cycle: ArrayLike | None) -> str:
        first = tuple(int(position) for position in wrong[0])
        index = ", ".join(map(str, first))
        when = "" if cycle is None else f" at cycle {numpy.broadcast_to(numpy.asarray(cycle), want.shape)[first]}"
        return (f"{self.unit}: {tensor}[{index}]{when}: expected {want[first]}, got {have[first]} "
                f"({len(wrong)} of {want.size} values differ)")

    def finish(self, least: int = 1) -> str:
        """A line that says what was compared.

        Raises:
            MismatchError: fewer than ``least`` values were compared, so the bench proved nothing.
        """
        if self.compared < least:
            raise MismatchError(f"{self.unit}: only {self.compared} values were compared, at least {least} expected")
        parts = ", ".join(f"{tensor} {count}" for tensor, count in self.counts.items())
        return f"{self.unit}: {self.compared} values equal ({parts})"
