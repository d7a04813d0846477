"""A board's top level in simulation: everything goes through its clock, its button and its serial line."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from PIL import Image

from boards.host import tool
from boards.host.png import level
from golden.compile.operands import predict_drawing
from golden.integer.evaluate import sample
from golden.spec.hardware import load_hardware
from golden.spec.link import MAX_WORDS
from sim import line, port
from sim import seed as seeds
from sim.board import SMALLEST, STOP_SUFFIX, BoardJob, build_board, build_pins, run_board
from sim.port import job_for
from sim.random_model import LABEL
from sim.small_system import GRID, small_system

LEAST_SHARES = {"write": 0.93, "read": 0.93}
"""Of the line's bits that are register values, in the longest frames."""


@pytest.fixture(scope="module")
def board():
    """The board with the smallest core, built once."""
    return build_board(SMALLEST)


@pytest.fixture(scope="module")
def ulx3s(job):
    """What a bitstream for the ULX3S-85F is made of, between its pins, with the same core; and the drawing for it."""
    build, timing = build_pins("ulx3s_85f", SMALLEST)
    return build, replace(job, **timing)


@pytest.fixture(scope="module")
def ulx3s_sdram(tmp_path_factory):
    """The same with the weights in the board's SDRAM."""
    config = tmp_path_factory.mktemp("sdram") / "smallest_sdram.toml"
    config.write_text(SMALLEST.read_text(encoding="utf-8") + "sdram_weights = 1\n", encoding="utf-8")
    build, timing = build_pins("ulx3s_85f", config)
    return build, replace(drawing(tmp_path_factory.mktemp("board_sdram"), config), **timing)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A random drawing and what the reference makes of it."""
    return drawing(tmp_path_factory.mktemp("board"), SMALLEST)


def drawing(folder, config):
    """A random drawing for a configuration."""
    seed = seeds.seed()
    compiled = small_system(seed, load_hardware(config))
    compiled.write(folder / "image.htn")
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed)
    return BoardJob(image=str(folder / "image.htn"), config=str(config), label=LABEL, seed=seed,
                    expected=[int(value) for value in last.clean.ravel()],
                    cycles=predict_drawing(compiled, LABEL, seed).cycles, result=str(folder / "line.json"))


def test_an_image_comes_out_bit_exact_over_the_serial_line_alone(board, job):
    run_board("sim.bench_board", job, board, "draws_an_image")


@pytest.mark.parametrize("testcase", ["draws_an_image", "survives_damaged_lines", "survives_a_host_that_vanishes"])
def test_the_ulx3s_draws_by_its_clock_button_and_serial_pins_alone(ulx3s, testcase):
    build, picture = ulx3s
    assert picture.bit_cycles == 25
    run_board("sim.bench_board", picture, build, testcase)


def test_the_ulx3s_draws_with_weights_that_are_in_its_sdram(ulx3s_sdram):
    build, picture = ulx3s_sdram
    run_board("sim.bench_board", picture, build, "draws_an_image")


@pytest.mark.parametrize("testcase", [
    "survives_damaged_lines", "survives_noise_and_breaks", "survives_a_host_that_vanishes", "survives_the_button",
    "survives_a_crooked_clock", "executes_nothing_twice"])
def test_every_fault_ends_in_an_exact_image_or_a_clear_error(board, job, testcase):
    run_board("sim.bench_board", job, board, testcase)


def test_the_command_line_tool_draws_on_a_simulated_board(board, job, tmp_path):
    told, output = tmp_path / "port", tmp_path / "image.png"
    serving = threading.Thread(target=run_board, args=("sim.bench_port", job_for(SMALLEST, told), board),
                               kwargs={"timeout": 300})
    serving.start()
    try:
        while serving.is_alive() and not told.exists():
            time.sleep(0.1)
        words = ["--port", told.read_text(encoding="utf-8"), "--patience", "30"]
        assert tool.main(["draw", job.image, *words, "--seed", str(job.seed), "--output", str(output)]) == 0
        assert tool.main(["counters", *words]) == tool.main(["info", *words]) == 0
    finally:
        told.with_suffix(STOP_SUFFIX).touch()
        serving.join()
    picture = Image.open(output).resize((GRID, GRID), Image.Resampling.NEAREST)
    assert list(picture.tobytes()) == [level(value) for value in job.expected]


def test_nearly_all_bits_of_long_frames_are_values(board, monkeypatch):
    monkeypatch.setattr(line, "build_board", lambda config: board)
    shares = line.measure(SMALLEST)
    for kind, least in LEAST_SHARES.items():
        assert least < shares[kind][MAX_WORDS] < 1
        assert list(shares[kind].values()) == sorted(shares[kind].values())
    assert line.bytes_a_second(1.0, MAX_WORDS, 1_000_000, 0.0) == pytest.approx(100_000)
    assert line.bytes_a_second(1.0, 250, 1_000_000, 0.01) == pytest.approx(50_000)


@pytest.mark.parametrize(("command", "words", "sentence"), [
    (line, ["--baud", "0"], "--baud is 0"), (line, ["--latency", "-1"], "--latency"),
    (line, ["--config", "no.toml"], "no.toml"), (port, ["--config", "no.toml"], "no.toml")])
def test_a_bad_argument_is_one_sentence(capsys, command, words, sentence):
    assert command.main(words) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(("words", "sentence"), [
    (["--baud", "0"], "baud rate is 0"), (["--clock", "-5"], "clock is -5"), (["--baud", "9000000"], "at least 4"),
    (["--baud", "4500000"], "off")])
def test_a_baud_rate_that_the_clock_cannot_make_is_refused(tmp_path, words, sentence):
    done = subprocess.run([sys.executable, "-m", "rtl.verilog", "--top", "--config", str(SMALLEST), "--output",
                           str(tmp_path), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
