"""The grid with dense pairs against the closed form of its lanes and pairs, in every cycle."""

from __future__ import annotations

from collections import Counter

import cocotb

from sim.bench_grid import GridBench, run
from sim.bench_lane import CASES
from sim.coverage.marks import mark
from sim.lane_model import Line
from sim.pair_model import PairModel, PairSource


class PairBench(GridBench):
    """Serves the lanes in turn, and dispatches tokens to both lanes of a pair together.

    The lower lane is given a new token in its slot if both lanes have all lines of theirs and space; the other one then
    gets its own in the next cycle, its own slot.
    """

    def __init__(self, dut, case: str) -> None:
        super().__init__(dut, case)
        self.pairs = [PairModel(self.config, tuple(self.models[lane:lane + 2]))
                      for lane in range(0, self.config.lanes, 2)]
        self.pair_source = PairSource(self.sources[0], self.random)
        self.left = [() for _ in self.models]  # lines of each lane's token that are still to be fetched
        self.forced = False                    # the lower lane took a token in the cycle before

    def next_line(self, cycle: int, slot: int) -> Line | None:
        """The line that the served lane is given, if any."""
        forced, self.forced = self.forced, False
        ready = self.models[slot].has_space(cycle) and self.random.random() < self.pace
        if not ready and not forced:
            return None
        if not self.left[slot]:
            if slot % 2 or self.left[slot + 1] or not self.models[slot + 1].has_space(cycle):
                return None
            self.left[slot:slot + 2] = self.pair_source.next_tokens()
            self.forced = True
        line = self.left[slot].popleft()
        self.pairs[slot // 2].fetch(cycle, slot % 2, line)
        dense, channels = len(line.dense_channels(self.config.width)), line.words.bit_count() * self.config.width
        mark(f"mask {'none' if not dense else 'all' if dense == channels else 'some'} dense")
        return line

    def reads(self) -> list[dict[int, int]]:
        """The pairs' copies too."""
        return [*super().reads(), *(pair.reads for pair in self.pairs)]

    def states(self, cycle: int) -> Counter:
        """A dense channel is multiplied by two lanes."""
        states = super().states(cycle)
        states["issued"] += 2 * sum(pair.issues(cycle) for pair in self.pairs)
        return states


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(case=list(CASES))
async def adds_both_kinds_of_lanes(dut, case):
    """Every token's sums come in the cycle of the closed form, whichever channels are dense."""
    await run(dut, PairBench(dut, case))
