"""Whatever a file or line holds, the host's readers refuse it in one sentence or read it whole; and fuzzing can tell.

``make fuzz-host`` tries many more inputs, guided by coverage.
"""

from __future__ import annotations

import ast
import json
import os
import pty
import re
from pathlib import Path

import pytest
import torch

from boards.host import frames, serial_link, tool
from boards.host.link import LinkError, complete
from boards.host.serial_port import SerialPort
from golden.model import checkpoint
from golden.spec import image, toml
from golden.spec.hardware import HardwareConfig
from golden.spec.image import ImageError, read_image
from golden.spec.model import ModelConfig
from golden.spec.validation import ConfigError
from sim import seed as seeds
from tests.architecture import python_files
from tests.fuzz import checkpoints
from tests.fuzz.__main__ import main
from tests.fuzz.run import TARGETS, as_test

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {"segment": 200, "image": 150, "checkpoint": 100, "table": 80, "frames": 200, "conversation": 150}
FEW = 2000
"""Examples within which a planted weakness must be found."""
FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
"""Modules whose files can hold code."""


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_reader(name):
    as_test(TARGETS[name], EXAMPLES[name], seeds.seed())()


async def unmeasured(self, command, address, words):
    """As ``SerialLink._request``, but for the number of words."""
    if not self._open:
        await self.open()
    return (await self._exchange(command, address, words)).words


WEAKNESSES = {
    "segment": (image, "_check_section", lambda config, memory, start, length: 32),
    "image": (image, "_check_role", lambda role, name, data: None),
    "checkpoint": (checkpoint, "check", lambda *ignored: None),
    "table": (toml, "require", lambda condition, sentence: None),
    "frames": (frames, "LEAST_BYTES", 0),
    "conversation": (serial_link.SerialLink, "_request", unmeasured),
}
"""For each target a check that is taken out of a reader."""


@pytest.mark.parametrize("name", WEAKNESSES)
def test_a_planted_weakness_is_found(name, monkeypatch):
    monkeypatch.setattr(*WEAKNESSES[name])
    with pytest.raises(Exception, match="."):
        as_test(TARGETS[name], FEW, 1, shrink=False)()


def test_no_source_reads_files_that_can_hold_code():
    found = []
    for file in python_files(ROOT):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
                [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{file.name} imports {name}" for name in names if name.split(".")[0] in FORBIDDEN]
            if isinstance(node, ast.Call):
                found += [f"{file.name}:{node.lineno} calls {call}" for call in [unsafe(node)] if call]
    assert not found, found


def unsafe(call: ast.Call) -> str | None:
    """The name of a call that unpickles, or None: ``torch.load``, or numpy's with ``allow_pickle``."""
    name = ast.unparse(call.func)
    allowing = any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in call.keywords)
    return name if allowing or name in ("torch.load", "torch.jit.load", "read_pickle") else None


@pytest.mark.parametrize(("text", "named"), [
    ("torch.load(path)", "torch.load"), ("numpy.load(path, allow_pickle=True)", "numpy.load"),
    ("numpy.load(path)", None), ("numpy.load(path, allow_pickle=False)", None), ("model.load(path)", None)])
def test_a_call_that_unpickles_is_told(text, named):
    assert unsafe(ast.parse(text).body[0].value) == named


@pytest.mark.parametrize("name", ["../../x", "/x", "..", ".", "a/b", "a\\b", "a\0b", "a\nb", "", "x" * 300, 5])
def test_a_configurations_name_leads_nowhere_else(name):
    with pytest.raises(ConfigError, match=r"hardware\.name is .*; expected a name of 1 to 100 bytes"):
        HardwareConfig(name=name)
    with pytest.raises(ConfigError, match=r"model\.name is .*; expected a name of 1 to 100 bytes"):
        ModelConfig(name=name, image_size=8, channels=16, blocks=1, heads=1)


def test_pipes_and_devices_that_never_end_are_not_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(ImageError, match="cannot be read"):
            read_image(path)
        with pytest.raises(checkpoint.CheckpointError, match="is no file"):
            checkpoint.load(path)


