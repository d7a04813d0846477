"""Timing of the detector, which renews entries of the split table behind the array."""

from __future__ import annotations

from collections import deque

from golden.spec.hardware import HardwareConfig
from golden.spec.interpreter import ProgramError
from golden.spec.split import DECIDE_LATENCY, REQUEST_DEPTH, decide_cycles


class DecisionClock:
    """Requests are served in order, an entry in ``decide_cycles`` cycles. Every time is a cycle."""

    def __init__(self, config: HardwareConfig) -> None:
        self.entry_cycles = decide_cycles(config)
        self.ends: deque[int] = deque([-1], REQUEST_DEPTH)    # of the last requests

    @property
    def idle(self) -> int:
        """First cycle in which nothing is left to decide."""
        return self.ends[-1] + 1

    def request(self, retired: int, entries: int) -> None:
        """Decide so many entries (0 as 1) by a descriptor that retires in cycle ``retired``.

        Raises ``ProgramError`` where the detector may have no room for the request.
        """
        cycle = retired + DECIDE_LATENCY
        if len(self.ends) == REQUEST_DEPTH and self.ends[0] >= cycle:
            raise ProgramError(f"a decision is asked for in cycle {cycle} while {REQUEST_DEPTH} wait; "
                               "ask for fewer entries, or later")
        self.ends.append(max(cycle, self.ends[-1]) + max(1, entries) * self.entry_cycles)
