"""Bench of a board's top level: how much of the serial line is payload, in frames of any size, both ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb

from golden.spec.link import BITS_A_BYTE, MAX_WORDS, WORD_BYTES
from golden.spec.registers import ADDRESSES, DATA_BITS
from sim.bench_board import Bench

FRAMES = 8
"""Of the longest kind; of shorter ones as many as carry as much, but no more than ten times this."""
LENGTHS = (1, 16, 64, MAX_WORDS)


@cocotb.test(timeout_time=5000, timeout_unit="ms")
async def measures_the_line(dut: Any) -> None:
    """Random words to a register and back: words' bits over the line's bits in that time, by the words of a frame."""
    bench = Bench(dut)
    await bench.start()
    await bench.link.open()
    shares: dict[str, dict[int, float]] = {"write": {}, "read": {}}
    for length in LENGTHS:
        frames = min(10 * FRAMES, FRAMES * MAX_WORDS // length)
        words = [bench.random.getrandbits(DATA_BITS) for _ in range(frames * length)]
        for kind in shares:
            begun = bench.clock.cycle
            for place in range(0, len(words), length):
                if kind == "write":
                    await bench.link.write_many(ADDRESSES["SEED0"], words[place:place + length])
                else:
                    await bench.link.read_many(ADDRESSES["SEED0"], length)
            line_bits = (bench.clock.cycle - begun) / bench.job.bit_cycles
            shares[kind][length] = len(words) * WORD_BYTES * BITS_A_BYTE / line_bits
    assert await bench.driver.read("SEED0") == words[-1]
    Path(bench.job.result).write_text(json.dumps(shares), encoding="utf-8")
