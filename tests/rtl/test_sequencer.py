"""The sequencer in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


def test_matches_interpreter():
    run_unit("sequencer", "small", "sim.bench_sequencer", env={CONFIG_VARIABLE: "small"})


@pytest.mark.parametrize("bug", ["long_loop", "hasty", "forgetful"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="sequencer: "):
        run_unit("sequencer", "small", "sim.bench_sequencer", bug=bug, env={CONFIG_VARIABLE: "small"})
