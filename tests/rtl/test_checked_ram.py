"""Memories whose words carry check bits in Verilator, and proof that their bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


@pytest.mark.parametrize("config", ["small", "default"])
def test_damaged_words_are_found_in_their_cycle_and_no_others(config):
    run_unit("verified_ram", config, "sim.bench_checked_ram", env={CONFIG_VARIABLE: config})


def test_words_get_the_check_bits_that_they_are_verified_by():
    run_unit("checked_ram", "small", "sim.bench_checked_ram", env={CONFIG_VARIABLE: "small"})


@pytest.mark.parametrize(("unit", "bug"), [("verified_ram", "blind"), ("checked_ram", "mistaken")])
def test_a_planted_bug_is_found(unit, bug):
    with pytest.raises(SimulationError, match="checked memory: cycle .*: expected damaged"):
        run_unit(unit, "small", "sim.bench_checked_ram", bug=bug, env={CONFIG_VARIABLE: "small"})
