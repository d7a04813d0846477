"""The norm in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("norm", config, "sim.bench_norm", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("bug", ["no_rounding", "shifted_table", "no_rectifier"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="norm: data"):
        run_unit("norm", "small", "sim.bench_norm", bug=bug, env={CONFIG_VARIABLE: "small"})
