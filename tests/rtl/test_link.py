"""The serial link's units in Verilator, and proof that their benches find bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize(("unit", "bench"), [("uart", "sim.bench_uart"), ("frame_link", "sim.bench_frame_link")])
def test_the_serial_link_is_as_specified(unit, bench):
    run_unit(unit, "small", bench)


@pytest.mark.parametrize(("unit", "bug", "symptom"), [
    ("uart", "deaf", "nothing_but_bytes_arrives"),
    ("frame_link", "any_crc", "frames: sent"),
    ("frame_link", "too_long", "lengths_are_exact"),
    ("frame_link", "stubborn", "answers_match_the_model"),
    ("frame_link", "executes_twice", "frames: sent"),
    ("frame_link", "one_word_short", "frames: other accesses"),
])
def test_a_planted_bug_is_found(unit, bug, symptom):
    with pytest.raises(SimulationError, match=symptom):
        run_unit(unit, "small", f"sim.bench_{unit}", bug=bug)
