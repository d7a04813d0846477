"""The softmax in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("softmax", config, "sim.bench_softmax", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("bug", ["steep_exponential", "other_slot"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="softmax: "):
        run_unit("softmax", "small", "sim.bench_softmax", bug=bug, env={CONFIG_VARIABLE: "small"})
