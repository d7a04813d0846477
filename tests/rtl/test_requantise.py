"""The requantise unit in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("requantise", config, "sim.bench_requantise", env={CONFIG_VARIABLE: config})


def test_a_planted_bug_is_found():
    with pytest.raises(SimulationError, match="requantise: values"):
        run_unit("requantise", "small", "sim.bench_requantise", bug="no_rounding", env={CONFIG_VARIABLE: "small"})
