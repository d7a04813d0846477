"""A board's top level in simulation: everything goes through its clock, its button and its serial line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from golden.compile.operands import predict_drawing
from golden.integer.evaluate import sample
from golden.spec.hardware import load_hardware
from sim import seed as seeds
from sim.board import BoardJob, build_board, run_board
from sim.random_model import LABEL
from sim.small_system import small_system

CONFIG = Path(__file__).with_name("board.toml")
LEAST_LINE_SHARE = 0.9
"""Of the line's bits that are words of the program, while it is loaded."""


@pytest.fixture(scope="module")
def board():
    """The board with the smallest core, built once."""
    return build_board(CONFIG)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A random drawing and what the reference makes of it."""
    folder = tmp_path_factory.mktemp("board")
    seed = seeds.seed()
    compiled = small_system(seed, load_hardware(CONFIG))
    compiled.write(folder / "image.htn")
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed)
    return BoardJob(image=str(folder / "image.htn"), config=str(CONFIG), label=LABEL, seed=seed,
                    expected=[int(value) for value in last.clean.ravel()],
                    cycles=predict_drawing(compiled, LABEL, seed).cycles, result=str(folder / "line.json"))


def test_an_image_comes_out_bit_exact_over_the_serial_line_alone(board, job):
    run_board("sim.bench_board", job, board, "draws_an_image")
    assert json.loads(Path(job.result).read_text())["line_share"] > LEAST_LINE_SHARE


@pytest.mark.parametrize("testcase", ["survives_damaged_lines", "survives_noise_and_breaks",
                                      "survives_a_host_that_vanishes", "survives_the_button", "executes_nothing_twice"])
def test_every_fault_ends_in_an_exact_image_or_a_clear_error(board, job, testcase):
    run_board("sim.bench_board", job, board, testcase)
