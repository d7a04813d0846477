"""The detector in Verilator, and proof that its bench finds bugs."""

import pytest

from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import run_unit


def configuration(folder, width, line_words, split_lines):
    """A file of a configuration that is named after what matters to the detector."""
    path = folder / f"detector-{width}-{line_words}-{split_lines}.toml"
    path.write_text(f"[hardware]\nlanes = 8\nwidth = {width}\nline_words = {line_words}\ndense_lanes = 8\n"
                    f"split_lines = {split_lines}\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("bench", ["detector", "detector_limits"])
@pytest.mark.parametrize(("width", "line_words", "split_lines"), [
    (16, 4, 256), (8, 4, 200), (16, 2, 128), (8, 1, 32), (8, 8, 1024)])
def test_matches_golden(tmp_path, width, line_words, split_lines, bench):
    config = configuration(tmp_path, width, line_words, split_lines)
    run_unit("detector", config, f"sim.bench_{bench}", env={CONFIG_VARIABLE: config})


@pytest.mark.parametrize(("bug", "symptom"), [
    ("wraps", "decides.*expected .entry, mask"),
    ("sticky", "decides.*expected .entry, mask"),
    ("strict", "decides.*expected .entry, mask"),
    ("greedy", "breaks_ties.*expected .entry, mask"),
    ("long", "decides.*expected busy"),
    ("hasty", "counts_what_came_before.*expected .entry, mask"),
    ("crowded", "tells_overruns.*expected overrun 1"),
    ("remembers", "starts_anew.*expected .entry, mask"),
])
def test_a_planted_bug_is_found(tmp_path, bug, symptom):
    config = configuration(tmp_path, 8, 2, 64)
    bench = "detector_limits" if symptom.startswith("tells_overruns") else "detector"
    with pytest.raises(SimulationError, match=symptom):
        run_unit("detector", config, f"sim.bench_{bench}", bug=bug, env={CONFIG_VARIABLE: config})
