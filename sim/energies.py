"""Energies of multiplications and memory accesses, as published, and what a drawing's counts make of them.

They are of a 45 nm process, not of an FPGA: only ratios mean anything. docs/energy.md has the source of each number,
the scaling, and what is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from sim.accesses import DESIGNS, Counts, Design, count_accesses
from sim.recorded_timing import Execution

SOURCE = "M. Horowitz, Computing's energy problem (and what we can do about it), ISSCC 2014, figure 1.1.9: 45 nm, 0.9 V"
MULTIPLY_BITS, MULTIPLY_PICOJOULES = 8, 0.2
"""An 8-bit integer multiplication (SOURCE). A multiplier's energy is taken to grow with the square of its bits."""
ADD_BITS, ADD_PICOJOULES = 32, 0.1
"""A 32-bit integer addition (SOURCE). An adder's energy is taken to grow with its bits."""
ACCESS_BITS, ACCESS_PICOJOULES = 64, 10.0
"""64 bits from an 8 KB SRAM (SOURCE). Reads and writes of every memory are taken to cost as much a bit."""
Estimate = dict[str, Any]


def multiply_energy(bits: int) -> float:
    """Picojoules of one product of two numbers of so many bits."""
    return MULTIPLY_PICOJOULES * (bits / MULTIPLY_BITS) ** 2


def add_energy(bits: int) -> float:
    """Picojoules of one addition of so many bits."""
    return ADD_PICOJOULES * bits / ADD_BITS


def accumulator_bits(design: Design, hardware: HardwareConfig) -> int:
    """The core's own accumulator for 4 bits; a wider one for exact sums of wider products."""
    if design.operand_bits == numbers.NIBBLE_BITS:
        return hardware.accumulator_bits
    return 2 * design.operand_bits + math.ceil(math.log2(hardware.longest_dot_product))


def design_estimate(design: Design, hardware: HardwareConfig, counts: Counts) -> Estimate:
    """Counts and picojoules of one design, by what takes them."""
    bit = ACCESS_PICOJOULES / ACCESS_BITS
    memories = {name: {"read_bits": counts.read[name], "written_bits": counts.written[name],
                       "picojoules": (counts.read[name] + counts.written[name]) * bit}
                for name in sorted(counts.read | counts.written)}
    multiplying = counts.macs * multiply_energy(design.operand_bits)
    adding = counts.macs * add_energy(accumulator_bits(design, hardware))
    return {"design": design.name, "macs": counts.macs, "skipped_macs": counts.skipped,
            "multiply_picojoules": multiplying, "accumulate_picojoules": adding, "memories": memories,
            "picojoules": multiplying + adding + sum(memory["picojoules"] for memory in memories.values())}


def estimate(executions: Sequence[Execution], hardware: HardwareConfig) -> list[Estimate]:
    """Every design, this core first; ``ratio`` is a design's energy over this core's."""
    rows = [design_estimate(design, hardware, count_accesses(executions, hardware, design)) for design in DESIGNS]
    return [row | {"ratio": row["picojoules"] / rows[0]["picojoules"]} for row in rows]


def constants() -> Estimate:
    """What the counts are multiplied by."""
    return {"source": SOURCE, "multiply": [MULTIPLY_BITS, MULTIPLY_PICOJOULES], "add": [ADD_BITS, ADD_PICOJOULES],
            "access": [ACCESS_BITS, ACCESS_PICOJOULES]}
