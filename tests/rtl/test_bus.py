"""The bridges from AXI and Wishbone with a third party's masters, and proof that their benches find bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit

BENCHES = {"axi_bridge": "sim.bench_axi", "wishbone_bridge": "sim.bench_wishbone"}


@pytest.mark.parametrize("unit", BENCHES)
def test_nothing_is_lost_doubled_or_mixed_up_under_bubbles_and_back_pressure(unit):
    run_unit(unit, "small", BENCHES[unit])


@pytest.mark.parametrize(("unit", "bug", "testcase", "symptom"), [
    ("axi_bridge", "loses", "registers", "registers"),
    ("axi_bridge", "hasty", "registers", "writes: "),
    ("axi_bridge", "drops", "words", "words: lost"),
    ("axi_bridge", "endless", "pixels", "pixels"),
    ("axi_bridge", "mixes", "pixels", "pixels"),
    ("wishbone_bridge", "repeats", "transfers", "writes: "),
    ("wishbone_bridge", "late", "transfers_given_up", "the answer to another|acknowledgement in the first"),
])
def test_a_planted_bug_is_found(unit, bug, testcase, symptom):
    with pytest.raises(SimulationError, match=symptom):
        run_unit(unit, "small", BENCHES[unit], bug=bug, testcase=testcase)
