"""Exponentials of a word of scores, relative to the row's maximum."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from rtl.units.pipeline import chain


class Exponential(wiring.Component):
    """round(15 exp(score - maximum)) of every channel, one word a cycle.

    Matches ``golden.integer.softmax.exponentials`` bit for bit where no score exceeds ``maximum``. LATENCY 2 cycles;
    initiation interval 1; the output holds until the next one.

    Stages: 1 difference, saturated to the table; 2 table.
    """

    LATENCY = 2

    def __init__(self, config: HardwareConfig) -> None:
        self.width = config.width
        super().__init__({
            "valid": In(1),
            "maximum": In(signed(numbers.SCORE_BITS)),
            "scores": In(data.ArrayLayout(signed(numbers.SCORE_BITS), config.width)),
            "probabilities": Out(data.ArrayLayout(numbers.NIBBLE_BITS, config.width)),
        })

    def table(self) -> tuple[int, ...]:
        """uint4 exponential of each difference."""
        return numbers.exponential_table()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        looked_up = chain(m, self.valid, 1, "valid")[1]
        table = self.table()
        for i in range(self.width):
            # Stage 1.
            difference = Signal(numbers.SCORE_BITS, name=f"difference_{i}")
            index = Signal(numbers.EXPONENTIAL_INDEX_BITS, name=f"index_{i}", reset_less=True)
            m.d.comb += difference.eq(self.maximum - self.scores[i])
            with m.If(self.valid):
                m.d.sync += index.eq(Mux(difference[numbers.EXPONENTIAL_INDEX_BITS:].any(), len(table) - 1,
                                         difference[:numbers.EXPONENTIAL_INDEX_BITS]))
            # Stage 2.
            looked = Signal(numbers.NIBBLE_BITS, name=f"looked_{i}")
            probability = Signal(numbers.NIBBLE_BITS, name=f"probability_{i}", reset_less=True)
            with m.Switch(index):
                for entry, value in enumerate(table):
                    with m.Case(entry):
                        m.d.comb += looked.eq(Const(value, numbers.NIBBLE_BITS))
            with m.If(looked_up):
                m.d.sync += probability.eq(looked)
            m.d.comb += self.probabilities[i].eq(probability)
        return m
