"""The register file in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.runner import SimulationError
from sim.units import run_unit

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"


@pytest.mark.parametrize("config", ["small", "default"])
@pytest.mark.parametrize("bench", ["registers", "counters"])
def test_matches_golden(bench, config):
    run_unit("registers", config, f"sim.bench_{bench}", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "bench", "symptom"), [
    ("increment", "registers", "registers: pixels"), ("latent", "registers", "registers: pixels of clean"),
    ("narrow", "counters", "registers: counters"),
])
def test_a_planted_bug_is_found(bug, bench, symptom):
    with pytest.raises(SimulationError, match=symptom):
        run_unit("registers", "small", f"sim.bench_{bench}", bug=bug, env={CONFIG_VARIABLE: "small"})
