"""The write-back in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("write_back", config, "sim.bench_write_back", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("bug", ["any_slot"])
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match="write back: "):
        run_unit("write_back", "small", "sim.bench_write_back", bug=bug, env={CONFIG_VARIABLE: "small"})
