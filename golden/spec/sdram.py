"""An SDRAM beside the FPGA that holds the weights: its organisation, its commands' cycles, and how long a fetch takes.

The chip is a single-data-rate SDRAM with 16 data pins, 4 banks, 13 row and 9 column bits (32 MiB), as on many boards,
read and written one column a command (burst length 1, CAS latency 2). From LEAST_CLOCK_HZ to MOST_CLOCK_HZ the cycles
below are longer than the times that such chips ask for, which are given beside them.

A weight word takes as many columns as its stored bits need, and begins at a multiple of a power of two of them. It is
fetched in *visits*: a visit opens one row, reads up to ``visit_words`` words, closes the row and refreshes. So a fetch
takes as many cycles whenever it begins, and no refresh is ever late.
"""

from __future__ import annotations

from collections.abc import Iterator

from golden.spec.hardware import HardwareConfig
from golden.spec.validation import require

DATA_PINS = 16
COLUMN_BITS = 9
BANK_BITS = 2
ROW_BITS = 13
COLUMNS = 1 << COLUMN_BITS + BANK_BITS + ROW_BITS
"""Words of DATA_PINS bits in the chip."""
CAS_LATENCY = 2
MODE = CAS_LATENCY << 4
"""The mode register: burst length 1, sequential, that latency."""
POWER_UP_CYCLES = 8_200
"""Before the first command: 200 us at MOST_CLOCK_HZ, and a little more."""
FIRST_REFRESHES = 8
"""Before the mode is set."""
MODE_CYCLES = 2
ACTIVATE_CYCLES = 2
"""From opening a row to its first column: 20 ns."""
LAST_COLUMN_CYCLES = 2
"""From the last column to closing the row: write recovery, and at least 45 ns with what came before."""
PRECHARGE_CYCLES = 2
"""From closing the row to the refresh: 20 ns."""
REFRESH_CYCLES = 7
"""From a refresh to the next command: 66 ns."""
IDLE_CYCLES = 64
"""After so many cycles without a refresh an idle controller does one."""
LONGEST_GAP = 193
"""Most cycles from one refresh to the next."""
LEAST_CLOCK_HZ = 25_000_000
"""At this clock LONGEST_GAP is 7.72 us; 8192 refreshes in 64 ms are one every 7.81 us."""
MOST_CLOCK_HZ = 40_000_000
"""The chip's clock is the core's, inverted: half a cycle is enough for its outputs (6 ns) and the way to them."""
FETCH_LEAD = 12
"""From the acceptance of a load to the command that opens its first row: whatever went on has ended by then."""
VISIT_OVERHEAD = ACTIVATE_CYCLES + LAST_COLUMN_CYCLES - 1 + PRECHARGE_CYCLES + REFRESH_CYCLES
"""Cycles of a visit beside one for each column."""
VISIT_COLUMNS = LONGEST_GAP - IDLE_CYCLES - FETCH_LEAD - (ACTIVATE_CYCLES + LAST_COLUMN_CYCLES - 1 + PRECHARGE_CYCLES)
"""Most columns of a visit, so that no refresh is late after a fetch that came just before one was due."""
COMING_LATENCY = 1
"""From the command that reads a word's last column to the cycle that counts as the word's read."""


def word_columns(config: HardwareConfig) -> int:
    """Columns that a weight word takes, its check bits among them."""
    return -(-config.kept_bits(config.word_bits) // DATA_PINS)


def word_stride(config: HardwareConfig) -> int:
    """Columns from one weight word to the next, a power of two."""
    return 1 << (word_columns(config) - 1).bit_length()


def require_size(config: HardwareConfig) -> None:
    """Raises ``ConfigError`` where the chip does not hold the weight store."""
    most = COLUMNS // word_stride(config)
    require(config.weight_words <= most, f"hardware.weight_words is {config.weight_words}; expected at most {most} of "
                                         f"{config.word_bits} bits in an SDRAM")


def visit_words(config: HardwareConfig) -> int:
    """Words that a visit reads at most, a power of two; a visit never goes past a multiple of it."""
    words = VISIT_COLUMNS // word_columns(config)
    return min(1 << words.bit_length() - 1, (1 << COLUMN_BITS) // word_stride(config))


def visits(config: HardwareConfig, base: int, words: int) -> Iterator[int]:
    """Words of each visit of a fetch of ``words`` words from ``base`` on."""
    most = visit_words(config)
    while words:
        taken = min(words, most - base % most)
        yield taken
        base, words = base + taken, words - taken


def arrivals(config: HardwareConfig, base: int, words: int) -> list[int]:
    """Cycles from a load's acceptance to the one that counts as the read of each of its words.

    With a weight store of block RAM that would be 1, 2, 3 and so on.
    """
    found, start, columns = [], FETCH_LEAD, word_columns(config)
    for taken in visits(config, base, words):
        first = start + ACTIVATE_CYCLES + COMING_LATENCY - 1
        found += [first + (number + 1) * columns for number in range(taken)]
        start += VISIT_OVERHEAD + taken * columns
    return found


def fetch_cycles(config: HardwareConfig, base: int, words: int) -> int:
    """Cycles from a load's acceptance to the read of its last word; 0 words take none."""
    if not words:
        return 0
    count, last = 0, 0
    for taken in visits(config, base, words):
        count, last = count + 1, taken
    columns = word_columns(config)
    start = FETCH_LEAD + (count - 1) * VISIT_OVERHEAD + (words - last) * columns
    return start + ACTIVATE_CYCLES + COMING_LATENCY - 1 + last * columns
