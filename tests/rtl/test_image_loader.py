"""The image loader in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"


@pytest.mark.parametrize("config", ["small", "default"])
def test_matches_golden(config):
    run_unit("image_loader", config, "sim.bench_image_loader", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "symptom"), [("bounds", "every_refusal")])
def test_a_planted_bug_is_found(bug, symptom):
    with pytest.raises(SimulationError, match=symptom):
        run_unit("image_loader", "small", "sim.bench_image_loader", bug=bug, env={CONFIG_VARIABLE: "small"})
