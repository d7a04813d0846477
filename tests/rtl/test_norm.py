"""The norm in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default", "ecp5_25k"])
def test_matches_golden(config):
    run_unit("norm", config, "sim.bench_norm", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "config"), [("no_rounding", "small"), ("shifted_table", "small"),
                                            ("no_rectifier", "small"), ("swapped", "ecp5_25k")])
def test_a_planted_bug_is_found(bug, config):
    with pytest.raises(SimulationError, match="norm: data"):
        run_unit("norm", config, "sim.bench_norm", bug=bug, env={CONFIG_VARIABLE: config})
