"""Dense lanes: one or two tokens in lock-step on one weight row a cycle, of 4 or of 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from rtl.array.booth import booth_product, carried, digits
from rtl.array.multiplier import DSP_BITS, MULTIPLIER_LATENCY, Multiplier, require_family
from rtl.array.packed import COLUMNS, PackedMultiplier, left_operand, pack_left, pack_weights
from rtl.units.pipeline import chain

KINDS = ("lut", "dsp")
"""What multiplies: look-up tables, or DSP multipliers (four 4-bit products in each, or one wider product)."""

DenseControl = data.StructLayout({
    "valid": unsigned(1),   # the row takes part
    "load": unsigned(1),    # first channel of a word: the lane's tokens take their words
    "first": unsigned(1),   # first term of a dot product: forget the accumulator
    "shift": unsigned(1),   # 4 bits: first term of the second or fourth nibble pass: accumulator times 16
    "last": unsigned(1),    # last term: the sums are complete
    "signed": unsigned(1),  # 4 bits: the left operand is int4 rather than uint4
})
"""What travels with each weight row."""


@dataclass(frozen=True, kw_only=True)
class DenseShape:
    """Operands and sums of a dense lane. Raises ``ValueError`` for what cannot be built."""

    width: int             # output channels, and channels of a word
    bits: int              # of an operand; 4 are int4 or uint4, more are signed
    accumulator_bits: int
    tokens: int            # in lock-step in one lane

    def __post_init__(self) -> None:
        if not numbers.NIBBLE_BITS <= self.bits <= DSP_BITS or self.bits % 2:
            raise ValueError(f"operands of {self.bits} bits; expected {numbers.NIBBLE_BITS} to {DSP_BITS}, even")
        if self.tokens not in (1, 2) or self.width < 1 or self.width % COLUMNS:
            raise ValueError(f"{self.tokens} tokens of {self.width} channels; expected 1 or 2 tokens, an even width")

    @property
    def is_nibble(self) -> bool:
        """Whether operands are 4-bit ones, with nibble passes and uint4."""
        return self.bits == numbers.NIBBLE_BITS

    @property
    def word_bits(self) -> int:
        """Bits of ``width`` operands."""
        return self.width * self.bits

    @property
    def sum_bits(self) -> int:
        """Bits of one token's sums."""
        return self.width * self.accumulator_bits


def nibble_shape(config: HardwareConfig) -> DenseShape:
    """A pair of lanes beside, or instead of, those of a configuration."""
    return DenseShape(width=config.width, bits=numbers.NIBBLE_BITS, accumulator_bits=config.accumulator_bits, tokens=2)


def wide_shape(width: int, bits: int, terms: int) -> DenseShape:
    """One token with ``bits`` bits; sums of so many products are exact.

    |sum| <= terms x 2^(bits-1) x (2^(bits-1) - 1): weights are symmetric, as those of 4 bits are.
    """
    half = 1 << bits - 1
    largest = terms * half * (half - 1)
    return DenseShape(width=width, bits=bits, accumulator_bits=largest.bit_length() + 1, tokens=1)


def lane_latency(shape: DenseShape) -> int:
    """Cycles from a row and its control at a lane's input to the sums in its accumulators, for every ``kind``."""
    return shape.tokens + MULTIPLIER_LATENCY + 1


