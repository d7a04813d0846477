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
        self.quantise(m)
        self.gather(m)
        self.write(m)
        return m

    def quantise(self, m: Module) -> None:
        """Stage 1: the int8 operand and its flags."""
        self.valid_1 = Signal()
        self.word_end_1 = Signal()
        self.token_end_1 = Signal()
        self.slot_1 = Signal(range(self.config.width), reset_less=True)
        self.term = Signal(signed(8), reset_less=True)
        m.d.sync += [
            self.valid_1.eq(self.valid),
            self.word_end_1.eq(self.valid & self.word_end),
            self.token_end_1.eq(self.valid & self.token_end),
            self.slot_1.eq(self.slot),
            self.term.eq(self.quantised(self.pixel)),
        ]
        with m.If(self.is_coordinate):
            m.d.sync += self.term.eq(self.coordinate)
        with m.If(self.is_zero):
            m.d.sync += self.term.eq(0)

    def gather(self, m: Module) -> None:
        """Stage 2, data: ``with_term`` is a word of low and one of high nibbles up to this term."""
        word_bits = self.config.word_bits
        gathered = [Signal(word_bits, name=f"gathered_{plane}", reset_less=True) for plane in ("low", "high")]
        self.with_term = [Signal(word_bits, name=f"with_term_{plane}") for plane in ("low", "high")]
        nibbles = (self.term[:numbers.NIBBLE_BITS], self.term[numbers.NIBBLE_BITS:])
        here = [self.valid_1 & (self.slot_1 == i) for i in range(self.config.width)]
        for word, new, nibble in zip(gathered, self.with_term, nibbles, strict=True):
            placed = Cat(nibble & place.replicate(numbers.NIBBLE_BITS) for place in here)
            m.d.comb += new.eq(word | placed)
            m.d.sync += word.eq(Mux(self.word_end_1 | self.start, 0, new))

    def write(self, m: Module) -> None:
        """Stage 2, writes: a full word of high nibbles leaves at once, the low ones wait a cycle."""
        address = Signal(ADDRESS + 1, reset_less=True)
        low_waits = Signal()
        low_word = Signal(self.config.word_bits, reset_less=True)
        low_address = Signal(ADDRESS + 1, reset_less=True)
        write = self.normalised
        m.d.sync += low_waits.eq(self.word_end_1)
        m.d.sync += write.enable.eq(self.word_end_1 | low_waits)
        with m.If(self.word_end_1):
            m.d.sync += [
                write.data.eq(self.with_term[1]),
                write.address.eq(bounded(address, write.address)),
                low_word.eq(self.with_term[0]),
                low_address.eq(address + self.words),
                address.eq(address + 1 + Mux(self.token_end_1, self.words, 0)),
            ]
        with m.Else():
            m.d.sync += write.data.eq(low_word)
            m.d.sync += write.address.eq(bounded(low_address, write.address))
        with m.If(self.start):
            m.d.sync += address.eq(self.base)

    def quantised(self, pixel: Signal) -> Mux:
        """A pixel as int8, one step is 1/32."""
        step = (pixel + (1 << (numbers.INPUT_SHIFT - 1))) >> numbers.INPUT_SHIFT
        return Mux(step > INT8_HIGH, INT8_HIGH, Mux(step < INT8_LOW, INT8_LOW, step))
