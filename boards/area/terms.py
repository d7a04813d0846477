"""What the cells of a core's parts depend on: the structure that the fit has coefficients for."""

from __future__ import annotations

from boards import memories
from boards.area.memory import Counts, cells, lut_ram_cells, memory_cells
from golden.spec import numbers
from golden.spec.hardware import HardwareConfig, address_bits
from golden.spec.latency import GROUPS_IN_FLIGHT, tree_stages
from golden.spec.split import COUNT_MAXIMUM, SAMPLE_DEPTH
from rtl.array.layouts import OperandRecord
from rtl.array.sample_counters import CounterLayout, SampleLayout
from rtl.units.norm_engine import longest_words

LANE, DSP_PAIR, LUT_PAIR = "lane", "dsp_pair", "lut_pair"
"""Parts of which a core has several: a lane of its own, and a dense pair of either kind."""
DETECTOR, SPLIT = "array.detector", "split_memory"
MEMORY_SUFFIX = "_memory"
LINE_TERMS = ("one", "line_words", "width")
TERMS: dict[str, tuple[str, ...]] = {
    LANE: ("line", "sums", "one", "width"),
    DSP_PAIR: ("width", "line"),
    LUT_PAIR: ("width", "line"),
    "array.grid": ("line", "drain", "dense_drain", "one"),
    "array": ("one", "line", "dense", "lanes"),
    "array.write_back": ("width", "sums", "rows", "one"),
    "array.in_flight": ("one", "lanes"),
    "array.fetcher": ("one", "lanes", "dense"),
    "array.dispatcher": ("one",),
    DETECTOR: ("one", "line"),
    "norm": ("one", "norm_channels", "width"),
    "softmax": ("one", "lanes", "width"),
    "row_maximum": ("one", "lanes", "width"),
    "queues": ("one",),
    "modulation_memory": ("one", "norm_channels", "width"),
    "normalised_memory": LINE_TERMS,
    "activation_memory": LINE_TERMS,
    "probability_memory": LINE_TERMS,
    SPLIT: ("one", "line"),
}
"""Terms of each part, the first ones first where there are few points; of those not named, "one" and "width"."""
USUAL = ("one", "width")


def term_values(config: HardwareConfig) -> dict[str, float]:
    """The terms of a configuration."""
    return {
        "one": 1.0,
        "width": config.width,
        "lanes": config.lanes,
        "line_words": config.line_words,
        "line": config.line_words * config.width,               # channels that are looked through at once
        "sums": config.width * config.accumulator_bits,         # bits of a lane's accumulators
        "rows": 2 * config.lanes * numbers.MULTIPLIER_BITS,     # bits of the multipliers of rows
        "drain": config.lanes * config.width * config.accumulator_bits,
        "dense": float(config.dense_lanes > 0),
        "dense_drain": config.dense_lanes * config.width * config.accumulator_bits,
        "norm_channels": config.norm_channels,
    }


def part_terms(part: str, config: HardwareConfig) -> list[float]:
    """Values of a part's terms."""
    values = term_values(config)
    return [values[name] for name in TERMS.get(part, USUAL)]


def copies(part: str, config: HardwareConfig) -> int:
    """How often a core has a part; some only with dense lanes."""
    if part in (DETECTOR, SPLIT):
        return int(config.dense_lanes > 0)
    return {LANE: config.lanes, DSP_PAIR: config.dsp_lanes // 2,
            LUT_PAIR: (config.dense_lanes - config.dsp_lanes) // 2}.get(part, 1)


def known_cells(part: str, config: HardwareConfig) -> Counts:
    """Cells of a part's memories, which need no fit (``boards.area.memory``)."""
    total = cells()
    for found in (*(memory_cells(*shape) for shape in memories_of(part, config)),
                  *(lut_ram_cells(*shape) for shape in lut_rams_of(part, config))):
        for kind, number in found.items():
            total[kind] += number
    return total


def memories_of(part: str, config: HardwareConfig) -> list[tuple[int, int]]:
    """Words and bits of every memory with a registered read in a part, whose size depends on the configuration."""
    shapes = memories.shapes(config)
    if part in (LANE, DSP_PAIR, LUT_PAIR):
        return [shapes["tile"][1:]]
    if part == DETECTOR:
        return [(config.split_lines * config.line_words, CounterLayout(config).size)]
    if part == "norm":      # the words of two tokens, while the root of the first is made
        waiting = config.norm_parts * longest_words(config) + tree_stages(config.norm_channels) + 4
        return [(1 << address_bits(waiting), numbers.WIDE_BITS * config.norm_channels)]
    name = part.removesuffix(MEMORY_SUFFIX)
    if name == part or name not in shapes:
        return []
    number, depth, bits = shapes[name]
    return [(depth, bits)] * number


def lut_rams_of(part: str, config: HardwareConfig) -> list[tuple[int, int, int]]:
    """Words, bits and readers of every memory in a part that is read in the same cycle, if its size depends on the
    configuration."""
    if part == "array.write_back":      # banks of the transposer
        return [(2 * config.width, numbers.NIBBLE_BITS, 1)] * config.width
    if part == "array.in_flight":       # operands that the detector sees again
        return [(GROUPS_IN_FLIGHT, OperandRecord().size, 1 + (config.dense_lanes > 0))]
    if part == "loader":                # multipliers and biases of the slots
        return [(config.slots, config.word_bits, 1)] * numbers.PARAMETER_ROWS
    if part == DETECTOR:                # samples, a copy of counters, channels of each count
        values = address_bits(config.line_words * config.width)
        return [(SAMPLE_DEPTH, SampleLayout(config).size, 1), (COUNT_MAXIMUM + 1, values + 1, 1),
                (max(2, config.line_words), CounterLayout(config)["counts"].width, 1)]
    return []
