"""The command-line tool on a serial port of this computer, with a model of a board behind it."""

from __future__ import annotations

import pytest
from PIL import Image

from boards.host import tool
from boards.host.png import level
from golden.spec.hardware import load_hardware
from golden.spec.registers import COUNTERS, ErrorCode, Status
from sim.board import SMALLEST
from sim.random_model import LABEL
from sim.small_system import GRID, small_system
from tests.boards.fake_board import FakeCore, FakePort

PIXELS = [-5000, -4096, -2048, -1, 0, 1, 2048, 4095, 4096, 5000, *range(6)]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A program image of the smallest system."""
    path = tmp_path_factory.mktemp("image") / "image.htn"
    small_system(3, load_hardware(SMALLEST)).write(path)
    return path


@pytest.fixture
def core():
    return FakeCore(load_hardware(SMALLEST), PIXELS)


@pytest.fixture
def port(core):
    with FakePort(core.model().feed) as made:
        yield made


def run(*words: object) -> int:
    return tool.main([str(word) for word in words])


def test_an_image_is_drawn_into_a_png(image, core, port, tmp_path, capsys):
    output = tmp_path / "out.png"
    assert run("draw", image, "--port", port.name, "--label", LABEL, "--seed", 5, "--output", output) == 0
    picture = Image.open(output)
    scale = picture.width // GRID
    got = [picture.getpixel((scale * (place % GRID), scale * (place // GRID))) for place in range(GRID**2)]
    assert got == [level(value) for value in PIXELS]
    assert len(core.segments) == 2 and any(name == "SEED0" and value for name, value in core.writes)
    assert "seed 5" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_a_loaded_program_is_not_sent_again(image, core, port, tmp_path):
    common = ("--port", port.name, "--output", tmp_path / "out.png")
    assert run("draw", image, "--loaded", *common) == 0
    assert len(core.segments) == 2      # it was not there
    assert run("draw", image, "--loaded", *common) == 0
    assert len(core.segments) == 3


def test_levels_are_grey_between_black_and_white():
    assert [level(value) for value in (-9999, -4096, 0, 4096, 9999)] == [0, 0, 128, 255, 255]


def test_load_counters_and_info_print_what_the_board_says(image, core, port, capsys):
    assert run("load", image, "--port", port.name) == 0
    core.registers |= {"CYCLES_LOW": 1234567}
    assert run("counters", "--port", port.name) == 0
    assert run("info", "--port", port.name) == 0
    out = capsys.readouterr().out
    assert "1,234,567" in out and all(name in out for name in COUNTERS)
    assert f"{load_hardware(SMALLEST).fingerprint:08x}" in out and "program_loaded" in out and "damaged" in out


def test_ports_are_listed():
    assert run("ports") == 0


def refused(capsys, status: int, *words: object) -> str:
    """The tool's one line on standard error."""
    assert run(*words) == status
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("boards.host.tool: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(("words", "status", "sentence"), [
    (("info", "--port", "/dev/no-such-port"), 1, "there is no serial port /dev/no-such-port"),
    (("info", "--port", "/etc/hostname"), 1, "serial port /etc/hostname"),
    (("draw", "no.htn", "--port", "x"), 2, "cannot be read"),
    (("draw", "{image}", "--port", "x", "--label", "cow"), 2, "cannot draw 'cow'; choose one of"),
    (("draw", "{image}", "--port", "x", "--seed", "-1"), 2, "seed"),
    (("draw", "{image}", "--port", "x", "--output", "no/such/folder/x.png"), 2, "no folder"),
    (("draw",), 2, "required: image"),
    (("paint",), 2, "invalid choice"),
    (("info", "--port", "{port}", "--baud", "fast"), 2, "invalid int value"),
    (("info", "--port", "{port}", "--baud", "0"), 2, "--baud is 0"),
    (("info", "--port", "{port}", "--patience", "-1"), 2, "--patience is -1"),
])
def test_a_bad_argument_is_one_sentence(image, port, capsys, words, status, sentence):
    assert sentence in refused(capsys, status, *(word.format(image=image, port=port.name) for word in words))


def test_a_port_in_use_is_told(port, capsys):
    with tool.SerialPort(port.name, tool.BAUD):
        assert "in use" in refused(capsys, 1, "info", "--port", port.name)


def test_a_board_that_fails_is_told(image, core, port, tmp_path, capsys):
    output = tmp_path / "out.png"
    words = ("draw", image, "--port", port.name, "--output", output)
    core.registers["FINGERPRINT"] ^= 1
    assert "bitstream of that configuration" in refused(capsys, 1, *words)
    core.registers["FINGERPRINT"] ^= 1
    core.registers["IDENTITY"] ^= 1
    assert "no Halftone core" in refused(capsys, 1, "info", "--port", port.name)
    core.registers["IDENTITY"] ^= 1
    core.registers["STATUS"] = Status.RUNNING
    assert "BUSY" in refused(capsys, 1, *words)
    core.registers["STATUS"] = 0
    assert run("load", image, "--port", port.name) == 0
    core.fail(ErrorCode.WATCHDOG)
    assert run("info", "--port", port.name) == 0
    assert not output.exists()


def test_a_silent_port_is_told(capsys):
    with FakePort(lambda content: b"") as port:
        assert "did not answer" in refused(capsys, 1, "info", "--port", port.name)
