"""Transposer: ``width`` vectors of ``width`` nibbles in, in any order, the same tile by columns out."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import REGISTER_BITS, HardwareConfig, address_bits


def rotated(value: Value, places: Value, bits: int) -> Value:
    """Words of ``bits`` bits, each ``places`` places further up, the last ones round to the first."""
    for place, moves in enumerate(places):
        distance = len(value) - (bits << place)
        value = Mux(moves, Cat(value[distance:], value[:distance]), value)
    return value


class Transposer(wiring.Component):
    """Turn tokens of channels into channels of tokens, for keys.

    Vectors arrive with ``valid`` at any pace up to one a cycle, each with its ``row`` in one of two tiles,
    which may fill at the same time. ``base`` is the same with all ``width`` vectors of a tile. In the cycle after its
    last vector came, in whatever row, or else right after the other tile, its ``width`` columns leave in as many
    cycles, at addresses base, base + 1, …; ``output_valid`` is high in these.

    No vector may come to a tile from the cycle after its last vector to that of its last column; ``overrun`` is high
    in a cycle in which one does, and what leaves is then wrong. Initiation interval 1 vector.

    The tiles lie in ``width`` banks of LUT RAM: column c of row r in bank (r + c) mod width, at the address of the row.
    So both a row and a column find each of their values in a bank of its own.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "valid": In(1),
            "vector": In(config.word_bits),
            "base": In(REGISTER_BITS),
            "row": In(range(config.width)),
            "tile": In(1),
            "output_valid": Out(1),
            "output": Out(config.word_bits),
            "output_address": Out(REGISTER_BITS),
            "overrun": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width, bits = self.config.width, numbers.NIBBLE_BITS
        arrived = [Signal(address_bits(width), name=f"arrived_{t}") for t in range(2)]
        completed = Signal(2)    # tiles whose last vector comes in this cycle
        for number in range(2):
            with m.If(self.valid & (self.tile == number)):
                m.d.comb += completed[number].eq(self.completes(arrived[number]))
                m.d.sync += arrived[number].eq(arrived[number] + 1)
        self.banks = [memory.Memory(shape=bits, depth=2 * width, init=[]) for _ in range(width)]
        vector = rotated(self.vector, self.row, bits)
        for number, bank in enumerate(self.banks):
            m.submodules[f"bank_{number}"] = bank
            write = bank.write_port()
            m.d.comb += [write.en.eq(self.valid), write.addr.eq(Cat(self.row, self.tile)),
                         write.data.eq(vector.word_select(number, bits))]
        self.emit(m, completed)
        return m

    def emit(self, m: Module, completed: Signal) -> None:
        """Columns of full tiles leave, one tile after the other."""
        width, bits = self.config.width, numbers.NIBBLE_BITS
        full = Signal(2)
        leaving = Signal()       # the tile whose columns leave
        column = Signal(address_bits(width))
        address = Signal(REGISTER_BITS, reset_less=True)
        base = Signal(REGISTER_BITS, reset_less=True)    # of the tile that was completed last
        last = Signal()
        m.d.comb += [
            self.output_valid.eq(full.any()),
            last.eq(self.output_valid & (column == width - 1)),
            self.overrun.eq(self.valid & full.bit_select(self.tile, 1)),
        ]
        m.d.sync += full.eq((full & ~(last << leaving)) | completed)
        with m.If(completed.any()):
            m.d.sync += base.eq(self.base)
        with m.If(self.output_valid):
            m.d.sync += [column.eq(column + 1), address.eq(address + 1)]
        with m.Else():
            m.d.sync += leaving.eq(self.tile)
        with m.If(last):
            m.d.sync += leaving.eq(~leaving)
        with m.If(last | ~self.output_valid):
            m.d.sync += address.eq(self.following(completed.any(), base))
        found = []
        for number, bank in enumerate(self.banks):
            read = bank.read_port(domain="comb")
            m.d.comb += read.addr.eq(Cat((number - column)[:len(column)], leaving))
            found.append(read.data)
        m.d.comb += [
            self.output.eq(rotated(Cat(found), (width - column)[:len(column)], bits)),
            self.output_address.eq(address),
        ]

    def following(self, completed: Value, base: Value) -> Value:
        """Where the next tile to leave goes: one that is ``completed`` in this cycle, or else one that waits."""
        return Mux(completed, self.base, base)

    def completes(self, arrived: Value) -> Value:
        """Whether a vector is the last of its tile, ``arrived`` others being there."""
        return arrived == self.config.width - 1
