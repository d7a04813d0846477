"""Descriptor queue against a deque, in every cycle."""

from __future__ import annotations

from collections import deque

import cocotb

from golden.spec.descriptors import QUEUE_DEPTH
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark_all

CYCLES = 3000


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5, 0.9])
async def matches_deque(dut, idle, stall):
    """First in, first out, QUEUE_DEPTH deep, one cycle of latency; ``clear`` empties it."""
    clock = Clock(dut)
    random = seeds.generator(f"queue {idle} {stall}")
    bits = len(dut.input__payload)
    queue = deque()
    dut.input__valid.value = 0
    dut.output__ready.value = 0
    dut.clear.value = 0
    await clock.start()
    passed = 0
    offered = None
    for _ in range(CYCLES):
        if offered is None and random.random() >= idle:
            offered = random.getrandbits(bits)
        ready = random.random() >= stall
        clear = random.random() < 0.005
        dut.input__valid.value = int(offered is not None)
        dut.input__payload.value = random.getrandbits(bits) if offered is None else offered
        dut.output__ready.value = int(ready)
        dut.clear.value = int(clear)
        await clock.next_edge()
        where = f"queue: cycle {clock.cycle}"
        assert int(dut.input__ready.value) == (len(queue) < QUEUE_DEPTH), f"{where}: ready with {len(queue)} waiting"
        assert int(dut.output__valid.value) == bool(queue), f"{where}: valid with {len(queue)} waiting"
        assert int(dut.empty.value) == (not queue), f"{where}: empty with {len(queue)} waiting"
        entering = offered is not None and len(queue) < QUEUE_DEPTH
        full = len(queue) == QUEUE_DEPTH
        mark_all(f"queue {name}" for name, met in {
            "empty": not queue, "full": full, "full and taken from": full and ready,
            "cleared while full": full and clear,
            "in and out in one cycle": entering and queue and ready}.items() if met)
        if queue:
            got = int(dut.output__payload.value)
            assert got == queue[0], f"{where}: expected {queue[0]:x}, got {got:x}"
            if ready:
                queue.popleft()
                passed += 1
        if entering:
            queue.append(offered)
            offered = None
        if clear:
            queue.clear()
    assert passed > CYCLES // 20
    dut._log.info(f"queue: {passed} descriptors passed")
