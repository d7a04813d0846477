"""Queue for what comes in bursts and cannot wait."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.data import Layout
from amaranth.lib.wiring import In, Out


class BurstQueue(wiring.Component):
    """First in, first out; ``depth``, a power of two, items in LUT memory.

    An item that is pushed in cycle t is seen at ``front`` from t + 1 on, once those before it are popped. One push and
    one pop a cycle; a pop only with ``valid``. A push without room, even with a pop in the same cycle, is lost and
    raises ``overrun`` in that cycle.
    """

    def __init__(self, depth: int, layout: Layout) -> None:
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"a queue of {depth}; expected a power of two, at least 2")
        self.depth = depth
        self.layout = layout
        super().__init__({
            "push": In(1),
            "item": In(layout),
            "overrun": Out(1),
            "valid": Out(1),
            "several": Out(1),    # more than one item is held
            "front": Out(layout),
            "pop": In(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = memory.Memory(shape=self.layout, depth=self.depth, init=[])
        write = store.write_port()
        read = store.read_port(domain="comb")
        reader = Signal(range(self.depth))
        level = Signal(range(self.depth + 1))
        accepted = Signal()
        m.d.comb += [
            accepted.eq(self.push & self.has_room(level)),
            self.overrun.eq(self.push & (level == self.depth)),
            self.valid.eq(level != 0),
            self.several.eq(level > 1),
            write.en.eq(accepted),
            write.addr.eq(reader + level),
            write.data.eq(self.item),
            read.addr.eq(reader),
            self.front.eq(read.data),
        ]
        m.d.sync += [reader.eq(reader + self.pop), level.eq(level + accepted - self.pop)]
        return m

    def has_room(self, level: Value) -> Value:
        """Whether another item can be held."""
        return level != self.depth
