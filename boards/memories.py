"""Block RAMs of a core's memories, without synthesis: ``python -m boards.memories --config configs/small.toml``.

Each memory of ``memory_shapes`` is counted as the fewest blocks of one shape. Yosys may take fewer by mixing shapes,
and makes the smallest memories of LUT RAM; ``boards.report`` counts what it does, and the norm's delay and the tables
of norm and softmax with it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from boards.report import DEVICES, load
from boards.synthesis import ideal_blocks
from golden.spec.hardware import CHECKED_MEMORIES, HardwareConfig
from golden.spec.step import STEP_KEPT_BITS
from golden.spec.validation import ConfigError
from rtl.core import LINE_MEMORIES
from rtl.memory.part_ram import PARTS

Shape = tuple[int, int, int]
"""How many memories of how many words of how many bits."""


def shapes(config: HardwareConfig) -> dict[str, Shape]:
    """The memories of a core as they are built: copies, banks and parts."""
    built = {name: (1, depth, config.kept_bits(bits) if name in CHECKED_MEMORIES else bits)
             for name, (depth, bits) in config.memory_shapes.items()}
    for name in LINE_MEMORIES:
        depth, bits = config.memory_shapes[name]
        built[name] = (config.line_words, depth // config.line_words, bits)
    for name in ("program", *(("modulation",) if config.norm_parts == PARTS else ())):
        depth, bits = config.memory_shapes[name]
        built[name] = (1, PARTS * depth, config.kept_bits(bits // PARTS))
    built["step"] = (1, config.step_words, config.kept_bits(STEP_KEPT_BITS))
    built["residual"] = (2, *config.memory_shapes["residual"])
    built["tile"] = (config.lanes + config.dense_lanes // 2, *built["tile"][1:])
    if not config.dense_lanes:
        del built["split"]
    if config.sdram_weights:
        del built["weight"]
    return built


def blocks(shape: Shape) -> int:
    """Block RAMs of so many memories."""
    copies, depth, bits = shape
    return copies * ideal_blocks(depth, bits)


def table(config: HardwareConfig) -> str:
    """Every memory and their sum, Markdown."""
    built = shapes(config)
    lines = ["| memory | copies or banks | words | bits | DP16KD |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(map(str, shape))} | {blocks(shape)} |" for name, shape in built.items()]
    lines.append(f"| **sum** | | | | **{sum(map(blocks, built.values()))}** |")
    return "\n".join([*lines, "", *(f"{name} has {has['DP16KD']}" for name, has in DEVICES.items())])


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m boards.memories", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    options = parser.parse_args(arguments)
    try:
        print(table(load(options.config)))
    except ConfigError as error:
        print(f"boards.memories: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