def test_a_checkpoint_of_a_million_blocks_is_refused_before_any_is_made(tmp_path):
    header, metadata, data = checkpoints.sound("float")
    metadata = {**metadata, "config": {**metadata["config"], "blocks": 1 << 20}}
    with pytest.raises(checkpoint.CheckpointError, match=r"tensors were found for 1048576 blocks"):
        checkpoint.load(written(tmp_path, header, metadata, data))


def written(folder: Path, header: dict, metadata: dict, data: bytes) -> Path:
    """A checkpoint's file from its parts."""
    path = folder / "float.safetensors"
    text = json.dumps({**header, "__metadata__": {"halftone": json.dumps(metadata)}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_saving_follows_no_link_out_of_the_folder(tmp_path):
    header, metadata, data = checkpoints.sound("float")
    found = checkpoint.load(written(tmp_path, header, metadata, data))
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.write_bytes(b"precious")
    folder.mkdir()
    (folder / "float.partial").symlink_to(outside)
    (folder / "float.safetensors").symlink_to(outside)
    checkpoint.save(folder / "float.safetensors", found)
    assert outside.read_bytes() == b"precious"
    loaded = checkpoint.load(folder / "float.safetensors")
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in found.tensors.items())


@pytest.fixture
def terminal():
    """A serial port of this computer with nobody behind it: its master's number and its name."""
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    for number in (master, slave):
        try:
            os.close(number)
        except OSError:
            pass                # the test has closed it


@pytest.mark.parametrize("baud", [10**6, 10**30, 1 << 31, 1])
def test_no_baud_rate_breaks_the_port(terminal, baud):
    try:
        SerialPort(terminal[1], baud).port.close()
    except LinkError as error:
        assert "check its name and the baud rate" in str(error)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "/tmp", "", "x://y", "alt://x?class=y", "hwgrep://(", "\0",
                                  "socket://nowhere", "spy://"])
def test_no_name_breaks_the_port(name):
    try:
        SerialPort(name, 10**6).port.close()
    except LinkError as error:
        assert str(error)


def test_a_device_that_is_pulled_out_ends_every_method_in_a_link_error(terminal):
    master, name = terminal
    port = SerialPort(name, 10**6)
    os.close(master)
    for action in (port.discard, lambda: port.read(0.1), lambda: port.write(b"x")):
        with pytest.raises(LinkError, match="check the cable"):
            complete(action())


@pytest.mark.parametrize("value", ["inf", "1e300", "nan", "-1"])
def test_a_patience_without_end_is_refused(value, capsys, tmp_path):
    assert tool.main(["info", "--port", str(tmp_path), "--patience", value]) == 2
    assert "--patience is" in capsys.readouterr().err


def test_the_command_refuses_what_does_not_exist(capsys):
    for arguments in (["nothing"], ["--seconds", "0"], ["image", "--replay", "nothing"], ["--replay", "nothing"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert re.search("there is no target 'nothing'; expected one of segment, image", capsys.readouterr().err)


def test_an_input_of_atheris_is_tried_again_shrunk_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tests.fuzz.__main__.FOLDER", tmp_path)
    path = tmp_path / "crash"
    path.write_bytes(bytes(8192))
    assert main(["frames", "--replay", str(path)]) == 0
    assert "does not break it" in capsys.readouterr().out
    broken = TARGETS["frames"].__class__(**{**vars(TARGETS["frames"]), "check": lambda portions, folder: 1 // 0})
    monkeypatch.setitem(TARGETS, "frames", broken)
    assert main(["frames", "--replay", str(path)]) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told and f"replay: python -m tests.fuzz frames --replay {path}" in told


def test_a_broken_target_is_told_with_the_line_that_repeats_it(monkeypatch, capsys):
    broken = TARGETS["frames"].__class__(**{**vars(TARGETS["frames"]), "check": lambda portions, folder: 1 // 0})
    monkeypatch.setitem(TARGETS, "frames", broken)
    assert main(["frames", "--engine", "hypothesis", "--examples", "5", "--seed", "3"]) == 1
    assert "replay: python -m tests.fuzz frames --engine hypothesis --examples 5 --seed 3" in capsys.readouterr().err
