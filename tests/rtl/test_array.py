"""The array engine in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit

TINY = """[hardware]
lanes = 2
width = 8
longest_dot_product = 256
slots = 2
slot_rows = 128
normalised_words = 128
activation_words = 128
key_value_words = 128
residual_words = 256
score_words = 128
"""


@pytest.fixture
def tiny(tmp_path):
    """A quarter of the smallest array, quick to build: a planted bug shows in any."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return str(path)


@pytest.mark.parametrize("config", ["small", "wide", "default"])
def test_matches_golden(config):
    run_unit("array_engine", config, "sim.bench_array", env={CONFIG_VARIABLE: config})


def test_matches_golden_with_few_lanes(tiny):
    run_unit("array_engine", tiny, "sim.bench_array", env={CONFIG_VARIABLE: tiny})


@pytest.mark.parametrize(("bug", "message"), [
    ("no_shift", "array: .* data"), ("last_word", "expected .*busy"), ("collision", "expected .*ready")])
def test_a_planted_bug_is_found(tiny, bug, message):
    with pytest.raises(SimulationError, match=message):
        run_unit("array_engine", tiny, "sim.bench_array", bug=bug, env={CONFIG_VARIABLE: tiny})
