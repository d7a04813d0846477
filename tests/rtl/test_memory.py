"""Memories with a line port, two readers or parts in Verilator, and proof that their bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
@pytest.mark.parametrize("unit", ["line_ram", "twin_ram", "part_ram", "step_ram"])
def test_matches_list(unit, config):
    run_unit(unit, config, "sim.bench_memory", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("unit", "bug"), [("line_ram", "strict"), ("twin_ram", "lone"), ("part_ram", "smear"),
                                           ("step_ram", "turned")])
def test_a_planted_bug_is_found(unit, bug):
    with pytest.raises(SimulationError, match="memory: cycle .*: (word 0: )?expected"):
        run_unit(unit, "small", "sim.bench_memory", bug=bug, env={CONFIG_VARIABLE: "small"})
