"""The grid with dense pairs in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit

CONFIG = """[hardware]
lanes = {lanes}
width = 8
dense_lanes = {lanes}
dsp_lanes = {dsp_lanes}
longest_dot_product = 256
slots = 2
slot_rows = {slot_rows}
line_words = {line_words}
"""
SHAPES = {
    "both_kinds": {"lanes": 4, "dsp_lanes": 2, "line_words": 4, "slot_rows": 40},
    "one_pair": {"lanes": 2, "dsp_lanes": 0, "line_words": 1, "slot_rows": 24},
    "dsp": {"lanes": 8, "dsp_lanes": 8, "line_words": 2, "slot_rows": 64},
}


@pytest.fixture
def config(tmp_path):
    """The depth of the tile is no power of two."""
    def write(shape):
        path = tmp_path / f"pair_{shape}.toml"
        path.write_text(CONFIG.format(**SHAPES[shape]))
        return str(path)
    return write


def run(config: str, bug: str | None = None) -> None:
    run_unit("dense_pair", config, "sim.bench_dense_pair", bug=bug, env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("shape", SHAPES)
def test_both_kinds_of_lanes_add_up(config, shape):
    run(config(shape))


@pytest.mark.parametrize(("bug", "message"), [
    ("double", "grid: cycle .* different .*(issued|drained|waiting)"),
    ("separate", "grid: cycle .* different {'drained': "), ("stuck", "grid: cycle .* different {'d(rained|amaged)': "),
    ("lonely", "grid: cycle .* different .*(issued|space)"), ("hasty", "grid: cycle .* different .*(issued|space)"),
    ("stale", "grid: cycle .* different {'drained': ")])
def test_a_planted_bug_is_found(config, bug, message):
    with pytest.raises(SimulationError, match=message):
        run(config("one_pair"), bug)
