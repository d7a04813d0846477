"""Block RAM whose words carry check bits."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.check import stored_bits
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.memory.ram import Ram
from rtl.memory.word_check import CHECK_LATENCY, WordCheck, with_check

DAMAGE_LATENCY = READ_LATENCY + CHECK_LATENCY
"""Cycles from a read to ``damaged``."""


def kept_bits(bits: int, checked: bool) -> int:
    """Bits that a memory keeps for a word, with check bits or without."""
    return stored_bits(bits) if checked else bits


class VerifiedRam(wiring.Component):
    """``depth`` words of ``bits`` bits as ``Ram`` holds them, which are written with their check bits above them.

    So one unit can make the check bits for many copies. ``damaged`` is high DAMAGE_LATENCY (3) cycles after a read of
    a word that does not match its check bits (``golden.spec.check``): one cycle after its data, which is not held
    back. Without ``checked`` words have no check bits, and ``damaged`` stays low.
    """

    check_unit = WordCheck

    def __init__(self, depth: int, bits: int, checked: bool = True) -> None:
        self.depth = depth
        self.bits = bits
        self.checked = checked
        super().__init__({
            "read": In(ReadPort(depth, bits)),
            "write": In(WritePort(depth, kept_bits(bits, checked))),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = Ram(self.depth, kept_bits(self.bits, self.checked))
        m.d.comb += [
            store.read.enable.eq(self.read.enable),
            store.read.address.eq(self.read.address),
            self.read.data.eq(store.read.data),
            store.write.enable.eq(self.write.enable),
            store.write.address.eq(self.write.address),
            store.write.data.eq(self.write.data),
            self.fault.eq(store.fault),
            self.collision.eq(store.collision),
        ]
        if self.checked:
            self.verify(m, store)
        return m

    def verify(self, m: Module, store: Ram) -> None:
        """Each word that was asked for, in the cycle in which it is there."""
        m.submodules.check = check = self.check_unit(self.bits)
        asked = self.read.enable
        for stage in range(READ_LATENCY):
            following = Signal(name=f"asked_{stage}")
            m.d.sync += following.eq(asked)
            asked = following
        m.d.comb += [check.word.eq(store.read.data), check.valid.eq(asked), self.damaged.eq(check.damaged)]


class CheckedRam(wiring.Component):
    """``depth`` words of ``bits`` bits; their check bits are made as they are written, in the same cycle.

    Otherwise as ``VerifiedRam``.
    """

    store_unit = VerifiedRam

    def __init__(self, depth: int, bits: int, checked: bool = True) -> None:
        self.depth = depth
        self.bits = bits
        self.checked = checked
        super().__init__({
            "read": In(ReadPort(depth, bits)),
            "write": In(WritePort(depth, bits)),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = self.store_unit(self.depth, self.bits, self.checked)
        m.d.comb += [
            words.read.enable.eq(self.read.enable),
            words.read.address.eq(self.read.address),
            self.read.data.eq(words.read.data),
            words.write.enable.eq(self.write.enable),
            words.write.address.eq(self.write.address),
            words.write.data.eq(with_check(self.write.data) if self.checked else self.write.data),
            self.fault.eq(words.fault),
            self.collision.eq(words.collision),
            self.damaged.eq(words.damaged),
        ]
        return m
