"""The row maximum in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("row_maximum", config, "sim.bench_row_maximum", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("bug", ["sticky"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="row .*: expected"):
        run_unit("row_maximum", "small", "sim.bench_row_maximum", bug=bug, env={CONFIG_VARIABLE: "small"})
