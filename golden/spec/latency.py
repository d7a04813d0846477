"""Latencies that the RTL is built to and the timing model counts with, in cycles."""

from __future__ import annotations

from golden.spec.descriptors import NORM_PLANES, NormFormat, PixelOperation
from golden.spec.hardware import HardwareConfig

FETCH_CYCLES = 3
"""From the end of one descriptor's execution to the cycle that executes the next: both parts' addresses, memory."""
QUEUE_LATENCY = 1
"""From the issue of a descriptor to the first cycle in which its engine can accept it."""
ACCEPT_LATENCY = 1
"""From acceptance to the first cycle of work."""
SEMAPHORE_LATENCY = 1
"""From the pulse that raises a semaphore to the first cycle in which it can be taken."""
GROUPS_IN_FLIGHT = 8
"""Groups of tokens that the array works on at once; they retire in order."""
LINES_HELD = 2
"""Lines of operands that a lane holds: the one that it multiplies and the next."""
LINE_LATENCY = 5
"""From the cycle that fetches a line for a lane to the first cycle that can issue one of its channels."""
DRAIN_LATENCY = 6
"""From the cycle that serves a lane with complete sums to the one in which they are drained, without dense lanes."""
DENSE_DRAIN = 2
"""Cycles that the drain takes longer with dense lanes: their multipliers' stage, and the sum of both kinds."""
TREE_FAN_IN = 4
"""Operands that one register stage of a tree combines."""
EARLY_END = 1
"""From a SYNC at whose step the image has settled to the cycle that ends the program; a pause does not count."""
LOAD_TAIL = 2
"""From a load's last read to the pulse that tells its row is written."""


ARRAY_TAIL = 9
"""From a group's retirement to the pulse that tells its results are written."""


def drain_latency(config: HardwareConfig) -> int:
    """Cycles from the one that serves a lane with complete sums to the one in which they are drained."""
    return DRAIN_LATENCY + (DENSE_DRAIN if config.dense_lanes else 0)


def key_hold(config: HardwareConfig) -> int:
    """Cycles for which a retired group of keys may still be leaving the transposer."""
    return config.width + ARRAY_TAIL


def tree_stages(values: int) -> int:
    """Register stages of a tree over so many values: 1 for 4, 2 for 8 and 16, 3 for 32 and 64."""
    stages = 0
    while TREE_FAN_IN**stages < values:
        stages += 1
    return stages


def norm_word_cycles(config: HardwareConfig, form: NormFormat) -> int:
    """Cycles from one word of the norm to the next: outputs in planes are two words each."""
    return max(config.norm_parts, 2 if form in NORM_PLANES else 1)


def norm_tail(config: HardwareConfig, words: int, form: NormFormat) -> int:
    """From a group's last cycle in the norm to its last write."""
    parts = 0 if config.norm_parts == 1 else 2 + (form in NORM_PLANES)    # the second part comes later, twice
    return 14 + tree_stages(config.norm_channels) + parts + (words - 1) * norm_word_cycles(config, form)


def softmax_tail(config: HardwareConfig) -> int:
    """From the softmax's last read to the pulse that tells its probabilities and row scales are there."""
    return 10 + tree_stages(config.width)


def pixel_cycles(fields: dict[str, int]) -> int:
    """From the acceptance of a PIXEL descriptor to the cycle of its last write."""
    tokens = fields["grid"] ** 2
    if fields["operation"] == PixelOperation.STEP:
        return 9 + 2 * tokens * fields["stride"] ** 2 * fields["channels"]
    terms = 9 * fields["channels"] + fields["coordinates"]
    return 7 + tokens * (terms + terms % 2)
