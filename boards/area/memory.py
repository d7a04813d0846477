"""Block RAM and look-up table RAM of a memory (``rtl.memory.ram``), as Yosys maps it; no synthesis needed.

Yosys takes the cheapest of all shapes: 128 a block, 4 a look-up table RAM, and about 1 for each bit that a multiplexer
between rows of blocks chooses. The library of its cells has the first two; the third is what agrees with synthesis
(``tests/boards/test_area.py``).
"""

from __future__ import annotations

from boards.synthesis import BLOCK_SHAPES, KINDS

BLOCK_COST = 128
LUT_RAM_COST = 4
LUT_RAM_WORDS, LUT_RAM_BITS = 16, 4
"""Of one TRELLIS_DPR16X4."""

Counts = dict[str, int]


def ceil_divide(number: int, unit: int) -> int:
    """Rounded up."""
    return -(-number // unit)


def multiplexer_luts(choices: int) -> int:
    """Look-up tables of four inputs that choose one of so many bits: two make a choice of four."""
    return ceil_divide(2 * (choices - 1), 3)


def memory_cells(depth: int, bits: int) -> Counts:
    """Cells of ``depth`` words of ``bits`` bits with one reader and one writer, the output register among them."""
    words, width = min(BLOCK_SHAPES, key=lambda shape: block_cost(depth, bits, *shape))
    if lut_ram_cost(depth, bits) < block_cost(depth, bits, words, width):
        rows = ceil_divide(depth, LUT_RAM_WORDS)
        return cells(LUT4=bits * multiplexer_luts(rows) + rows, TRELLIS_FF=2 * bits,
                     TRELLIS_DPR16X4=rows * ceil_divide(bits, LUT_RAM_BITS))
    rows = ceil_divide(depth, words)
    return cells(LUT4=bits * multiplexer_luts(rows) + rows, TRELLIS_FF=bits + (rows - 1).bit_length(),
                 DP16KD=rows * ceil_divide(bits, width))


def lut_ram_cells(depth: int, bits: int, readers: int = 1) -> Counts:
    """Cells of a memory whose readers see a word in the same cycle, which block RAM cannot be."""
    rows = ceil_divide(depth, LUT_RAM_WORDS)
    return cells(LUT4=readers * bits * multiplexer_luts(rows) + (rows if rows > 1 else 0),
                 TRELLIS_DPR16X4=readers * rows * ceil_divide(bits, LUT_RAM_BITS))


def cells(**counts: int) -> Counts:
    """These cells, and none of the other kinds."""
    return dict.fromkeys(KINDS, 0) | counts


def block_cost(depth: int, bits: int, words: int, width: int) -> int:
    """What Yosys reckons for block RAM of this shape."""
    rows = ceil_divide(depth, words)
    return BLOCK_COST * rows * ceil_divide(bits, width) + bits * (rows - 1)


def lut_ram_cost(depth: int, bits: int) -> int:
    """The same for look-up table RAM."""
    rows = ceil_divide(depth, LUT_RAM_WORDS)
    return LUT_RAM_COST * rows * ceil_divide(bits, LUT_RAM_BITS) + bits * (rows - 1)
