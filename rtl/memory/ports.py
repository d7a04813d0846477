"""Memory ports as every unit sees them: words or lines, each port with one user."""

from __future__ import annotations

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import address_bits

READ_LATENCY = 2
"""Cycles from a read's address to its data: the block RAM and its output register."""


class ReadPort(wiring.Signature):
    """Reader's side: ``address`` with ``enable`` in cycle t gives ``data`` in cycle t + READ_LATENCY.

    The address has one bit more than the depth needs, so that a bound is checked and never wraps.
    """

    def __init__(self, depth: int, bits: int) -> None:
        super().__init__({
            "enable": Out(1),
            "address": Out(address_bits(depth) + 1),
            "data": In(bits),
        })


class LineReadPort(wiring.Signature):
    """Reader's side of a memory that is read a line at a time: ``line_words`` words, the first lowest.

    ``address`` is the line's: a word's address / line_words. ``words`` is a mask of the words that the reader is going
    to use; the others may be written meanwhile, and are undefined then. Otherwise as ``ReadPort``; a reader that does
    not set ``words`` uses them all.
    """

    def __init__(self, depth: int, word_bits: int, line_words: int) -> None:
        super().__init__({
            "enable": Out(1),
            "address": Out(address_bits(depth // line_words) + 1),
            "words": Out(line_words, init=(1 << line_words) - 1),
            "data": In(line_words * word_bits),
        })


class WritePort(wiring.Signature):
    """Writer's side: a write in cycle t is read from cycle t + 1 on."""

    def __init__(self, depth: int, bits: int) -> None:
        super().__init__({
            "enable": Out(1),
            "address": Out(address_bits(depth) + 1),
            "data": Out(bits),
        })
