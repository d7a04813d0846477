"""Register file: its counters, through the host's driver."""

from __future__ import annotations

import cocotb

from golden.spec.descriptors import ENGINES
from golden.spec.registers import ADDRESSES, COUNTERS, LANE_WAITS, STALL_CAUSES
from sim.bench_registers import Bench

LANES_BITS = 7
MACS_BITS = 16
FULL_CYCLES = 100
"""Of each 200, those from which on every event comes in every cycle."""
SUMS = ("macs_increment", "offered_increment")


async def count(bench: Bench, expected: dict[str, int], full: bool) -> None:
    """A cycle of random events, or of all that there are, which ``expected`` counts."""
    def draw(bits: int) -> int:
        return (1 << bits) - 1 if full else bench.random.getrandbits(bits)

    counting = draw(1)
    busy, stall = draw(ENGINES), draw(len(STALL_CAUSES))
    waits, sums = [draw(LANES_BITS) for _ in LANE_WAITS], [draw(MACS_BITS) for _ in SUMS]
    increments = [counting, *(busy >> i & 1 for i in range(ENGINES)),
                  *(stall >> i & 1 for i in range(len(STALL_CAUSES))), *waits, *sums]
    for name, increment in zip(COUNTERS, increments, strict=True):
        expected[name] += increment
    await bench.set(running=draw(1), paused=draw(1), counting=counting, engine_busy=busy, stall=stall,
                    lane_waits=sum(lanes << LANES_BITS * i for i, lanes in enumerate(waits)),
                    **dict(zip(SUMS, sums, strict=True)))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def counters(dut):
    """Every counter counts its own events, to more than 32 bits; a start clears them, a pause stops CYCLES."""
    bench = Bench(dut)
    await bench.start()
    await bench.set(program_loaded=1, conditioning_loaded=1)
    await bench.driver.seed(1)
    quiet = dict.fromkeys(("running", "paused", "counting", "engine_busy", "stall", "lane_waits", *SUMS), 0)
    for _ in range(2):
        expected = dict.fromkeys(COUNTERS, 0)
        await bench.driver.start()
        for cycle in range(400):
            await count(bench, expected, FULL_CYCLES <= cycle % 200)
        await bench.set(**quiet)
        got = await bench.driver.counters()
        bench.board.compare("counters", list(expected.values()), [got[name] for name in expected])
    await bench.set(**dict.fromkeys(SUMS, (1 << MACS_BITS) - 1))
    await bench.clock.wait_cycles(70_000)
    await bench.set(**quiet)
    got = await bench.driver.counters()
    names = ("MACS", "MACS_OFFERED")
    bench.board.compare("counters", [expected[name] + 70_001 * ((1 << MACS_BITS) - 1) for name in names],
                        [got[name] for name in names])
    assert all(got[name] >> 32 for name in names)
    print(bench.board.finish(least=2 * len(COUNTERS)))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_start_clears_what_comes_with_it(dut):
    """Events up to and with the start's own cycle do not count; those of the next one do."""
    bench = Bench(dut)
    await bench.start()
    await bench.set(program_loaded=1, conditioning_loaded=1)
    await bench.driver.seed(1)
    busy = {"counting": 1, "engine_busy": (1 << ENGINES) - 1, "stall": (1 << len(STALL_CAUSES)) - 1,
            "lane_waits": (1 << LANES_BITS * len(LANE_WAITS)) - 1, **dict.fromkeys(SUMS, (1 << MACS_BITS) - 1)}
    widths = [1] * (1 + ENGINES + len(STALL_CAUSES)) + [LANES_BITS] * len(LANE_WAITS) + [MACS_BITS] * len(SUMS)
    for later in (0, 1):
        await bench.set(**busy)
        starting = cocotb.start_soon(bench.driver.start())
        while not int(dut.start.value):
            await bench.clock.next_edge()
        for _ in range(later):
            await bench.clock.next_edge()
        await bench.set(**dict.fromkeys(busy, 0))
        await starting
        got = await bench.driver.counters()
        expected = [later * ((1 << width) - 1) for width in widths]
        bench.board.compare("counters", expected, [got[name] for name in COUNTERS])
    print(bench.board.finish(least=2 * len(COUNTERS)))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_read_while_counting_is_of_its_cycle(dut):
    """Two reads differ by what came between them, whatever else is read."""
    bench = Bench(dut)
    await bench.start()
    increment = bench.random.randrange(1, 1 << 10)
    await bench.set(counting=1, macs_increment=increment, offered_increment=increment, engine_busy=(1 << ENGINES) - 1)
    steps = {"CYCLES": 1, "BUSY_NORM": 1, "MACS": increment, "MACS_OFFERED": increment}
    before = {}
    for _ in range(200):
        name = bench.random.choice(list(steps))
        value = await bench.link.read(ADDRESSES[f"{name}_LOW"])
        if name in before:
            cycle, old = before[name]
            bench.board.compare("counters", [old + steps[name] * (bench.link.sent - cycle)], [value])
        before[name] = bench.link.sent, value
        await bench.clock.wait_cycles(1 + bench.random.randrange(60) * bench.random.randrange(2))
    print(bench.board.finish(least=100))
