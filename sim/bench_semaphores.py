"""Semaphores against counters in Python, in every cycle."""

from __future__ import annotations

import cocotb

from golden.spec.descriptors import SEMAPHORE_BITS, Engine
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark, mark_all

CYCLES = 4000
NAMES = [engine.name.lower() for engine in Engine]
PAIRS = [(giver, taker) for giver in Engine for taker in Engine]


def mask(bits):
    return sum(1 << int(engine) for engine, bit in bits.items() if bit)


async def cycle_of(dut, clock, gives, takes, credit=None, clear=False):
    """Drive one cycle and return at its end."""
    for engine, name in zip(Engine, NAMES, strict=True):
        getattr(dut, f"give_{name}").value = mask({other: (engine, other) in gives for other in Engine})
        getattr(dut, f"take_{name}").value = mask({other: (other, engine) in takes for other in Engine})
    giver, taker, count = credit or (0, 0, 0)
    dut.credit.value = int(credit is not None)
    dut.credit_giver.value = int(giver)
    dut.credit_taker.value = int(taker)
    dut.credit_count.value = count
    dut.clear.value = int(clear)
    await clock.next_edge()


def check(dut, clock, counts, overflow):
    for taker, name in zip(Engine, NAMES, strict=True):
        want = mask({giver: counts[giver, taker] > 0 for giver in Engine})
        got = int(getattr(dut, f"available_{name}").value)
        assert got == want, f"semaphores: available_{name} at cycle {clock.cycle}: expected {want:05b}, got {got:05b}"
    got = int(dut.overflow.value)
    assert got == overflow, f"semaphores: overflow at cycle {clock.cycle}: expected {overflow}, got {got}"


async def begin(dut):
    clock = Clock(dut)
    for name in NAMES:
        getattr(dut, f"give_{name}").value = 0
        getattr(dut, f"take_{name}").value = 0
    dut.credit.value = 0
    dut.clear.value = 0
    await clock.start()
    return clock, dict.fromkeys(PAIRS, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(give=[0.1, 0.5], take=[0.3, 0.9])
async def matches_counters(dut, give, take):
    """Gives, takes and credits in the same and in neighbouring cycles, also of one semaphore."""
    clock, counts = await begin(dut)
    random = seeds.generator(f"semaphores {give} {take}")
    for _ in range(CYCLES):
        gives = {pair for pair in PAIRS if random.random() < give and counts[pair] < 400}
        takes = {pair for pair in PAIRS if counts[pair] and random.random() < take}
        credit = (*random.choice(PAIRS), random.randrange(16)) if random.random() < 0.1 else None
        clear = random.random() < 0.002
        await cycle_of(dut, clock, gives, takes, credit, clear)
        check(dut, clock, counts, 0)
        mark_all(name for name, met in {"given and taken in one cycle": gives & takes, "cleared": clear,
                                        "given and credited in one cycle": credit and credit[:2] in gives}.items()
                 if met for name in [f"semaphore {name}"])
        for pair in PAIRS:
            counts[pair] += (pair in gives) - (pair in takes)
        if credit:
            counts[credit[:2]] += credit[2]
        if clear:
            counts = dict.fromkeys(PAIRS, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def tells_an_overflow(dut):
    """A semaphore that would pass its bits, or fall below zero, is told in that cycle."""
    clock, counts = await begin(dut)
    random = seeds.generator("semaphores overflow")
    pair = random.choice(PAIRS)
    for _ in range((1 << SEMAPHORE_BITS) - 1):
        await cycle_of(dut, clock, {pair}, set())
        check(dut, clock, counts, 0)
        counts[pair] += 1
    await cycle_of(dut, clock, {pair}, {pair})
    check(dut, clock, counts, 0)
    mark("semaphore at its greatest count")
    await cycle_of(dut, clock, {pair}, set())
    check(dut, clock, counts, 1)
    mark("semaphore past its greatest count")
    for pair in PAIRS:
        await cycle_of(dut, clock, set(), set(), clear=True)
        counts = dict.fromkeys(PAIRS, 0)
        await cycle_of(dut, clock, set(), {pair})
        check(dut, clock, counts, 1)
    mark("semaphore below zero")
