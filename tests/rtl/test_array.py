"""The array engine in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "wide", "default"])
def test_matches_golden(config):
    run_unit("array", config, "sim.bench_array", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("bug", ["no_shift", "last_word"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="array: |cycle"):
        run_unit("array", "small", "sim.bench_array", bug=bug, env={CONFIG_VARIABLE: "small"})
