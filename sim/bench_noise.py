"""Noise generator against the integer reference."""

from __future__ import annotations

import cocotb

from golden.integer.noise import NoiseGenerator
from golden.spec import numbers
from sim import seed as seeds
from sim.clock import Clock
from sim.scoreboard import Scoreboard

WORD_LATENCY = 2
LATENCY = 3
DRAWS = 600


def pack(state) -> int:
    """Four words in one vector, word 0 lowest."""
    return sum(word << (32 * i) for i, word in enumerate(state))


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(idle=[0.0, 0.5])
async def matches_golden(dut, idle):
    """Every word and every value, in the very cycle and until the next, whatever the gaps; and a second load."""
    generator = seeds.generator(f"noise {idle}")
    clock = Clock(dut)
    board = Scoreboard("noise")
    dut.enable.value = 0
    dut.load.value = 0
    await clock.start()
    for _ in range(2):
        state = tuple(generator.getrandbits(32) for _ in range(4))
        words = NoiseGenerator(state)
        expected_words = [words.word() for _ in range(DRAWS)]
        expected_values = [sum(sum(word.to_bytes(4, "little")) for word in expected_words[i - 1:i + 1])
                           - numbers.NOISE_MEAN for i in range(1, DRAWS)]
        assert expected_values[::2] == list(NoiseGenerator(state).values(DRAWS // 2))
        dut.state.value = pack(state)
        dut.load.value = 1
        dut.enable.value = generator.getrandbits(1)  # a load wins
        await clock.next_edge()
        dut.load.value = 0
        got_words, got_values, enables = [], [], []
        while len(got_words) < DRAWS or len(got_values) < DRAWS:
            enable = generator.random() >= idle and sum(enables) < DRAWS
            enables.append(enable)
            dut.enable.value = int(enable)
            await clock.next_edge()
            if len(enables) > WORD_LATENCY and enables[-1 - WORD_LATENCY]:
                got_words.append(int(dut.word.value))
            if len(enables) > LATENCY and enables[-1 - LATENCY]:
                got_values.append(dut.value.value.to_signed())
            elif len(got_values) > 1:
                board.compare("held value", got_values[-1], dut.value.value.to_signed(), clock.cycle)
            if got_words and not enables[-1 - WORD_LATENCY]:
                board.compare("held word", got_words[-1], int(dut.word.value), clock.cycle)
        dut.enable.value = 0
        for _ in range(LATENCY):
            await clock.next_edge()
        board.compare("word", expected_words, got_words)
        board.compare("value", expected_values, got_values[1:])
    print(board.finish(least=4 * DRAWS - 2))
