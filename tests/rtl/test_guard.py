"""The guard in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit


def test_matches_rules():
    run_unit("guard", "small", "sim.bench_guard")


@pytest.mark.parametrize("bug", ["patient", "hasty"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="guard: cycle"):
        run_unit("guard", "small", "sim.bench_guard", bug=bug)
