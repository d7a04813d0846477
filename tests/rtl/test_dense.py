"""Packed multipliers and dense lanes in Verilator, and proof that their benches find bugs."""

import pytest

from rtl.array.dense_lane import DenseLane, DenseShape, wide_shape
from rtl.array.multiplier import Multiplier
from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


def run(unit: str, bug: str | None = None) -> None:
    run_unit(unit, "small", f"sim.bench_{unit.removesuffix('_16')}", bug=bug, env={CONFIG_VARIABLE: "small"})


@pytest.mark.parametrize("unit", ["packed", "dense", "dense_16"])
def test_is_exact(unit):
    run(unit)


@pytest.mark.parametrize(("unit", "bug", "message"), [
    ("packed", "correction", "packed: products of generic"), ("packed", "top_bit", "packed: products of generic"),
    ("dense", "correction", "dense: sums of token"), ("dense_16", "sticky", "dense: sums of token"),
])
def test_a_planted_bug_is_found(unit, bug, message):
    with pytest.raises(SimulationError, match=message):
        run(unit, bug)


def test_the_accumulator_of_16_bits_is_exact_and_no_wider():
    shape = wide_shape(8, 16, 512)
    assert shape.accumulator_bits == 40
    largest = 512 * 32768 * 32767
    assert (1 << shape.accumulator_bits - 2) <= largest < (1 << shape.accumulator_bits - 1)


@pytest.mark.parametrize("make", [
    lambda: Multiplier(19, 4), lambda: Multiplier(8, 8, "ice40"),
    lambda: DenseLane(wide_shape(8, 16, 512), "mixed"),
    lambda: DenseLane(DenseShape(width=8, bits=4, accumulator_bits=24, tokens=1), "dsp"),
    lambda: DenseShape(width=7, bits=4, accumulator_bits=24, tokens=2),
    lambda: DenseShape(width=8, bits=3, accumulator_bits=24, tokens=2),
])
def test_what_cannot_be_built_is_refused_in_a_sentence(make):
    with pytest.raises(ValueError, match="expected|there is no"):
        make()
