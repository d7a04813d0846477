"""Two dense lanes in lock-step beside two sparse ones: the dense channels of both tokens, one weight row a cycle."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import DENSE_DRAIN, DRAIN_LATENCY
from rtl.array.booth import carried
from rtl.array.dense_lane import KINDS
from rtl.array.dense_queue import LANES, DenseQueue
from rtl.array.lane import VALUE_LATENCY, tile_copy
from rtl.array.layouts import LineControl
from rtl.array.line_queue import LineWork, Step
from rtl.array.multiplier import MULTIPLIER_LATENCY, require_family
from rtl.array.packed import COLUMNS, PackedMultiplier, pack_left
from rtl.memory.ports import WritePort
from rtl.units.pipeline import chain

DENSE_MULTIPLY_LATENCY = MULTIPLIER_LATENCY + 2
"""Cycles from a token's last value and row to its ``sums``."""
DENSE_SUMS_LATENCY = VALUE_LATENCY + DENSE_MULTIPLY_LATENCY
"""Cycles from the issue of a token's last dense channel to its ``sums``."""

assert DENSE_SUMS_LATENCY + 1 == DRAIN_LATENCY + DENSE_DRAIN, \
    "complete one cycle before the grant; selected in a stage of its own, then added to the sparse sums"


class DenseMultiply(wiring.Component):
    """``width`` products of each of two values and one weight row a cycle, added to the accumulators of two tokens.

    Of ``kind`` "dsp" four products come from one multiplier of 18 by 18 bits (``family`` says of which device), and
    ``row`` is as ``pack_row`` gives it; of kind "lut" each comes from look-up tables, and ``row`` is the plain one.
    Neither changes a sum or a cycle. A token's sums are copied when they are complete: DENSE_MULTIPLY_LATENCY cycles
    from its last value to ``sums``, which keep as long after the next token's last value. Initiation interval 1.
    """

    def __init__(self, config: HardwareConfig, kind: str, family: str) -> None:
        require_family(family)
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r} of dense pair; expected one of {', '.join(KINDS)}")
        self.config = config
        self.kind = kind
        self.family = family
        super().__init__({
            "steps": In(data.ArrayLayout(Step, LANES)),
            "values": In(data.ArrayLayout(signed(numbers.OPERAND_BITS), LANES)),
            "row": In(config.word_bits),
            "sums": Out(LANES * config.width * config.accumulator_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = self.config.accumulator_bits
        # stages 1 and 2: products
        products = self.packed(m) if self.kind == "dsp" else self.plain(m)
        for lane in range(LANES):
            step = data.View(Step, chain(m, Value.cast(self.steps[lane]), MULTIPLIER_LATENCY, f"step_{lane}")[-1])
            complete = Signal(name=f"complete_{lane}")
            m.d.sync += complete.eq(step.valid & step.last)
            for column in range(self.config.width):
                name = f"{lane}_{column}"
                total = Signal(signed(bits), name=f"total_{name}", reset_less=True)
                shadow = Signal(signed(bits), name=f"shadow_{name}", reset_less=True)
                self.accumulate(m, step, total, *products[lane, column])  # stage 3
                with m.If(complete):                                      # stage 4
                    m.d.sync += shadow.eq(total)
                m.d.comb += self.sums.word_select(lane * self.config.width + column, bits).eq(shadow)
        return m

    def packed(self, m: Module) -> dict[tuple[int, int], tuple[Value, Value | None]]:
        """(lane, column) -> product less its borrow, borrow: four in each multiplier."""
        left = Signal(LANES * numbers.OPERAND_BITS)
        m.d.comb += left.eq(pack_left(self.values[0], self.values[1]))
        products = {}
        for pair in range(self.config.width // COLUMNS):
            m.submodules[f"packed_{pair}"] = unit = PackedMultiplier(self.family)
            m.d.comb += [unit.left.eq(left),
                         unit.weights.eq(self.row.word_select(pair, COLUMNS * numbers.NIBBLE_BITS))]
            for index in range(len(unit.borrows)):
                products[index % LANES, COLUMNS * pair + index // LANES] = (unit.fields[index], unit.borrows[index])
        return products

    def plain(self, m: Module) -> dict[tuple[int, int], tuple[Value, Value | None]]:
        """(lane, column) -> product: one multiplier each."""
        row = chain(m, self.row, 1, "row", reset_less=True)[-1]
        weights = [row.word_select(column, numbers.NIBBLE_BITS).as_signed() for column in range(self.config.width)]
        products = {}
        for lane in range(LANES):
            value = chain(m, self.values[lane], 1, f"value_{lane}", reset_less=True)[-1]
            for column, weight in enumerate(weights):
                product = chain(m, value * weight, 1, f"product_{lane}_{column}", reset_less=True)[-1]
                products[lane, column] = (product, None)
        return products

    @staticmethod
    def accumulate(m: Module, step: data.View, total: Signal, product: Value, borrow: Value | None) -> None:
        """total <- product, 16 total + product or total + product, by ``step``; one adder, the borrow its carry."""
        before = Signal(total.shape(), name=f"before_{total.name}")
        m.d.comb += before.eq(Mux(step.first, 0, Mux(step.shift, total << numbers.NIBBLE_BITS, total)))
        with m.If(step.valid):
            m.d.sync += total.eq(before + product if borrow is None else carried(before, product, borrow))


class DensePair(wiring.Component):
    """Multiply one dense channel of two tokens with its weight row each cycle, and accumulate.

    Lines arrive and channels are issued as ``DenseQueue`` says. The weight rows come from the pair's own copy of the
    tile memory. A token whose last dense channel is issued in cycle c is ``done`` from c + 1 to its lane's next
    ``grant``, and its sums are there from c + DENSE_SUMS_LATENCY on, to DENSE_SUMS_LATENCY - 1 cycles after the grant
    at least: the last channel of either lane's next token waits for both grants, and is issued in the cycle of the
    later one at the earliest. Initiation interval: one channel a cycle; ``space`` is the only back-pressure.
    """

    queue_unit = DenseQueue

    def __init__(self, config: HardwareConfig, kind: str = "lut", family: str = "generic") -> None:
        self.config = config
        self.multiply = DenseMultiply(config, kind, family)
        super().__init__({
            "grant": In(LANES),      # a lane's token, complete on both kinds of lane, goes to the drain
            "reserve": In(LANES),    # a line is fetched for this lane; needs ``space``
            "space": Out(LANES),
            "line": In(config.line_bits),
            "control": In(LineControl(config)),
            "work": In(LineWork(config)),
            "line_valid": In(LANES),
            # rows as the kind of multiplier takes them
            "tile": In(WritePort(config.tile_rows, config.kept_bits(config.word_bits))),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
            "sums": Out(LANES * config.width * config.accumulator_bits),  # of lane 0's token, then lane 1's
            "done": Out(LANES),      # a token's dense channels are all issued and it is not granted
            "issued": Out(1),        # a dense channel is issued
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # stage 0: the channel; stage 1: address of its row
        m.submodules.queue = queue = self.queue_unit(self.config)
        for name in ("reserve", "line", "control", "work", "line_valid"):
            m.d.comb += getattr(queue, name).eq(getattr(self, name))
        m.d.comb += [self.space.eq(queue.space), self.issued.eq(queue.counts)]
        # stages 1 to 3: weight row and values
        m.submodules.rows = rows = tile_copy(self.config)
        m.d.comb += [rows.read.enable.eq(queue.read), rows.read.address.eq(queue.address)]
        m.d.comb += [getattr(rows.write, name).eq(getattr(self.tile, name)) for name in ("enable", "address", "data")]
        m.d.comb += [getattr(self, name).eq(getattr(rows, name)) for name in ("fault", "collision", "damaged")]
        # stages 4 to 7: products (2), accumulators, complete sums
        m.submodules.multiply = multiply = self.multiply
        steps = chain(m, Value.cast(queue.steps), VALUE_LATENCY, "steps")[-1]
        m.d.comb += [Value.cast(multiply.steps).eq(steps), Value.cast(multiply.values).eq(Value.cast(queue.values)),
                     multiply.row.eq(rows.read.data), self.sums.eq(multiply.sums)]
        self.complete(m, queue)
        return m

    def complete(self, m: Module, queue: DenseQueue) -> None:
        """Of each lane one token at a time is done and not granted; the next one's last channel waits for it."""
        for lane in range(LANES):
            step = queue.steps[lane]
            with m.If(self.grant[lane]):
                m.d.sync += self.done[lane].eq(0)
            with m.If(step.valid & step.last):
                m.d.sync += self.done[lane].eq(1)
        m.d.comb += queue.hold.eq(self.must_hold(self.done, self.grant))

    @staticmethod
    def must_hold(done: Value, grant: Value) -> Value:
        return done & ~grant
