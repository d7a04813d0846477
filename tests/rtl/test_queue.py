"""The descriptor queue in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit


def test_matches_deque():
    run_unit("descriptor_queue", "small", "sim.bench_queue")


def test_a_planted_bug_is_found():
    with pytest.raises(SimulationError, match="queue: cycle"):
        run_unit("descriptor_queue", "small", "sim.bench_queue", bug="drops")
