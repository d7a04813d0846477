"""Write-back against ``golden.integer.requantise``: every write with its cycle, tokens and groups in any order."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np

from golden.integer.requantise import requantise
from golden.spec import numbers
from golden.spec.descriptors import Destination, MultiplierSource
from golden.spec.hardware import REGISTER_BITS, HardwareConfig
from golden.spec.latency import ARRAY_TAIL
from golden.spec.numbers import Format
from sim import seed as seeds
from sim.bench_engine import bench_config, load, pack
from sim.clock import Clock
from sim.coverage.marks import mark_limits
from sim.scoreboard import Scoreboard

VECTORS = 1500
WRITE_LATENCY = 5
RESIDUAL_LATENCY = 6
PAST_END = 0.1
"""Share of the vectors that go past the end of their memory."""
NEXT_UPDATE = 8
"""Vectors after which a residual word may be updated again."""
MEMORIES = ("activation", "key_value", "score", "residual")
FORMATS = {Destination.ACTIVATION: (Format.INT4, Format.UINT4), Destination.KEY: (Format.INT4,),
           Destination.VALUE: (Format.INT4,), Destination.SCORE: (Format.SCORE,),
           Destination.RESIDUAL_ADD: (Format.WIDE,), Destination.RESIDUAL_REPLACE: (Format.WIDE,)}
PLACES = {Destination.ACTIVATION: "activation", Destination.VALUE: "key_value", Destination.SCORE: "score",
          Destination.RESIDUAL_ADD: "residual", Destination.RESIDUAL_REPLACE: "residual"}
BITS = {"activation": 4, "key_value": 4, "score": numbers.SCORE_BITS, "residual": numbers.WIDE_BITS}


@dataclass
class KeyTile:
    """A tile of keys: rows that are to come, and what came."""

    base: int
    rows: list[int]
    content: np.ndarray
    free_from: int = 0


@dataclass
class Bench:
    """The writes that are due and those that were seen."""

    dut: Any
    config: HardwareConfig
    generator: random.Random
    numpy: np.random.Generator
    expected: dict[str, list] = field(default_factory=lambda: {name: [] for name in MEMORIES})
    seen: dict[str, list] = field(default_factory=lambda: {name: [] for name in MEMORIES})
    rows: list = field(default_factory=list)            # (cycle, lane, slot) of every score that is due
    seen_rows: list = field(default_factory=list)
    tiles: dict[int, KeyTile] = field(default_factory=dict)
    recent: deque = field(default_factory=lambda: deque(maxlen=NEXT_UPDATE))
    leaving: int = 0                                    # cycle of the last column of keys that is due

    def draw_inputs(self) -> None:
        """Parameters of every slot, multipliers of every row, and the residual stream."""
        config, draw = self.config, self.numpy.integers
        self.multipliers = draw(0, 1 << numbers.MULTIPLIER_BITS, (config.slots, config.width))
        self.biases = draw(-2000, 2000, (config.slots, config.width))
        self.row_multipliers = draw(0, 1 << numbers.MULTIPLIER_BITS, 2 * config.lanes)
        self.row_exponents = draw(0, 20, 2 * config.lanes)
        self.residual = draw(-32768, 32768, (config.residual_words, config.width))
        parameters = self.multipliers + (self.biases << numbers.MULTIPLIER_BITS)
        sets = [pack(row, numbers.PARAMETER_BITS) for row in parameters]
        self.dut.parameter_sets.value = pack(sets, numbers.PARAMETER_BITS * config.width)
        self.dut.row_multiplier.value = pack(self.row_multipliers, numbers.MULTIPLIER_BITS)
        self.dut.row_exponent.value = pack(self.row_exponents, 5)

    def draw_record(self, token: int, upcoming: int) -> dict[str, int]:
        """A group's record; of keys, one whose tile can take the token, and of values, one that meets no key."""
        config, generator = self.config, self.generator
        destination = generator.choice(list(FORMATS))
        if destination == Destination.VALUE and self.leaving >= upcoming + WRITE_LATENCY:
            destination = Destination.ACTIVATION
        record = {"multiplier_source": int(generator.choice(list(MultiplierSource))),
                  "slot": generator.randrange(config.slots), "multiplier": generator.randrange(1 << 14),
                  "shift": generator.randrange(4, 24), "row_slot": generator.randrange(2),
                  "format": int(generator.choice(FORMATS[destination])), "tile": generator.randrange(2),
                  "column": generator.randrange(config.width)}
        if destination == Destination.KEY and not self.draw_key(record, token, upcoming):
            destination = Destination.ACTIVATION
        if destination != Destination.KEY:
            depth = config.memory_shapes[PLACES[destination]][0]
            record["vector_stride"] = generator.choice([0, 1, generator.randrange(1 + (depth - 1) // config.lanes)])
            record["address"] = generator.randrange(depth - token * record["vector_stride"])
            if PLACES[destination] != "residual" and generator.random() < PAST_END:     # its memory would refuse it
                record["address"] = 1 << generator.randrange((depth - 1).bit_length(), REGISTER_BITS)
        return {**record, "destination": int(destination)}

    def draw_key(self, record: dict[str, int], token: int, upcoming: int) -> bool:
        """Place a token of keys; false where its place is taken."""
        width = self.config.width
        tile = self.tiles.get(record["tile"])
        if tile is None or not tile.rows and tile.free_from <= upcoming:
            base = self.generator.randrange(self.config.key_value_words - width)
            tile = self.tiles[record["tile"]] = KeyTile(base, list(range(width)), np.zeros((width, width), dtype=int))
        rows = [row for row in tile.rows if row >= token]
        if not rows:
            return False
        row = self.generator.choice(rows)
        tile.rows.remove(row)
        record.update(column=row - token, address=tile.base, vector_stride=self.generator.randrange(1 << 12))
        return True

    def account(self, cycle: int, token: int, record: dict[str, int], sums: np.ndarray) -> None:
        """What a vector that is drained in ``cycle`` changes, and when."""
        row = record["row_slot"] * self.config.lanes + token
        source, shift = MultiplierSource(record["multiplier_source"]), record["shift"]
        multipliers, biases = record["multiplier"], 0
        if source == MultiplierSource.COLUMN:
            multipliers, biases = self.multipliers[record["slot"]], self.biases[record["slot"]]
        elif source == MultiplierSource.ROW:
            multipliers, shift = self.row_multipliers[row], shift + self.row_exponents[row]
        values = requantise(sums, multipliers, biases, shift, Format(record["format"]))
        destination = Destination(record["destination"])
        if destination == Destination.KEY:
            self.account_key(cycle + WRITE_LATENCY, self.tiles[record["tile"]], record["column"] + token, values)
            return
        memory = PLACES[destination]
        address = record["address"] + token * record["vector_stride"]
        if memory == "residual":
            before = self.residual[address] if destination == Destination.RESIDUAL_ADD else 0
            values = self.residual[address] = np.clip(before + values, -32768, 32767)
        cycle += RESIDUAL_LATENCY if memory == "residual" else WRITE_LATENCY
        self.expected[memory].append((cycle, self.bounded(memory, address), pack(values, BITS[memory])))
        if destination == Destination.SCORE:
            self.rows.append((cycle, token, record["row_slot"]))

    def bounded(self, memory: str, address: int) -> int:
        """The address at a memory's port, which has a bit more than the memory needs: all ones where it is too wide."""
        bits = len(getattr(self.dut, f"written_{memory}__address"))
        return address if address < 1 << bits else (1 << bits) - 1

    def account_key(self, cycle: int, tile: KeyTile, row: int, values: np.ndarray) -> None:
        """A key in its tile; the last one sends the tile on its way."""
        width = self.config.width
        tile.content[row] = values
        tile.free_from = 1 << 60
        if tile.rows:
            return
        first = max(cycle, self.leaving) + 1
        self.expected["key_value"] += [(first + i, tile.base + i, pack(tile.content[:, i], 4)) for i in range(width)]
        self.leaving = first + width - 1
        tile.free_from = self.leaving + 1 - WRITE_LATENCY

    def watch(self, cycle: int) -> None:
        """What is written in a cycle."""
        dut = self.dut
        for name in MEMORIES:
            if int(getattr(dut, f"written_{name}__enable").value):
                self.seen[name].append((cycle, *(int(getattr(dut, f"written_{name}__{part}").value)
                                                 for part in ("address", "data"))))
        if int(dut.written_score__enable.value):
            self.seen_rows.append((cycle, int(dut.score_lane.value), int(dut.score_slot.value)))
        assert not int(dut.conflict.value) and not int(dut.fault.value), f"write back: cycle {cycle}: an error"

    def hazard(self, token: int, record: dict[str, int]) -> bool:
        """Whether a residual word was updated too short a time ago."""
        if PLACES.get(Destination(record["destination"])) != "residual":
            return False
        address = record["address"] + token * record["vector_stride"]
        seen = address in self.recent
        self.recent.append(address)
        return seen

    def drive(self, valid: bool, token: int, record: dict[str, int], sums: np.ndarray) -> None:
        """A vector at the ports."""
        self.dut.drained_valid.value = int(valid)
        self.dut.drained_token.value = token
        self.dut.drained.value = pack(sums, self.config.accumulator_bits)
        for name, value in record.items():
            getattr(self.dut, f"record_{name}").value = value


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.5])
async def matches_golden(dut: Any, bubble: float) -> None:
    """Vectors of any group, token and destination, at up to one a cycle; each write in its cycle."""
    config = bench_config()
    clock = Clock(dut)
    bench = Bench(dut, config, seeds.generator(f"write back {bubble}"), seeds.numpy_generator(f"write back {bubble}"))
    dut.drained_valid.value = 0
    dut.load_residual__enable.value = 0
    bench.draw_inputs()
    await clock.start()
    await load(dut, clock, "load_residual", [pack(row, numbers.WIDE_BITS) for row in bench.residual])
    limit = 1 << (config.accumulator_bits - 1)
    for _ in range(VECTORS):
        token = bench.generator.randrange(config.lanes)
        sums = bench.numpy.integers(-limit, limit, config.width) >> bench.generator.randrange(config.accumulator_bits)
        record = bench.draw_record(token, clock.cycle + 1)
        # a key has its place by now, so it goes; where a residual word must wait, something else is shown
        valid = record["destination"] == Destination.KEY or bench.generator.random() >= bubble
        valid = valid and not bench.hazard(token, record)
        bench.drive(valid, token, record, sums)
        await clock.next_edge()
        bench.watch(clock.cycle)
        if valid:
            bench.account(clock.cycle, token, record, sums)
    dut.drained_valid.value = 0
    for _ in range(RESIDUAL_LATENCY + 2 * config.width):
        await clock.next_edge()
        bench.watch(clock.cycle)
    board = Scoreboard("write back")
    for name in MEMORIES:
        board.compare_writes(sorted(bench.expected[name]), bench.seen[name])
    board.compare("rows", bench.rows, bench.seen_rows)
    words = [data for _, _, data in bench.seen["residual"]]
    stream = [word >> numbers.WIDE_BITS * i & 0xFFFF for word in words for i in range(config.width)]
    mark_limits("residual sum", [value - (value >> 15 << 16) for value in stream], *numbers.LIMITS[Format.WIDE])
    assert RESIDUAL_LATENCY <= ARRAY_TAIL
    dut._log.info(board.finish(least=VECTORS))
