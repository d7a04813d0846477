"""Transposer: ``width`` vectors of ``width`` nibbles in, the same tile by columns out."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits


class Transposer(wiring.Component):
    """Turn tokens of channels into channels of tokens, for keys.

    Vectors arrive with ``valid`` at any pace up to one a cycle; ``base`` is taken with the first of each tile. The
    cycle after a tile's last vector, its ``width`` columns leave in as many cycles, at addresses base, base + 1, …
    Two register tiles take turns, so input never waits. Initiation interval 1 vector.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "valid": In(1),
            "vector": In(config.word_bits),
            "base": In(REGISTER_BITS),
            "output_valid": Out(1),
            "output": Out(config.word_bits),
            "output_address": Out(REGISTER_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.config.width
        bits = numbers.NIBBLE_BITS
        tiles = [[Signal(self.config.word_bits, name=f"tile_{t}_{row}", reset_less=True) for row in range(width)]
                 for t in range(2)]
        filling = Signal()
        row = Signal(address_bits(width))
        base = Signal(REGISTER_BITS, reset_less=True)
        with m.If(self.valid):
            m.d.sync += row.eq(row + 1)
            with m.If(row == 0):
                m.d.sync += base.eq(self.base)
            for number, tile in enumerate(tiles):
                with m.If(filling == number):
                    with m.Switch(row):
                        for index, store in enumerate(tile):
                            with m.Case(index):
                                m.d.sync += store.eq(self.vector)

        column = Signal(address_bits(width))
        emitting = Signal()
        address = Signal(REGISTER_BITS, reset_less=True)
        with m.If(emitting):
            m.d.sync += [column.eq(column + 1), address.eq(address + 1)]
            with m.If(column == width - 1):
                m.d.sync += emitting.eq(0)
        with m.If(self.valid & self.completes(row)):
            m.d.sync += [emitting.eq(1), column.eq(0), filling.eq(~filling), address.eq(base)]

        columns = [Array(Cat(store.word_select(c, bits) for store in tile) for c in range(width)) for tile in tiles]
        m.d.comb += [
            self.output_valid.eq(emitting),
            self.output.eq(Mux(filling, columns[0][column], columns[1][column])),
            self.output_address.eq(address),
        ]
        return m

    def completes(self, row: Value) -> Value:
        """Whether the vector in ``row`` is the last of its tile."""
        return row == self.config.width - 1
