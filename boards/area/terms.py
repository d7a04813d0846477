"""What the cells of a core's parts depend on: the structure that the fit has coefficients for."""

from __future__ import annotations

from boards.area.check import encode_cells, verify_cells
from boards.area.memory import Counts, cells, memory_cells
from golden.spec.hardware import CHECKED_MEMORIES, HardwareConfig, address_bits
from golden.spec.latency import tree_stages
from rtl.array.sample_counters import CounterLayout
from rtl.units.norm_engine import longest_words

LANE, DSP_PAIR, LUT_PAIR = "lane", "dsp_pair", "lut_pair"
"""Parts of which a core has several: a lane of its own, and a dense pair of either kind."""
MEMORIES = "memories"
TERMS: dict[str, tuple[str, ...]] = {
    LANE: ("one", "width", "line", "sums"),
    DSP_PAIR: ("width", "line"),
    LUT_PAIR: ("width", "line"),
    "array.grid": ("one", "line", "drain", "dense_drain"),
    "array": ("one", "line", "lanes"),
    "array.write_back": ("one", "width", "sums"),
    "array.in_flight": ("one", "lanes"),
    "array.fetcher": ("one", "lanes"),
    "array.dispatcher": ("one",),
    "array.detector": ("one",),
    "norm": ("one", "width"),
    "softmax": ("one", "width", "lanes"),
    "row_maximum": ("one", "width", "lanes"),
    "pixel": ("one", "width"),
    "loader": ("one", "width"),
    MEMORIES: ("one", "line"),
    "queues": ("one",),
}
"""Terms of each part; of those not named, "one" and "width"."""
USUAL = ("one", "width")


def term_values(config: HardwareConfig) -> dict[str, float]:
    """The terms of a configuration."""
    return {
        "one": 1.0,
        "width": config.width,
        "lanes": config.lanes,
        "line": config.line_words * config.width,               # channels that are looked through at once
        "sums": config.width * config.accumulator_bits,         # bits of a lane's accumulators
        "drain": config.lanes * config.width * config.accumulator_bits,
        "dense_drain": config.dense_lanes * config.width * config.accumulator_bits,
    }


def part_terms(part: str, config: HardwareConfig) -> list[float]:
    """Values of a part's terms."""
    values = term_values(config)
    return [values[name] for name in TERMS.get(part, USUAL)]


def copies(part: str, config: HardwareConfig) -> int:
    """How often a core has a part; the detector and the pairs only with dense lanes."""
    if part == "array.detector":
        return int(config.dense_lanes > 0)
    return {LANE: config.lanes, DSP_PAIR: config.dsp_lanes // 2,
            LUT_PAIR: (config.dense_lanes - config.dsp_lanes) // 2}.get(part, 1)


def known_cells(part: str, config: HardwareConfig) -> Counts:
    """Cells of a part's memories and of their check bits, which need no fit (``boards.area.memory``)."""
    total = cells()
    found = [memory_cells(depth, bits) for depth, bits in memories_of(part, config)]
    for counts in [*found, *check_cells(part, config)]:
        for kind, number in counts.items():
            total[kind] += number
    return total


def check_cells(part: str, config: HardwareConfig) -> list[Counts]:
    """Cells that make and verify check bits in a part."""
    if not config.word_checks:
        return []
    if part in (LANE, DSP_PAIR, LUT_PAIR):
        return [verify_cells(config.word_bits)]
    if part == "array.grid":
        return [encode_cells(config.word_bits)] * (1 + (config.dsp_lanes > 0))
    checked = [bits for name, (_, bits) in config.memory_shapes.items()
               if name in CHECKED_MEMORIES and name != "tile" and (name != "split" or config.dense_lanes)]
    return [count(bits) for bits in checked for count in (verify_cells, encode_cells)] if part == MEMORIES else []


def memories_of(part: str, config: HardwareConfig) -> list[tuple[int, int]]:
    """Words and bits of every memory in a part whose size depends on the configuration."""
    if part in (LANE, DSP_PAIR, LUT_PAIR):
        return [(config.tile_rows, config.kept_bits(config.word_bits))]
    if part == "array.detector":
        return [(config.split_lines * config.line_words, CounterLayout(config).size)]
    if part == "norm":      # the words of two tokens, while the root of the first is made
        waiting = longest_words(config) + tree_stages(config.width) + 4
        return [(1 << address_bits(waiting), 16 * config.width)]
    return stores(config) if part == MEMORIES else []


def stores(config: HardwareConfig) -> list[tuple[int, int]]:
    """The core's own memories: some in banks, the residual stream twice, the split table with dense lanes only."""
    found = []
    for name, (depth, bits) in config.memory_shapes.items():
        if name in ("normalised", "activation", "probability"):
            found += [(depth // config.line_words, bits)] * config.line_words
        elif name == "residual":
            found += [(depth, bits)] * 2
        elif name != "tile" and (name != "split" or config.dense_lanes):
            found.append((depth, config.kept_bits(bits) if name in CHECKED_MEMORIES else bits))
    return found
