"""The semaphores in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit


def test_matches_counters():
    run_unit("semaphores", "small", "sim.bench_semaphores")


def test_a_planted_bug_is_found():
    with pytest.raises(SimulationError, match="semaphores: available"):
        run_unit("semaphores", "small", "sim.bench_semaphores", bug="forgets")