class DenseLane(wiring.Component):
    """Multiply one channel of each token with the same weight row each cycle, and accumulate.

    With ``control.load`` the lane's first token takes its word of ``width`` operands, and the second token takes its
    own from the same port a cycle later; then both use one channel a cycle, lowest first, beside the rows that arrive
    in those cycles. Row and control leave ``tokens`` cycles later for the next lane. Latency ``lane_latency`` cycles to
    ``sums`` (token 0 lowest, then column 0 lowest); ``done`` is high in the one cycle in which they are complete.
    Initiation interval 1; no back-pressure. ``kind`` and ``family`` change neither a bit nor a cycle.

    The row comes as ``pack_row`` gives it, so that packing is paid once for all lanes.
    """

    packed_type = PackedMultiplier

    def __init__(self, shape: DenseShape, kind: str = "dsp", family: str = "generic") -> None:
        require_family(family)
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r} of dense lane; expected one of {', '.join(KINDS)}")
        if kind == "dsp" and shape.is_nibble and shape.tokens != 2:
            raise ValueError("packed multipliers take the operands of two tokens; expected a shape with tokens=2")
        self.shape = shape
        self.kind = kind
        self.family = family
        super().__init__({
            "word": In(shape.word_bits),
            "row": In(shape.word_bits),
            "control": In(DenseControl),
            "next_row": Out(shape.word_bits),
            "next_control": Out(DenseControl),
            "sums": Out(shape.tokens * shape.sum_bits),
            "done": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape

        # stages 1 to ``tokens``: operand words and row
        rows = chain(m, self.row, shape.tokens, "row", reset_less=True)
        controls = chain(m, Value.cast(self.control), shape.tokens, "control")
        words = chain(m, self.word, shape.tokens - 1, "word", reset_less=True)
        control = data.View(DenseControl, controls[-1])
        values = [self.feed(m, token, words[shape.tokens - 1 - token], data.View(DenseControl, controls[-2]), control)
                  for token in range(shape.tokens)]
        m.d.comb += [self.next_row.eq(rows[-1]), Value.cast(self.next_control).eq(controls[-1])]

        # two stages: products, and the borrows still to be added to them
        products = self.packed(m, values, rows[-1]) if self.kind == "dsp" and shape.is_nibble else \
            self.plain(m, values, rows[-1])
        at_sums = data.View(DenseControl, chain(m, controls[-1], MULTIPLIER_LATENCY, "product_control")[-1])

        # last stage: accumulators
        done = Signal()
        m.d.sync += done.eq(at_sums.valid & at_sums.last)
        m.d.comb += self.done.eq(done)
        totals = []
        for token in range(shape.tokens):
            for column in range(shape.width):
                total = Signal(signed(shape.accumulator_bits), name=f"total_{token}_{column}", reset_less=True)
                self.accumulate(m, at_sums, total, *products[token, column])
                totals.append(total)
        m.d.comb += self.sums.eq(Cat(totals))
        return m

    def feed(self, m: Module, token: int, word: Value, upcoming: data.View, control: data.View) -> Value:
        """The token's operand of this cycle: its word, shifted by an operand a cycle."""
        shape = self.shape
        feeder = Signal(shape.word_bits, name=f"feeder_{token}", reset_less=True)
        m.d.sync += feeder.eq(Mux(upcoming.load, word, feeder >> shape.bits))
        operand = feeder[:shape.bits]
        return left_operand(operand, control.signed) if shape.is_nibble else operand.as_signed()

    def packed(self, m: Module, values: list[Value], row: Value) -> dict[tuple[int, int], tuple[Value, Value]]:
        """(token, column) -> product less its borrow, borrow: four products in each multiplier."""
        left = Signal(2 * numbers.OPERAND_BITS)
        m.d.comb += left.eq(pack_left(*values))
        products = {}
        for pair in range(self.shape.width // COLUMNS):
            m.submodules[f"packed_{pair}"] = unit = self.packed_type(self.family)
            m.d.comb += [unit.left.eq(left), unit.weights.eq(row.word_select(pair, COLUMNS * self.shape.bits))]
            for index in range(len(unit.borrows)):
                token, column = index % len(values), index // len(values)
                products[token, COLUMNS * pair + column] = (unit.fields[index], unit.borrows[index])
        return products

    def plain(self, m: Module, values: list[Value], row: Value) -> dict[tuple[int, int], tuple[Value, Value | None]]:
        """(token, column) -> product, carry to add to it if any: one multiplier each."""
        shape = self.shape
        products = {}
        weights = self.plain_weights(m, row)
        for token, value in enumerate(values):
            if self.kind == "lut":
                factors = digits(value) if not shape.is_nibble else [value]
                held = [register(m, factor, f"factor_{token}_{place}") for place, factor in enumerate(factors)]
            for column, weight in enumerate(weights):
                name = f"{token}_{column}"
                if self.kind == "dsp":
                    m.submodules[f"multiplier_{name}"] = unit = Multiplier(shape.bits, shape.bits, self.family)
                    m.d.comb += [unit.left.eq(value), unit.right.eq(weight)]
                    products[token, column] = (unit.product, None)
                elif shape.is_nibble:
                    products[token, column] = (register(m, held[0] * weight, f"product_{name}"), None)
                else:
                    total, carry = booth_product(m, held, weight, f"booth_{name}")
                    products[token, column] = (register(m, total, f"product_{name}"),
                                               register(m, carry, f"carry_{name}"))
        return products

    def plain_weights(self, m: Module, row: Value) -> list[Value]:
        """The row's weights, signed; for look-up tables registered, once for all tokens of the lane."""
        shape = self.shape
        if self.kind == "lut":
            row = register(m, unpack_row(row, shape) if shape.is_nibble else row, "row_held")
        return [row.word_select(column, shape.bits).as_signed() for column in range(shape.width)]

    def accumulate(self, m: Module, control: data.View, total: Signal, product: Value, borrow: Value | None) -> None:
        """total <- product, 16 total + product or total + product, by ``control``; one adder, the borrow its carry."""
        before = Signal(total.shape(), name=f"before_{total.name}")
        scaled = Mux(control.shift, total << numbers.NIBBLE_BITS, total) if self.shape.is_nibble else total
        m.d.comb += before.eq(Mux(control.first, 0, scaled))
        after = before + product if borrow is None else carried(before, product, borrow)
        with m.If(control.valid):
            m.d.sync += total.eq(after)


def register(m: Module, value: Value, name: str) -> Signal:
    """``value`` a cycle later, without reset."""
    held = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += held.eq(value)
    return held


def pack_row(row: Value, shape: DenseShape) -> Value:
    """A weight row as the lanes of any ``kind`` take it: int4 weights of a column pair less the borrow of the lower."""
    if not shape.is_nibble:
        return row
    weights = [row.word_select(column, shape.bits).as_signed() for column in range(shape.width)]
    return Cat(pack_weights(*weights[pair:pair + COLUMNS]) for pair in range(0, shape.width, COLUMNS))


def unpack_row(row: Value, shape: DenseShape) -> Value:
    """Its inverse, for multipliers that take one weight each."""
    weights = [row.word_select(column, shape.bits) for column in range(shape.width)]
    return Cat(Cat(lower, (upper + lower[-1])[:shape.bits])
               for lower, upper in zip(weights[::COLUMNS], weights[1::COLUMNS], strict=True))
