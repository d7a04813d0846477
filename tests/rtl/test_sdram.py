"""Weights in an SDRAM in Verilator, and proof that the bench finds bugs: its own, or the chip's."""

from pathlib import Path

import pytest

from rtl.bench.bugs_sdram import STORES
from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FOUND = {"tired": "mistreated", "hasty": "mistreated", "endless": "a word comes in cycle", "narrow": "expected",
         "stubborn": "a word comes in cycle", "unchecked": "damage told"}
"""What the bench says of each planted bug."""


def run(config: str, bug: str | None = None) -> None:
    run_unit("sdram_store", config, "sim.bench_sdram", bug=bug, env={CONFIG_VARIABLE: config})


def test_every_word_comes_in_its_cycle_and_no_command_comes_too_early_or_late():
    run("small_sdram")


def test_so_do_wider_words_without_check_bits(tmp_path):
    config = tmp_path / "wide_unchecked.toml"
    config.write_text((CONFIGS / "wide.toml").read_text(encoding="utf-8") + "sdram_weights = 1\nword_checks = 0\n")
    run(str(config))


def test_every_planted_bug_is_told_of():
    assert set(FOUND) == {bug for bug in STORES if bug}


@pytest.mark.parametrize("bug", FOUND)
def test_a_planted_bug_is_found(bug):
    with pytest.raises(SimulationError, match=FOUND[bug]):
        run("small_sdram", bug)
