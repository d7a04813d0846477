"""Packing of the initial convolution's operand into words of nibbles."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import ADDRESS
from golden.spec.hardware import HardwareConfig
from rtl.memory.bounds import bounded
from rtl.memory.ports import WritePort

INT8_LOW, INT8_HIGH = -128, 127


class PatchPacker(wiring.Component):
    """int8 terms, one a cycle -> words of high and of low nibbles in the normalised memory.

    Matches ``golden.integer.pixel.quantise_input`` and ``golden.integer.product.activation_planes`` bit for bit.
    A term is a pixel (``pixel``), a coordinate (``coordinate`` where ``is_coordinate``) or 0 (``is_zero``). ``slot`` is
    its channel in the word, ``word_end`` marks a word's last term and ``token_end`` a token's. ``start`` sets the
    address to ``base``. The high word is written HIGH_LATENCY cycles after the word's last term and the low one a cycle
    later, so that no word may have fewer than two terms.
    """

    HIGH_LATENCY = 2
    LATENCY = 3

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "start": In(1),
            "base": In(ADDRESS),
            "words": In(8),
            "valid": In(1),
            "pixel": In(signed(numbers.WIDE_BITS)),
            "coordinate": In(signed(8)),
            "is_coordinate": In(1),
            "is_zero": In(1),
            "slot": In(range(config.width)),
            "word_end": In(1),
            "token_end": In(1),
            "normalised": Out(WritePort(config.normalised_words, config.word_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.config.width
        word_bits = self.config.word_bits

        # Stage 1: the int8 operand.
        valid_1 = Signal()
        word_end_1 = Signal()
        token_end_1 = Signal()
        slot_1 = Signal(range(width), reset_less=True)
        term = Signal(signed(8), reset_less=True)
        m.d.sync += [
            valid_1.eq(self.valid),
            word_end_1.eq(self.valid & self.word_end),
            token_end_1.eq(self.valid & self.token_end),
            slot_1.eq(self.slot),
            term.eq(self.quantised(self.pixel)),
        ]
        with m.If(self.is_coordinate):
            m.d.sync += term.eq(self.coordinate)
        with m.If(self.is_zero):
            m.d.sync += term.eq(0)

        # Stage 2: gathered; a full word of high nibbles leaves at once, the low ones wait a cycle.
        gathered = [Signal(word_bits, name=f"gathered_{plane}", reset_less=True) for plane in ("low", "high")]
        with_term = [Signal(word_bits, name=f"with_term_{plane}") for plane in ("low", "high")]
        nibbles = (term[:numbers.NIBBLE_BITS], term[numbers.NIBBLE_BITS:])
        for word, new, nibble in zip(gathered, with_term, nibbles, strict=True):
            placed = Cat(nibble & (valid_1 & (slot_1 == i)).replicate(numbers.NIBBLE_BITS) for i in range(width))
            m.d.comb += new.eq(word | placed)
            m.d.sync += word.eq(Mux(word_end_1 | self.start, 0, new))
        address = Signal(ADDRESS + 1, reset_less=True)
        low_waits = Signal()
        low_word = Signal(word_bits, reset_less=True)
        low_address = Signal(ADDRESS + 1, reset_less=True)
        write = self.normalised
        m.d.sync += low_waits.eq(word_end_1)
        m.d.sync += write.enable.eq(word_end_1 | low_waits)
        with m.If(word_end_1):
            m.d.sync += [
                write.data.eq(with_term[1]),
                write.address.eq(bounded(address, write.address)),
                low_word.eq(with_term[0]),
                low_address.eq(address + self.words),
                address.eq(address + 1 + Mux(token_end_1, self.words, 0)),
            ]
        with m.Else():
            m.d.sync += write.data.eq(low_word)
            m.d.sync += write.address.eq(bounded(low_address, write.address))
        with m.If(self.start):
            m.d.sync += address.eq(self.base)
        return m

    def quantised(self, pixel: Signal) -> Mux:
        """A pixel as int8, one step is 1/32."""
        step = (pixel + (1 << (numbers.INPUT_SHIFT - 1))) >> numbers.INPUT_SHIFT
        return Mux(step > INT8_HIGH, INT8_HIGH, Mux(step < INT8_LOW, INT8_LOW, step))
