"""The noise generator in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"


@pytest.mark.parametrize("config", ["small"])
def test_matches_golden(config):
    run_unit("noise", config, "sim.bench_noise", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "symptom"), [("rotation", "noise: word")])
def test_a_planted_bug_is_found(bug, symptom):
    with pytest.raises(SimulationError, match=symptom):
        run_unit("noise", "small", "sim.bench_noise", bug=bug, env={CONFIG_VARIABLE: "small"})
