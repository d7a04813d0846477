"""The step memory, without the bits that do not count."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.step import STEP_FIELDS, STEP_KEPT_BITS, STEP_SLOT_BITS, STEP_WORD_BITS
from rtl.memory.checked_ram import CheckedRam
from rtl.memory.ports import ReadPort, WritePort


class StepRam(wiring.Component):
    """``depth`` step words of ``golden.spec.step``, as ``CheckedRam`` holds words.

    What a slot has above its field is not kept, and reads 0.
    """

    def __init__(self, depth: int, checked: bool = True) -> None:
        self.depth = depth
        self.checked = checked
        super().__init__({
            "read": In(ReadPort(depth, STEP_WORD_BITS)),
            "write": In(WritePort(depth, STEP_WORD_BITS)),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = CheckedRam(self.depth, STEP_KEPT_BITS, self.checked)
        slots: list[Value] = []
        position = 0
        for field in STEP_FIELDS:
            slots.append(Cat(store.read.data[position:position + field.bits], Const(0, STEP_SLOT_BITS - field.bits)))
            position += field.bits
        m.d.comb += [
            store.read.enable.eq(self.read.enable),
            store.read.address.eq(self.read.address),
            self.read.data.eq(self.word(slots)),
            store.write.enable.eq(self.write.enable),
            store.write.address.eq(self.write.address),
            store.write.data.eq(Cat(self.write.data.word_select(place, STEP_SLOT_BITS)[:field.bits]
                                    for place, field in enumerate(STEP_FIELDS))),
            self.fault.eq(store.fault),
            self.collision.eq(store.collision),
            self.damaged.eq(store.damaged),
        ]
        return m

    def word(self, slots: list[Value]) -> Value:
        """A step word of its slots."""
        return Cat(slots)
