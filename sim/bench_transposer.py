"""Transposer against numpy, in every cycle."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from sim import seed as seeds
from sim.bench_engine import bench_config, pack
from sim.clock import Clock

TILES = 40
LAST_BASE = 1 << 20


class Tile:
    """One of the two tiles: the rows that are to come, and when it may fill again."""

    def __init__(self) -> None:
        self.free_from = 0
        self.rows: list[int] = []

    def begin(self, random: np.random.Generator, width: int) -> None:
        """A new tile: its rows come in any order."""
        self.rows = list(random.permutation(width))
        self.base = int(random.integers(LAST_BASE - width))
        self.content = random.integers(0, 16, (width, width))


def drive(dut: Any, tile: int, row: int, base: int, vector: Any) -> None:
    """A vector at the ports."""
    dut.valid.value = 1
    dut.tile.value = tile
    dut.row.value = row
    dut.base.value = base
    dut.vector.value = pack(vector, 4)


def pause(dut: Any, random: np.random.Generator) -> None:
    """No vector, and anything at the ports."""
    drive(dut, int(random.integers(2)), 0, int(random.integers(LAST_BASE)), [1])
    dut.valid.value = 0


def check(dut: Any, cycle: int, want: tuple[int, int] | None, overrun: int = 0) -> None:
    """The outputs of a cycle."""
    got = (int(dut.output_address.value), int(dut.output_word.value)) if int(dut.output_valid.value) else None
    assert got == want, f"transposer: cycle {cycle}: expected (address, word) {want}, got {got}"
    assert int(dut.overrun.value) == overrun, f"transposer: cycle {cycle}: expected overrun {overrun}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(bubble=[0.0, 0.3, 0.9], change=[0.0, 0.1, 0.5])
async def transposes(dut: Any, bubble: float, change: float) -> None:
    """Rows of two tiles in any order; columns leave after a tile's last vector, or after the other tile's columns."""
    config = bench_config()
    width = config.width
    clock = Clock(dut)
    random = seeds.numpy_generator(f"transposer {bubble} {change}")
    dut.valid.value = 0
    await clock.start()
    tiles = [Tile(), Tile()]
    expected = {}
    seen = queued = 0
    number = 0
    end = 0    # cycle of the last column that is due
    while seen < TILES * width:
        upcoming = clock.cycle + 1
        number ^= bool(random.random() < change) or upcoming < tiles[number].free_from
        tile = tiles[number]
        valid = random.random() >= bubble and upcoming >= tile.free_from
        if valid:
            if not tile.rows:
                tile.begin(random, width)
            row = tile.rows.pop()
            drive(dut, number, int(row), tile.base, tile.content[row])
        else:
            pause(dut, random)
        await clock.next_edge()
        cycle = clock.cycle
        want = expected.pop(cycle, None)
        check(dut, cycle, want)
        seen += want is not None
        if valid and not tile.rows:
            queued += end > cycle
            first = max(cycle, end) + 1
            for i in range(width):
                expected[first + i] = (tile.base + i, pack(tile.content[:, i], 4))
            end = first + width - 1
            tile.free_from = end + 1
    assert queued or bubble or not change, "no tile waited for the other"
    dut._log.info(f"transposer: {seen} words equal, {queued} tiles waited")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def tells_overruns(dut: Any) -> None:
    """A vector that comes to a tile before its last column has left is told, in its own cycle, and no other is."""
    config = bench_config()
    width = config.width
    clock = Clock(dut)
    random = seeds.numpy_generator("transposer overruns")
    dut.valid.value = 0
    await clock.start()
    for number in range(2):
        strays = 0
        for wait in range(width + 3):
            for row in range(strays, width):
                drive(dut, number, row, 0, [])
                await clock.next_edge()
                assert not int(dut.overrun.value)
            for distance in range(1, width + 4):
                stray = distance == wait + 1
                pause(dut, random)
                if stray:
                    drive(dut, number, 0, 0, [])
                await clock.next_edge()
                overrun = int(stray and distance <= width)
                assert int(dut.overrun.value) == overrun, f"{distance} cycles after the last vector: {overrun} expected"
            strays = 1
