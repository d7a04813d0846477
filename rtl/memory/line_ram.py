"""Memory that is written a word at a time and read a line at a time."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.ports import LineReadPort, WritePort
from rtl.memory.ram import Ram


class LineRam(wiring.Component):
    """``depth`` words of ``bits`` bits in ``line_words`` banks: word i is row i / line_words of bank i mod line_words.

    Read latency READ_LATENCY (2) cycles, one line read and one word written a cycle. ``collision`` is high in a cycle
    that writes a word of the line that is read, if the reader uses it. An access at or past ``depth`` raises ``fault``
    in the same cycle and writes nothing. ``depth`` is a multiple of ``line_words``, a power of two.
    """

    def __init__(self, depth: int, bits: int, line_words: int) -> None:
        self.depth = depth
        self.bits = bits
        self.line_words = line_words
        super().__init__({
            "read": In(LineReadPort(depth, bits, line_words)),
            "write": In(WritePort(depth, bits)),
            "fault": Out(1),
            "collision": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        banks = [Ram(self.depth // self.line_words, self.bits) for _ in range(self.line_words)]
        place_bits = (self.line_words - 1).bit_length()
        place, row = self.write.address[:place_bits], self.write.address[place_bits:]
        for number, bank in enumerate(banks):
            m.submodules[f"bank_{number}"] = bank
            here = place == number if place_bits else 1
            m.d.comb += [
                bank.read.enable.eq(self.read.enable & self.used(number)),
                bank.read.address.eq(self.read.address),
                bank.write.enable.eq(self.write.enable & here),
                bank.write.address.eq(row),
                bank.write.data.eq(self.write.data),
            ]
        m.d.comb += [
            self.read.data.eq(Cat(bank.read.data for bank in banks)),
            self.fault.eq(Cat(bank.fault for bank in banks).any()),
            self.collision.eq(Cat(bank.collision for bank in banks).any()),
        ]
        return m

    def used(self, number: int) -> Value:
        """Whether the reader uses the word of a bank."""
        return self.read.words[number]
