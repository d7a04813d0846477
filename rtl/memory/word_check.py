"""Check bits of words in logic: made where a word is written, verified where it is read (``golden.spec.check``)."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.check import check_bits, parity_masks, stored_bits

CHECK_LATENCY = 1
"""Cycles from a word that is verified to ``damaged``."""


def with_check(word: Value) -> Value:
    """What a memory keeps for a word: the word, and its check bits above it."""
    return Cat(word, *((word & mask).xor() for mask in parity_masks(len(word))))


class WordCheck(wiring.Component):
    """Whether a stored word of ``bits`` bits and its check bits belong together.

    ``word`` with ``valid`` in cycle t makes ``damaged`` high in cycle t + CHECK_LATENCY (1) if they do not. Initiation
    interval 1. The parities are registered; what follows is one OR of them.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__({"word": In(stored_bits(bits)), "valid": In(1), "damaged": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        differing = Signal(check_bits(self.bits), reset_less=True)
        checked = Signal()
        kept = self.word[self.bits:]
        m.d.sync += [
            differing.eq(self.parities(self.word[:self.bits]) ^ kept),
            checked.eq(self.valid),
        ]
        m.d.comb += self.damaged.eq(checked & self.seen(differing).any())
        return m

    @staticmethod
    def parities(word: Value) -> Value:
        """The check bits that belong to a word."""
        return with_check(word)[len(word):]

    @staticmethod
    def seen(differing: Value) -> Value:
        """The check bits that are looked at: all."""
        return differing
