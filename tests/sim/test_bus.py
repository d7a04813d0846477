"""A core on a bus draws, through a third party's bus master, what the reference says in the cycles foretold."""

from pathlib import Path

import numpy as np
import pytest

from golden.spec.hardware import load_hardware
from rtl import verilog
from sim import seed as seeds
from sim.bus_run import build_bus_core, run_bus_job
from sim.outside import differences, draw_outside
from sim.random_case import random_system
from sim.units import config_file

CONFIG = Path(config_file("smallest"))


@pytest.mark.parametrize("bus", ["axi", "wishbone"])
def test_a_random_model_is_drawn_through_the_bus(bus):
    build = build_bus_core(bus, CONFIG)
    compiled = random_system(np.random.default_rng(seeds.seed()), load_hardware(CONFIG))
    drawing = draw_outside(compiled, seeds.seed(), lambda job: run_bus_job(bus, job, build))
    assert not drawing.differences, drawing
    assert drawing.values > 2 * compiled.model.config.image_size**2


def test_a_value_that_differs_is_named():
    expected = {"image": [1, 2, 3], "CYCLES": [7]}
    assert differences(expected, expected) == []
    assert differences(expected, {"image": [1, 2, 4], "CYCLES": [7]}) == ["image[2] is [4], expected [3]"]
    assert differences(expected, {"image": [1, 2]}) == ["CYCLES[0] is [], expected [7]", "image[2] is [], expected [3]"]


@pytest.mark.parametrize("other", [["--trace"], ["--unit", "softmax"]])
def test_a_bus_with_what_it_does_not_have_is_refused_in_one_sentence(other, tmp_path, capsys):
    assert verilog.main(["--config", str(CONFIG), "--output", str(tmp_path / "out"), "--bus", "axi", *other]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
