"""The transposer in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_transposes(config):
    run_unit("transposer", config, "sim.bench_transposer", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("bug", ["early", "impatient"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="transposer: cycle"):
        run_unit("transposer", "small", "sim.bench_transposer", bug=bug, env={CONFIG_VARIABLE: "small"})
