"""The progress bar of a drawing, and the iterator over its steps as they end."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from golden.spec.timing import Estimate
from sim.comparison import Comparison
from sim.job import STEPS_FILE, StepDone
from sim.recorder import read_records, record_bytes

POLL_SECONDS = 0.2
LOG_INTERVAL_SECONDS = 10.0
"""Between two lines where the bar goes to a file rather than to a terminal."""


def follow_steps(folder: Path, ended: threading.Event, poll: float = POLL_SECONDS) -> Iterator[StepDone | None]:
    """Steps of a running drawing as they end, and None whenever there is none new; stops once ``ended`` is set."""
    path, offset = folder / STEPS_FILE, 0
    while True:
        last_look = ended.is_set()
        content = b""
        if path.exists():
            with path.open("rb") as file:
                file.seek(offset)
                content = file.read()
        lines = content[:content.rfind(b"\n") + 1]
        offset += len(lines)
        yield from (StepDone(**json.loads(line)) for line in lines.splitlines())
        if last_look:
            return
        yield None
        ended.wait(poll)


def last_cycle(comparison: Comparison) -> int:
    """Clock cycle of the latest record that has reached a file; 0 before the first."""
    latest = 0
    for memory, bits in comparison.bits().items():
        path = comparison.folder / f"{memory}.records"
        count = path.stat().st_size // record_bytes(bits) if path.exists() else 0
        if count:
            latest = max(latest, int(read_records(path, bits, count - 1, 1)["cycle"][0]))
    return latest


class Progress(AbstractContextManager):
    """Denoising step, simulated cycles per second and time left; the total follows the steps that have ended."""

    def __init__(self, estimate: Estimate) -> None:
        self.estimate = estimate
        self.steps = estimate.steps
        interval = {} if sys.stderr.isatty() else {"mininterval": LOG_INTERVAL_SECONDS}
        self.bar = tqdm(total=estimate.cycles, unit=" cycles", unit_scale=True, dynamic_ncols=True, **interval)
        self.done: StepDone | None = None
        self.describe(0)

    def describe(self, step: int) -> None:
        """Say which step is being simulated."""
        self.bar.set_description(f"step {min(step, self.steps)} of {self.steps}", refresh=False)

    def step(self, done: StepDone) -> None:
        """A step has ended; those to come take as long as those before, by what was expected of each."""
        self.done = done
        if done.step:
            each = self.estimate.each
            share = (done.cycles - self.estimate.noise) / sum(each[:done.step])
            self.estimate = replace(self.estimate, each=tuple(round(share * cycles) for cycles in each))
            self.bar.total = max(done.cycles, self.estimate.cycles)
        self.describe(done.step + 1)
        self.move(done.cycles)

    def tick(self, clock_cycle: int) -> None:
        """Within a step: the simulation has come to a clock cycle."""
        number = self.done.step + 1 if self.done else 0
        base, clock = (self.done.cycles, self.done.simulated) if self.done else (0, clock_cycle)
        limit = self.estimate.step_cycles[min(number, self.steps)]
        self.move(min(limit, base + max(0, clock_cycle - clock)))

    def move(self, cycles: int) -> None:
        """Show so many of the core's cycles, never fewer than before."""
        self.bar.update(max(0, cycles - self.bar.n))

    def __exit__(self, *exception: Any) -> None:
        """The last line stays."""
        self.bar.close()
