"""The weight loader in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default", "small_sdram"])
def test_loads(config):
    run_unit("loader", config, "sim.bench_loader", env={CONFIG_VARIABLE: config})


def test_a_planted_bug_is_found():
    with pytest.raises(SimulationError, match="loader: address"):
        run_unit("loader", "small", "sim.bench_loader", bug="shifted", env={CONFIG_VARIABLE: "small"})
