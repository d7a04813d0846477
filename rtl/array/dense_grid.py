"""A dense array: lanes in a row, each a few cycles behind the one before it, and the drain of their sums."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import address_bits
from rtl.array.dense_lane import DenseControl, DenseLane, DenseShape, lane_latency, pack_row


def drain_latency(shape: DenseShape) -> int:
    """Cycles from the last row at the grid's input to the sums of token 0 at ``drained``."""
    return 1 + lane_latency(shape) + shape.tokens


class DenseGrid(wiring.Component):
    """``len(kinds)`` lanes of ``tokens`` tokens by ``width`` columns, each lane made of what ``kinds`` says.

    The left operand's memory has one port: token i takes its word i cycles after token 0, just when the row of the
    word's first channel reaches it, so one word and one row a cycle keep every multiplier busy. The word comes a cycle
    after its row and control, as these are registered here, packed. The drain takes one token a cycle, in order.

    Latency ``drain_latency`` cycles from the last row to the sums of token 0; one token a cycle after it. A dot
    product has at least as many terms as the grid has tokens, so that drains never overlap.
    """

    lane_type = DenseLane

    def __init__(self, shape: DenseShape, kinds: Sequence[str], family: str = "generic") -> None:
        if not kinds:
            raise ValueError("a grid of no lanes; expected at least one kind")
        self.shape = shape
        self.kinds = tuple(kinds)
        self.family = family
        self.tokens = shape.tokens * len(self.kinds)
        super().__init__({
            "word": In(shape.word_bits),
            "row": In(shape.word_bits),
            "control": In(DenseControl),
            "drained": Out(shape.sum_bits),
            "drained_token": Out(address_bits(self.tokens)),
            "drained_valid": Out(1),
        })

    @property
    def multipliers(self) -> int:
        """Products a cycle."""
        return self.tokens * self.shape.width

    def elaborate(self, platform: object) -> Module:
        m = Module()
        row = Signal(self.shape.word_bits, name="packed_row", reset_less=True)
        control = Signal(DenseControl, name="packed_control")
        m.d.sync += [row.eq(pack_row(self.row, self.shape)), control.eq(self.control)]
        lanes = [self.lane_type(self.shape, kind, self.family) for kind in self.kinds]
        for index, lane in enumerate(lanes):
            m.submodules[f"lane_{index}"] = lane
            m.d.comb += [lane.word.eq(self.word), lane.row.eq(row), lane.control.eq(control)]
            row = lane.next_row
            control = lane.next_control
        self.drain(m, lanes)
        return m

    def drain(self, m: Module, lanes: list[DenseLane]) -> None:
        """The one lane whose sums are complete, then its tokens one after the other."""
        shape = self.shape
        done = Cat(lane.done for lane in lanes)
        sums = Signal(shape.tokens * shape.sum_bits, name="sums", reset_less=True)
        collected = Signal(name="collected")
        valid = Signal(name="valid")
        token = Signal(address_bits(self.tokens), name="token")
        m.d.sync += collected.eq(done.any())
        with m.If(done.any()):
            m.d.sync += sums.eq(gated([(lane.done, lane.sums) for lane in lanes]))
        with m.If(valid):
            m.d.sync += token.eq(Mux(token == self.tokens - 1, 0, token + 1))
        if shape.tokens == 1:
            m.d.comb += [self.drained.eq(sums), valid.eq(collected)]
        else:
            drained = Signal(shape.sum_bits, name="drained_sums", reset_less=True)
            second = Signal(name="second")
            m.d.sync += [second.eq(collected), valid.eq(collected | second),
                         drained.eq(Mux(collected, sums[:shape.sum_bits], sums[shape.sum_bits:]))]
            m.d.comb += self.drained.eq(drained)
        m.d.comb += [self.drained_valid.eq(valid), self.drained_token.eq(token)]


def gated(choices: list[tuple[Value, Value]]) -> Value:
    """The value whose flag is set, of which there is one: a balanced tree of or."""
    if len(choices) == 1:
        flag, value = choices[0]
        return Mux(flag, value, 0)
    middle = len(choices) // 2
    return gated(choices[:middle]) | gated(choices[middle:])
