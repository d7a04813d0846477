"""The 16-bit yardstick: equal modules are counted right, and the largest array in a budget is the largest."""

from __future__ import annotations

import json

import pytest

from boards import baseline
from boards.baseline import COLUMNS, Laboratory, bound, fits, largest
from boards.report import needs
from boards.shared import instance_total, share, synthesise_shared
from boards.synthesis import KINDS, synthesise, total
from rtl.array.dense_grid import DenseGrid
from rtl.array.dense_lane import DenseShape
from rtl.array.packed import PackedMultiplier

SHAPE = DenseShape(width=2, bits=4, accumulator_bits=12, tokens=2)
LANE = {"dsp": 1100, "lut": 4400}
ONCE = 300


class Linear(Laboratory):
    """A lane of a kind always takes the same; nothing is synthesised."""

    def wide(self, kinds):
        sites = ONCE + sum(LANE[kind] for kind in kinds)
        return {**dict.fromkeys(KINDS, 0), "LUT4": sites, "MULT18X18D": COLUMNS * list(kinds).count("dsp")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("baseline")


def test_modules_that_are_alike_are_counted_as_often_as_they_are_there(folder):
    kinds = ("dsp", "lut", "dsp", "dsp")
    shared = synthesise_shared(DenseGrid(SHAPE, kinds, "ecp5"), "grid", folder / "shared", infer_dsp=False)
    assert shared == total(synthesise(DenseGrid(SHAPE, kinds, "ecp5"), "grid", folder / "plain", infer_dsp=False))
    assert shared["MULT18X18D"] == 3
    assert (folder / "shared" / "grid.il").read_text().count("\nmodule ") \
        < (folder / "plain" / "grid.il").read_text().count("\nmodule ")


def test_a_packed_multiplier_is_one_dsp_with_its_registers(folder):
    counts = synthesise_shared(PackedMultiplier("ecp5"), "packed", folder / "packed", infer_dsp=False)
    assert counts["MULT18X18D"] == 1
    assert counts["LUT4"] <= 6      # three signs of products, three of fields
    assert counts["CCU2C"] == 0
    assert counts["TRELLIS_FF"] <= 6  # the signs on their way; operands and product are registered in the DSP


def test_modules_that_differ_stay_apart():
    module = "attribute \\generator \"Amaranth\"\nmodule \\top.{}\n  wire width {} \\a\nend\n\n"
    top = "module \\top\n  cell \\top.x \\x\n  end\n  cell \\top.y \\y\n  end\nend\n\n"
    alike = share(top + module.format("x", 1) + module.format("y", 1))
    assert alike.count("cell \\top.x ") == 2
    assert "module \\top.y" not in alike
    differing = share(top + module.format("x", 1) + module.format("y", 2))
    assert "cell \\top.y \\y" in differing
    assert "module \\top.y" in differing


def test_instances_multiply_downwards():
    counts = {"top": {"top.a": 3, "LUT4": 1}, "top.a": {"top.b": 2, "LUT4": 10},
              "top.b": {"MULT18X18D": 1, "LUT4": 100}}
    text = json.dumps({"modules": {f"\\{name}": {"num_cells_by_type": cells} for name, cells in counts.items()}})
    sums = instance_total(text, "top")
    assert (sums["LUT4"], sums["MULT18X18D"]) == (1 + 3 * (10 + 2 * 100), 6)


@pytest.mark.parametrize(("sites", "dsp", "lanes", "of_dsp"), [
    (ONCE + 5 * LANE["lut"], 0, 5, 0), (ONCE + 5 * LANE["lut"] - 1, 0, 4, 0),
    (ONCE + 8 * LANE["dsp"] + 2 * LANE["lut"], 64, 10, 8), (ONCE + 3 * LANE["dsp"], 64, 3, 3), (ONCE, 64, 0, 0),
])
def test_the_largest_array_fits_and_one_lane_more_does_not(tmp_path, sites, dsp, lanes, of_dsp):
    budget = {"LUT4": sites, "MULT18X18D": dsp}
    found = largest(Linear(tmp_path, 512), budget)
    assert (found["multipliers"], found["of_dsp"]) == (COLUMNS * lanes, COLUMNS * of_dsp)
    assert found["one_lane_more_needs"]["LUT4"] > sites
    assert found["multipliers"] <= found["by_marginal_cost"]


def test_a_wrong_estimate_is_put_right(tmp_path, monkeypatch):
    budget = {"LUT4": ONCE + 5 * LANE["lut"], "MULT18X18D": 0}
    for guess in ((0, 7), (0, 2)):
        monkeypatch.setattr(baseline, "estimate", lambda *_, guess=guess: guess)
        assert largest(Linear(tmp_path, 512), budget)["multipliers"] == 5 * COLUMNS


def test_dsp_multipliers_beyond_the_budget_do_not_fit():
    used = {**dict.fromkeys(KINDS, 0), "MULT18X18D": 1}
    assert fits(used, {"LUT4": 0, "MULT18X18D": 1})
    assert not fits(used, {"LUT4": 0, "MULT18X18D": 0})


def test_the_bound_takes_dsp_first():
    lanes = {kind: needs({**dict.fromkeys(KINDS, 0), "LUT4": sites}) for kind, sites in LANE.items()}
    assert bound({"LUT4": ONCE + LANE["lut"], "MULT18X18D": 0}, lanes, ONCE) == COLUMNS
    assert bound({"LUT4": ONCE + LANE["lut"] + LANE["dsp"], "MULT18X18D": COLUMNS}, lanes, ONCE) == 2 * COLUMNS


def test_an_unknown_configuration_is_one_sentence(capsys, tmp_path):
    assert baseline.main(["--config", "configs/none.toml", "--output", str(tmp_path / "baseline.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
