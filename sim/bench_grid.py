"""The grid against the closed form of its lanes, in every cycle."""

from __future__ import annotations

from collections import Counter

import cocotb

from golden.spec.latency import drain_latency
from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.bench_lane import ARRIVAL, CASES, DAMAGE_LATENCY, load_tile, random_flips
from sim.clock import Clock
from sim.lane_model import STATES, LaneModel, Line, TokenSource, random_tile
from sim.units import unit_description

CYCLES = 1500
COUNT_LATENCY = 2
"""Cycles by which counts of lanes are late."""
INPUTS = ("slot", "reserve", "line", "control", "dense", "line_valid", "line_lane")


class GridBench:
    """Serves the lanes in turn and compares the grid's ports with the models."""

    def __init__(self, dut, case: str) -> None:
        self.dut = dut
        self.config = bench_config()
        self.bits = unit_description()["parameters"]["control"]
        self.random = seeds.generator(f"grid {case}")
        zeros, lines, self.pace, skip, extreme = CASES[case]
        self.tile = random_tile(self.config, self.random, extreme)
        self.flips = random_flips(self.config, self.random)
        self.damaged = {}    # cycle -> whether a damaged row is told
        self.models = [LaneModel(self.config, index, self.tile, paired=bool(self.config.dense_lanes))
                       for index in range(self.config.lanes)]
        self.sources = [TokenSource(self.config, self.random, zeros, lines, skip, extreme) for _ in self.models]
        self.arriving = {}
        self.line = None     # that arrives in this cycle
        self.counts = {}
        self.drained = {}
        self.tokens = 0

    def next_line(self, cycle: int, slot: int) -> Line | None:
        """The line that the served lane is given, if any."""
        if not self.models[slot].has_space(cycle) or self.random.random() >= self.pace:
            return None
        line = self.sources[slot].next_line()
        self.models[slot].fetch(cycle, line)
        return line

    def drive(self, cycle: int) -> None:
        """Inputs of a cycle."""
        dut = self.dut
        config = self.config
        slot = cycle % config.lanes
        fetched = self.next_line(cycle, slot)
        if fetched:
            self.arriving[cycle + ARRIVAL] = (slot, fetched)
        dut.slot.value = slot
        dut.reserve.value = int(fetched is not None)
        lane, line = self.arriving.pop(cycle, (self.random.randrange(config.lanes), None))
        dut.line_valid.value = int(line is not None)
        dut.line_lane.value = lane
        dut.line.value = pack(line.values, 4) if line else self.random.getrandbits(config.line_bits)
        noise = self.random.getrandbits(sum(count for _, count in self.bits))
        dut.control.value = line.control(self.bits) if line else noise
        noise = self.random.getrandbits(config.line_words * config.width)
        dut.dense.value = line.dense if line and config.dense_lanes else noise
        self.line = line
        dut.tile__address.value = self.random.randrange(config.tile_rows)      # nothing is written
        dut.tile__data.value = self.random.getrandbits(config.word_bits)
        dut.flips.value = self.random.randrange(2)

    def reads(self) -> list[dict[int, int]]:
        """Cycle -> row that is read, of each copy of the tile memory."""
        return [model.reads for model in self.models]

    def states(self, cycle: int) -> Counter:
        """How many lanes are in each state."""
        return Counter(model.state(cycle) for model in self.models)

    def check(self, cycle: int) -> None:
        """Outputs of a cycle."""
        slot = cycle % self.config.lanes
        expected = {"space": int(self.models[slot].has_space(cycle)), "fault": 0, "collision": 0,
                    "partner_space": int(self.models[slot ^ 1].has_space(cycle))}
        read = [row for reads in self.reads() for row in [reads.pop(cycle, None)]]
        self.damaged[cycle + DAMAGE_LATENCY + 1] = any(row in self.flips for row in read)
        expected["damaged"] = int(self.damaged.pop(cycle, False))
        if self.line:
            expected["nonzero"] = self.line.nonzero(self.config.width)
        self.counts[cycle + COUNT_LATENCY] = self.states(cycle)
        counts = self.counts.pop(cycle, None)
        if counts is not None:
            expected.update({name: counts[name] for name in STATES})
        token = self.models[slot].granted.pop(cycle, None)
        if token is not None:
            self.drained[cycle + drain_latency(self.config)] = token
        token = self.drained.pop(cycle, None)
        expected["drained_valid"] = int(token is not None)
        if token is not None:
            expected.update(drained_entry=token[0], drained_token=token[1], drained=token[2])
            self.tokens += 1
        got = {name: int(getattr(self.dut, name).value) for name in expected}
        different = {name: (value, got[name]) for name, value in expected.items() if got[name] != value}
        assert not different, f"grid: cycle {cycle}: expected {expected}, got {got}, different {different}"


async def run(dut, bench: GridBench) -> None:
    """CYCLES cycles of a bench; not one token is left over."""
    clock = Clock(dut)
    for name in INPUTS:
        getattr(dut, name).value = 0
    await clock.start()
    await load_tile(dut, clock, bench.tile, bench.flips)
    for cycle in range(CYCLES):
        bench.drive(cycle)
        await clock.next_edge()
        bench.check(cycle)
    assert bench.tokens > CYCLES // 200
    assert not any(cycle < CYCLES for model in bench.models for cycle in model.granted)
    dut._log.info(f"grid: {bench.tokens} tokens equal")


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(case=["mixed", "short", "full"])
async def drains_every_token_once(dut, case):
    """Every token's sums and tag come in the cycle of the closed form, and nothing else does."""
    await run(dut, GridBench(dut, case))
