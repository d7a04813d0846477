"""The array engine in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_array import DESCRIPTORS_VARIABLE
from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit

SHAPE = """[hardware]
lanes = {lanes}
width = {width}
line_words = {line_words}
longest_dot_product = 256
slots = 2
slot_rows = {slot_rows}
normalised_words = 256
activation_words = 512
key_value_words = 256
residual_words = 512
score_words = 256
"""
TINY = {"lanes": 2, "width": 8, "line_words": 2, "slot_rows": 192}
"""Quick to build: a planted bug shows in any. The tile's depth is no power of two."""
TIMES, COUNTED = "cycle .*: expected .*take", "counted at cycle"
DATA, BUSY = "array: .* data", f"{TIMES}|{COUNTED}"
SQUARE = {"lanes": 8, "width": 8, "line_words": 2, "slot_rows": 192}
"""Keys fill a tile of the transposer with every group, so that they are often held back."""
BUGS = {
    "short_group": BUSY, "no_fence": BUSY, "wide_window": BUSY, "no_hold": BUSY, "disorder": BUSY, "no_replay": BUSY,
    "aligned": f"{BUSY}|{DATA}", "wrong_memory": f"{BUSY}|{DATA}", "same_rows": DATA,
    "lost_shift": DATA, "unwrapped": f"{DATA}|past the end", "no_shift": DATA,
}
"""Planted bug -> what the bench must say: cycles that are not the model's, or values that are not the reference's."""


@pytest.fixture
def shaped(tmp_path):
    """File of a small configuration of a given shape."""
    def make(**shape):
        path = tmp_path / ("shape-" + "-".join(map(str, shape.values())) + ".toml")
        path.write_text(SHAPE.format(**shape))
        return str(path)
    return make


def test_matches_golden():
    run_unit("array_engine", "small", "sim.bench_array", env={CONFIG_VARIABLE: "small"})


@pytest.mark.parametrize(("lanes", "line_words", "slot_rows"), [(4, 2, 192), (2, 1, 128)])
def test_matches_golden_in_other_shapes(shaped, lanes, line_words, slot_rows):
    config = shaped(lanes=lanes, width=8, line_words=line_words, slot_rows=slot_rows)
    run_unit("array_engine", config, "sim.bench_array", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "message"), BUGS.items())
def test_a_planted_bug_is_found(shaped, bug, message):
    config = shaped(**(SQUARE if bug == "no_hold" else TINY))
    with pytest.raises(SimulationError, match=message):
        run_unit("array_engine", config, "sim.bench_array", bug=bug, testcase="matches_golden/credit=1.0/bubble=0.0",
                 env={CONFIG_VARIABLE: config, DESCRIPTORS_VARIABLE: "400" if bug == "wide_window" else "60"})
