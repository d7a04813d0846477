"""Counters of events: a few bits each that count every cycle, and a LUT RAM that takes them over in turn."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.registers import COUNTER_BITS
from rtl.control.relocate import choose

READ_PERIOD = 4
"""Cycles from one read to the next, at least."""


class Counters(wiring.Component):
    """Counters of COUNTER_BITS bits; counter i adds ``increments[i]`` of every cycle, two cycles later.

    Each has a *rest* of a few bits beside its word in LUT RAM, and its count is the sum of both. Every cycle one word
    takes its rest: in turn, or that of the counter ``index`` in a cycle with ``read``, whose count is in ``value`` in
    the same cycle. No two reads come within READ_PERIOD cycles, so that a turn has an end. ``clear`` sets all to zero,
    with the increments of that cycle and the one before.
    """

    def __init__(self, bits: tuple[int, ...]) -> None:
        self.bits = bits
        super().__init__({
            "increments": In(data.StructLayout({str(place): width for place, width in enumerate(bits)})),
            "clear": In(1),
            "read": In(1),
            "index": In(range(len(bits))),
            "value": Out(COUNTER_BITS),
        })

    @property
    def longest_wait(self) -> int:
        """Cycles from one take-over of a counter to the next, at most, reads taking every READ_PERIOD-th."""
        count = len(self.bits)
        return count + -(-count // (READ_PERIOD - 1)) + 1

    def rest_bits(self, width: int) -> int:
        """Bits of the rest of a counter whose increments have ``width`` bits."""
        return (self.longest_wait * ((1 << width) - 1)).bit_length()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = len(self.bits)
        m.submodules.words = self.words = words = memory.Memory(shape=COUNTER_BITS, depth=count, init=[])
        read, write = words.read_port(domain="comb"), words.write_port()
        turn = Signal(range(count))
        index = Signal(range(count))
        written = Signal(count)      # words that hold something since the last ``clear``
        rests = [self.rest(m, place, index == place) for place in range(count)]
        with m.If(~self.read):
            m.d.sync += turn.eq(Mux(turn == count - 1, 0, turn + 1))
        m.d.comb += [
            index.eq(Mux(self.read, self.index, turn)),
            read.addr.eq(index),
            self.value.eq(Mux(Array(written)[index], read.data, 0) + choose(rests, index)),
            write.addr.eq(index),
            write.data.eq(self.value),
            write.en.eq(1),
        ]
        m.d.sync += written.eq((written | (1 << index)) & ~self.clear.replicate(count))
        return m

    def rest(self, m: Module, place: int, taken: Value) -> Signal:
        """What a counter's word lacks: it begins anew in the cycle after it is ``taken`` over."""
        width = self.bits[place]
        held = Signal(width, name=f"held_{place}")
        rest = Signal(self.rest_bits(width), name=f"rest_{place}")
        m.d.sync += [held.eq(self.increments[str(place)]), rest.eq(Mux(taken, 0, rest) + held)]
        with m.If(self.clear):
            m.d.sync += [held.eq(0), rest.eq(0)]
        return rest
