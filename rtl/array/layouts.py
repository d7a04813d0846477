"""What travels between the units of the array."""

from __future__ import annotations

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

from golden.spec.descriptors import WIDTHS, Opcode
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


def fields_of_array(*names: str) -> dict[str, Shape]:
    """Fields of the ARRAY descriptor, as wide as there."""
    return {name: unsigned(WIDTHS[Opcode.ARRAY][name]) for name in names}


class GroupRecord(data.StructLayout):
    """What the write-back must know of a group of tokens in flight: fields of its descriptor, and its own place."""

    COPIED = ("destination", "vector_stride", "multiplier_source", "multiplier", "shift", "slot", "row_slot", "format")

    def __init__(self) -> None:
        copied = fields_of_array(*self.COPIED)
        super().__init__({
            "destination": copied.pop("destination"),
            "address": unsigned(REGISTER_BITS),   # of the group's first token
            "vector_stride": copied.pop("vector_stride"),
            "column": unsigned(8),                # keys: the first token's column in its transposer tile
            "tile": unsigned(1),                  # keys: which of the two transposer tiles
            **copied,
        })


class OperandRecord(data.StructLayout):
    """What the fetcher and the detector must know of a group of tokens in flight.

    ``detect``: the group's first token is a sample. ``decide``: decide ``words`` entries when the group retires.
    """

    COPIED = ("left_memory", "words", "nibble_passes", "left_signed", "skip", "split", "split_base", "decide_fixed")

    def __init__(self) -> None:
        super().__init__(fields_of_array(*self.COPIED[:-1], "detect", "decide", *self.COPIED[-1:]))


class Token(data.StructLayout):
    """A token that waits for a lane."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({
            "address": unsigned(REGISTER_BITS),               # of its next word
            "row": unsigned(address_bits(config.tile_rows)),  # tile row of that word's channel 0
            "entry": unsigned(ENTRY_BITS),
            "token": unsigned(address_bits(config.lanes)),
        })
