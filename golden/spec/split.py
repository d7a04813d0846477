"""Split of channels between dense and sparse lanes: widths, thresholds and cycles of the detector that decides it."""

from __future__ import annotations

from golden.spec.descriptors import WIDTHS, Opcode
from golden.spec.hardware import HardwareConfig

COUNT_BITS = 6
"""Bits of a channel's counter of non-zeros, and of an entry's count of samples."""
COUNT_MAXIMUM = (1 << COUNT_BITS) - 1
"""Samples after which an entry counts no more."""
FIXED_SHARE = (7, 10)
"""The fixed rule makes a channel dense if more than this share of its samples are non-zero."""
SAMPLE_DEPTH = 32
"""Samples that the detector holds; one of them is being counted."""
SAMPLES_A_TURN = 2
"""Samples that the detector must be able to count while each lane is served once: one comes in the long run."""
REQUEST_DEPTH = 4
"""Requests that the detector holds; one of them is being decided."""
RANGE_BITS = WIDTHS[Opcode.ARRAY]["words"]
"""Bits of a request's number of entries."""
DECIDE_LATENCY = 0
"""From the retirement of the descriptor that asks for a decision to the cycle of the detector's request."""
COPY_LATENCY = 3
"""From the cycle that reads a word of counters to the first that can use its copy."""


def line_channels(config: HardwareConfig) -> int:
    """Channels of a line, which is an entry of the split table."""
    return config.line_words * config.width


def fixed_thresholds() -> tuple[int, ...]:
    """Fixed rule: the fewest non-zeros of a dense channel, for every number of samples."""
    share, whole = FIXED_SHARE
    return tuple(share * samples // whole + 1 for samples in range(COUNT_MAXIMUM + 1))


def sample_cycles(config: HardwareConfig) -> int:
    """Cycles from one sample to the next in the detector: a word is read again once it is written."""
    return max(4, config.line_words)


def least_lanes(config: HardwareConfig) -> int:
    """Lanes beside dense ones from which the detector counts ``SAMPLES_A_TURN`` samples in a turn of the lanes."""
    return SAMPLES_A_TURN * sample_cycles(config)


def phase_cycles(config: HardwareConfig) -> tuple[int, ...]:
    """Cycles of a decision's phases: take a copy, count, search, compare, write.

    The copy comes when every sample that was held at the beginning is counted, and once the sample at hand is done.
    """
    channels = line_channels(config)
    copy = SAMPLE_DEPTH * sample_cycles(config) + COPY_LATENCY
    return copy, channels + 1, channels + COUNT_MAXIMUM + 1, channels + 1, 1


def decide_cycles(config: HardwareConfig) -> int:
    """Cycles that one entry's decision takes, whatever is counted meanwhile.

    The decision of a request's first entry begins in the cycle after the request, or after the last one of the request
    before; its mask is written in its last cycle.
    """
    return sum(phase_cycles(config))
