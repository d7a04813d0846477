"""What ``rtl.verilog --unit`` builds from packed multipliers and dense lanes."""

from __future__ import annotations

from pathlib import Path

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from rtl.array.dense_grid import DenseGrid, drain_latency
from rtl.array.dense_lane import DenseShape, nibble_shape, wide_shape
from rtl.array.multiplier import FAMILIES
from rtl.array.packed import PRODUCT_BITS, PRODUCTS, PackedMultiplier, left_operand, pack_left, pack_weights
from rtl.bench import bugs_dense as bugs

MODELS = (Path(__file__).with_name("mult18x18d.v"),)
"""Verilog of the cells that are instantiated."""

WIDE_BITS = 16
MIXED = ("dsp", "lut", "dsp")
"""Kinds that differ must not show."""

PACKED = {None: PackedMultiplier, "correction": bugs.UncorrectedPacked, "top_bit": bugs.TopBitPacked}
GRIDS = {None: DenseGrid, "correction": bugs.UncorrectedGrid, "sticky": bugs.StickyGrid}


class PackedBench(wiring.Component):
    """A packed multiplier of every family, with plain operands: four bits each, ``is_signed`` for those of the left.

    ``products_<family>`` has ``PRODUCTS`` products of PRODUCT_BITS bits, a cycle and LATENCY after the operands.
    """

    LATENCY = PackedMultiplier.LATENCY
    MODELS = MODELS

    def __init__(self, bug: str | None = None) -> None:
        self.units = {family: PACKED[bug](family) for family in FAMILIES}
        super().__init__({
            "left": In(2 * numbers.NIBBLE_BITS), "weights": In(2 * numbers.NIBBLE_BITS), "is_signed": In(1),
            **{f"products_{family}": Out(PRODUCTS * PRODUCT_BITS) for family in FAMILIES}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = numbers.NIBBLE_BITS
        left = [left_operand(self.left.word_select(token, bits), self.is_signed) for token in range(2)]
        weights = [self.weights.word_select(column, bits).as_signed() for column in range(2)]
        for family, unit in self.units.items():
            m.submodules[family] = unit
            m.d.comb += [unit.left.eq(pack_left(*left)), unit.weights.eq(pack_weights(*weights))]
            for index in range(PRODUCTS):
                product = Signal(signed(PRODUCT_BITS), name=f"product_{family}_{index}")
                m.d.comb += [product.eq(unit.fields[index] + unit.borrows[index]),
                             getattr(self, f"products_{family}").word_select(index, PRODUCT_BITS).eq(product)]
        return m


class DenseBench(wiring.Component):
    """A dense grid with ports that are no structures."""

    MODELS = MODELS
    CONTROLS = ("valid", "load", "first", "shift", "last", "signed")

    def __init__(self, shape: DenseShape, bug: str | None = None) -> None:
        self.grid = GRIDS[bug](shape, MIXED, "ecp5")
        self.LATENCY = drain_latency(shape)
        self.PARAMETERS = {"tokens": self.grid.tokens, "columns": shape.width, "bits": shape.bits,
                           "accumulator_bits": shape.accumulator_bits}
        members = self.grid.signature.members
        super().__init__({
            **{name: members[name] for name in ("word", "row", "drained", "drained_token", "drained_valid")},
            **{f"control_{name}": In(1) for name in self.CONTROLS}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.grid = grid = self.grid
        m.d.comb += [getattr(grid, name).eq(getattr(self, name)) for name in ("word", "row")]
        m.d.comb += [grid.control[name].eq(getattr(self, f"control_{name}")) for name in self.CONTROLS]
        m.d.comb += [getattr(self, name).eq(getattr(grid, name))
                     for name in ("drained", "drained_token", "drained_valid")]
        return m


def packed(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    return PackedBench(bug)


def dense(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    return DenseBench(nibble_shape(config), bug)


def dense_16(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    return DenseBench(wide_shape(config.width, WIDE_BITS, config.longest_dot_product), bug)


UNITS = {"packed": packed, "dense": dense, "dense_16": dense_16}
BUGS = {"packed": ("correction", "top_bit"), "dense": ("correction", "sticky"), "dense_16": ("sticky",)}
