"""What travels between the units of the array."""

from __future__ import annotations

from amaranth.hdl import unsigned
from amaranth.lib import data

from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits
from golden.spec.latency import GROUPS_IN_FLIGHT

ENTRY_BITS = address_bits(GROUPS_IN_FLIGHT)


class LineControl(data.StructLayout):
    """What accompanies a line of ``line_words`` words of one token on its way to a lane."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "words": unsigned(config.line_words),           # mask of the words that belong to the token's row
            "row": unsigned(address_bits(config.tile_rows)),  # tile row of channel 0 of word 0, modulo the tile's depth
            "first": unsigned(1),    # first line of a dot product: forget the accumulator
            "shift": unsigned(1),    # first line of the second or fourth nibble pass: accumulator times 16
            "last": unsigned(1),     # last line of the token: the sums are complete
            "signed": unsigned(1),   # the left operand is int4 rather than uint4
            "skip": unsigned(1),     # zeros take no cycle
            "entry": unsigned(ENTRY_BITS),                  # group in flight
            "token": unsigned(address_bits(config.lanes)),  # place in its group
        })


class GroupRecord(data.StructLayout):
    """What the write-back must know of a group of tokens in flight."""

    def __init__(self) -> None:
        super().__init__({
            "destination": unsigned(3),
            "address": unsigned(REGISTER_BITS),   # of the group's first token
            "vector_stride": unsigned(12),        # words from one token to the next
            "column": unsigned(8),                # keys: the first token's column in its transposer tile
            "tile": unsigned(1),                  # keys: which of the two transposer tiles
            "multiplier_source": unsigned(2),
            "multiplier": unsigned(14),
            "shift": unsigned(6),
            "slot": unsigned(3),
            "row_slot": unsigned(1),
            "format": unsigned(2),
        })


class OperandRecord(data.StructLayout):
    """What the fetcher must know of a group of tokens in flight."""

    def __init__(self) -> None:
        super().__init__({
            "left_memory": unsigned(2),
            "words": unsigned(8),          # of a token, in one plane
            "nibble_passes": unsigned(1),
            "left_signed": unsigned(1),
            "skip": unsigned(1),
            "split": unsigned(1),          # the split table tells which channels are dense
            "split_base": unsigned(10),    # its entry of a row's first line
            "detect": unsigned(1),         # the group's first token is a sample
            "decide": unsigned(1),         # decide ``words`` entries when the group retires
            "decide_fixed": unsigned(1),
        })


class Token(data.StructLayout):
    """A token that waits for a lane."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "address": unsigned(REGISTER_BITS),               # of its next word
            "row": unsigned(address_bits(config.tile_rows)),  # tile row of that word's channel 0
            "entry": unsigned(ENTRY_BITS),
            "token": unsigned(address_bits(config.lanes)),
        })
