"""Latencies that the RTL is built to and the timing model counts with, in cycles."""

from __future__ import annotations

from golden.spec.descriptors import NormFormat, PixelOperation
from golden.spec.hardware import HardwareConfig

FETCH_CYCLES = 3
"""From the end of one descriptor's execution to the cycle that executes the next: address, memory, register."""
QUEUE_LATENCY = 1
"""From the issue of a descriptor to the first cycle in which its engine can accept it."""
ACCEPT_LATENCY = 1
"""From acceptance to the first cycle of work."""
SEMAPHORE_LATENCY = 1
"""From the pulse that raises a semaphore to the first cycle in which it can be taken."""
RESIDUAL_READ = 8
"""From a group's last cycle in the array's front end to the read of its first token's residual word."""
TREE_FAN_IN = 4
"""Operands that one register stage of a tree combines."""
LOAD_TAIL = 2
"""From a load's last read to the pulse that tells its row is written."""


def array_tail(config: HardwareConfig) -> int:
    """From a group's last cycle in the front end to the pulse that tells its results are written.

    Keys leave the transposer later (``key_tail``); the program computes them first of a block's three inputs of
    attention, so that nothing reads them so soon.
    """
    return config.lanes + 12


def key_tail(config: HardwareConfig) -> int:
    """From the last cycle of a group that completes a tile of keys to the last of its transposed writes."""
    return config.lanes + 9 + config.width


def tree_stages(values: int) -> int:
    """Register stages of a tree over so many values: 1 for 4, 2 for 8 and 16, 3 for 32 and 64."""
    stages = 0
    while TREE_FAN_IN**stages < values:
        stages += 1
    return stages


def norm_word_cycles(form: NormFormat) -> int:
    """Cycles from one word of the norm to the next: int8 outputs are two words each."""
    return 2 if form == NormFormat.INT8 else 1


def norm_tail(config: HardwareConfig, words: int, form: NormFormat) -> int:
    """From a group's last cycle in the norm to its last write."""
    return 14 + tree_stages(config.width) + (words - 1) * norm_word_cycles(form)


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


def norm_keeps_pace(config: HardwareConfig, token_words: int, form: NormFormat, group_cycles: int) -> bool:
    """Whether a norm that follows an array of ``group_cycles`` a group never meets it at a residual port.

    The norm reads group n from one bank while the array updates group n + 1 in the other. It must not be slower than
    the array, and be done with group n before the array reads group n + 2, which lies in the same bank.
    """
    reads = config.lanes * token_words * norm_word_cycles(form)
    first = array_tail(config) + SEMAPHORE_LATENCY + ACCEPT_LATENCY
    return reads <= group_cycles and first + reads <= 2 * group_cycles + RESIDUAL_READ
