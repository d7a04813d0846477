"""One lane against its closed form, in every cycle."""

from __future__ import annotations

import random

import cocotb

from golden.spec.check import check_bits
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import DRAIN_LATENCY
from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.clock import Clock
from sim.lane_model import STATES, LaneModel, TokenSource, random_tile
from sim.units import unit_description

CYCLES = 4000
ARRIVAL = 3
"""Cycles from the fetch of a line to the lane's input."""
DAMAGE_LATENCY = 3
"""Cycles from the read of a weight row to the lane's verdict on it."""
PAST_END = 0.02
"""Share of the rows that are written past the tile's end, and refused."""
DAMAGED_SHARE = 0.1
"""Of the rows."""
INPUTS = ("grant", "reserve", "line", "control", "line_valid")
CASES = {  # share of zeros, most lines of a token, probability of a line in a slot, skip, extremes
    "mixed": (0.5, 4, 0.8, 0.8, False),
    "sparse": (0.9, 6, 1.0, 1.0, False),
    "empty": (1.0, 3, 1.0, 0.9, False),
    "short": (0.97, 1, 1.0, 1.0, False),
    "full": (0.0, 2, 1.0, 0.5, True),
    "slow": (0.6, 3, 0.2, 0.8, True),
}


class LaneBench:
    """Serves the lane every ``lanes`` cycles and compares its ports with the model."""

    def __init__(self, dut, case: str) -> None:
        self.dut = dut
        self.config = bench_config()
        self.bits = unit_description()["parameters"]["control"]
        self.random = seeds.generator(f"lane {case}")
        zeros, lines, self.pace, skip, extreme = CASES[case]
        index = self.random.randrange(self.config.lanes)
        self.tile = random_tile(self.config, self.random, extreme)
        self.flips = random_flips(self.config, self.random)
        self.damaged = {}   # cycle -> whether a damaged row, read before, is told
        self.model = LaneModel(self.config, index, self.tile)
        self.source = TokenSource(self.config, self.random, zeros, lines, skip, extreme)
        self.arriving = {}
        self.sums = {}      # cycle -> sums of the token that was granted
        self.tokens = 0

    def drive(self, cycle: int) -> int:
        """Inputs of a cycle; returns the tile row that is written, with what it holds."""
        dut = self.dut
        serve = cycle % self.config.lanes == self.model.index
        reserve = serve and self.model.has_space(cycle) and self.random.random() < self.pace
        if reserve:
            line = self.source.next_line()
            self.model.fetch(cycle, line)
            self.arriving[cycle + ARRIVAL] = line
        dut.grant.value = int(serve)
        dut.reserve.value = int(reserve)
        line = self.arriving.pop(cycle, None)
        dut.line_valid.value = int(line is not None)
        dut.line.value = pack(line.values, 4) if line else self.random.getrandbits(self.config.line_bits)
        noise = self.random.getrandbits(sum(count for _, count in self.bits))
        dut.control.value = line.control(self.bits) if line else noise
        near = self.model.reads.get(cycle, 0)
        rows = self.config.tile_rows
        row = (near + self.random.randrange(2)) % rows
        if self.random.random() < PAST_END:
            row = rows + self.random.randrange(2)
        dut.tile__enable.value = 1
        dut.tile__address.value = row
        dut.tile__data.value = pack(self.tile[row % rows], 4)
        dut.flips.value = self.flips.get(row, 0)
        return row

    def check(self, cycle: int, written: int) -> None:
        """Outputs of a cycle."""
        dut = self.dut
        model = self.model
        if cycle % self.config.lanes == model.index:
            self.equal(cycle, "space", int(model.has_space(cycle)), dut.space)
        state = model.state(cycle)
        for name in STATES:
            self.equal(cycle, name, int(name == state), getattr(dut, name))
        read = model.reads.pop(cycle, None)
        self.damaged[cycle + DAMAGE_LATENCY] = read in self.flips
        self.equal(cycle, "collision", int(read == written), dut.collision)
        self.equal(cycle, "damaged", int(self.damaged.pop(cycle, False)), dut.damaged)
        self.equal(cycle, "fault", int(written >= self.config.tile_rows), dut.fault)
        self.check_token(cycle)

    def check_token(self, cycle: int) -> None:
        """Whether a token is granted in the lane's slot, and its sums when they are drained."""
        dut = self.dut
        served = cycle % self.config.lanes == self.model.index
        token = self.model.granted.pop(cycle, None)
        if served:
            self.equal(cycle, "done", int(token is not None), dut.done)
        if token is not None:
            self.equal(cycle, "entry", token[0], dut.entry)
            self.equal(cycle, "token", token[1], dut.token)
            self.sums[cycle + DRAIN_LATENCY - 1] = token[2]
        sums = self.sums.pop(cycle, None)
        if sums is not None:
            self.equal(cycle, "sums", sums, dut.sums)
            self.tokens += 1

    @staticmethod
    def equal(cycle: int, name: str, expected: int, port) -> None:
        """Raise where a port differs."""
        got = int(port.value)
        assert got == expected, f"lane: cycle {cycle}: {name}: expected {expected:#x}, got {got:#x}"


def random_flips(config: HardwareConfig, generator: random.Random) -> dict[int, int]:
    """Row -> check bits that are flipped in it; of few rows."""
    return {row: generator.randrange(1, 1 << check_bits(config.word_bits)) for row in range(config.tile_rows)
            if generator.random() < DAMAGED_SHARE}


async def load_tile(dut, clock: Clock, tile: list[list[int]], flips: dict[int, int]) -> None:
    """Write every row of the tile memory, some with flipped check bits."""
    dut.tile__enable.value = 1
    for address, row in enumerate(tile):
        dut.tile__address.value, dut.tile__data.value = address, pack(row, 4)
        dut.flips.value = flips.get(address, 0)
        await clock.next_edge()
    dut.tile__enable.value = 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(case=list(CASES))
async def follows_the_closed_form(dut, case):
    """Every cycle's space, state, tile row and token, and all sums."""
    clock = Clock(dut)
    bench = LaneBench(dut, case)
    for name in INPUTS:
        getattr(dut, name).value = 0
    await clock.start()
    await load_tile(dut, clock, bench.tile, bench.flips)
    for cycle in range(CYCLES):
        written = bench.drive(cycle)
        await clock.next_edge()
        bench.check(cycle, written)
    assert bench.tokens > CYCLES // 200
    dut._log.info(f"lane: {bench.tokens} tokens equal")
