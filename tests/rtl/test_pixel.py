"""The pixel engine in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("pixel", config, "sim.bench_pixel", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "symptom"), [
    ("saturation", "pixel: patch"), ("noise", "pixel: step.* latent"), ("foresight", "pixel: step.* latent"),
    ("sticky", "pixel: step.* update"), ("eager", "pixel: step.* settled")])
def test_a_planted_bug_is_found(bug, symptom):
    with pytest.raises(SimulationError, match=symptom):
        run_unit("pixel", "small", "sim.bench_pixel", bug=bug, env={CONFIG_VARIABLE: "small"})
