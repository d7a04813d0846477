"""The lane and the grid in Verilator, and proof that their benches find bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit

ODD = """[hardware]
lanes = {lanes}
width = 8
longest_dot_product = 256
slots = 2
slot_rows = {slot_rows}
line_words = {line_words}
"""


@pytest.fixture
def odd(tmp_path):
    """Few lanes, quick to build: a planted bug shows in any. The depth of the tile is no power of two."""
    def write(**values):
        path = tmp_path / "odd_{lanes}_{line_words}.toml".format(**values)
        path.write_text(ODD.format(**values))
        return str(path)
    return write


LINES = [{"lanes": 2, "line_words": 1, "slot_rows": 24}, {"lanes": 4, "line_words": 8, "slot_rows": 40}]


@pytest.mark.parametrize("config", ["small", "default"])
def test_a_lane_follows_the_closed_form(config):
    run_unit("lane", config, "sim.bench_lane", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize("unit", ["lane", "grid"])
@pytest.mark.parametrize("values", LINES, ids=["one_word", "eight_words"])
def test_short_and_long_lines(odd, unit, values):
    config = odd(**values)
    run_unit(unit, config, f"sim.bench_{unit}", env={CONFIG_VARIABLE: config})


def test_the_grid_drains_every_token_once():
    run_unit("grid", "small", "sim.bench_grid", env={CONFIG_VARIABLE: "small"})


@pytest.mark.parametrize(("unit", "bug", "message"), [
    ("lane", "no_shift", "lane: cycle .* sums"), ("lane", "unsigned", "lane: cycle .* sums"),
    ("lane", "greedy", "lane: cycle .* space"), ("lane", "pausing", "lane: cycle .* issued"),
    ("lane", "unwrapped", "lane: cycle .* (fault|collision)"), ("lane", "hasty", "lane: cycle .* issued"),
    ("lane", "shy", "lane: cycle .* waiting_drain"), ("grid", "late", "grid: cycle .* 'drained_valid': 1"),
    ("grid", "hasty", "grid: cycle .*waiting_drain")])
def test_a_planted_bug_is_found(odd, unit, bug, message):
    config = odd(**LINES[1])
    with pytest.raises(SimulationError, match=message):
        run_unit(unit, config, f"sim.bench_{unit}", bug=bug, env={CONFIG_VARIABLE: config})
