"""Packed multipliers, as arithmetic and as MULT18X18D, against plain products of all operands."""

from __future__ import annotations

from collections import deque
from itertools import product

import cocotb

from sim.clock import Clock
from sim.units import unit_description

FAMILIES = ("generic", "ecp5")
WEIGHTS = range(-7, 8)
PRODUCT_BITS = 8


def number(nibble: int, is_signed: bool) -> int:
    """The number that four bits are."""
    return nibble - 16 if is_signed and nibble >= 8 else nibble


def packed(products: tuple[int, ...]) -> int:
    """Products as they leave the unit."""
    return sum((value & 0xFF) << PRODUCT_BITS * index for index, value in enumerate(products))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def all_operands_give_four_plain_products(dut):
    """One case a cycle, with int4 and uint4 in turn."""
    latency = unit_description()["latency"]
    clock = Clock(dut)
    await clock.start()
    expected = deque([None] * latency)
    outputs = [getattr(dut, f"products_{family}") for family in FAMILIES]
    for a0, a1, b0, b1, is_signed in product(range(16), range(16), WEIGHTS, WEIGHTS, (False, True)):
        dut.left.value = a0 | a1 << 4
        dut.weights.value = (b0 & 15) | (b1 & 15) << 4
        dut.is_signed.value = int(is_signed)
        await clock.next_edge()
        x0, x1 = number(a0, is_signed), number(a1, is_signed)
        expected.append(packed((x0 * b0, x1 * b0, x0 * b1, x1 * b1)))
        want = expected.popleft()
        if want is not None:
            for family, output in zip(FAMILIES, outputs, strict=True):
                assert int(output.value) == want, f"packed: products of {family} at cycle {clock.cycle}"
