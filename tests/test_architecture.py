"""The import rules hold, and the check that says so finds a planted violation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import architecture

ROOT = Path(__file__).resolve().parents[1]


def test_imports_respect_the_rooms():
    assert architecture.violations(ROOT) == []


def test_files_are_short():
    assert architecture.long_files(ROOT) == []


@pytest.mark.parametrize(("path", "text", "name"), [
    ("sim/bench.py", "import rtl.core", "rtl.core"),
    ("sim/bench.py", "def late():\n    from rtl import core", "rtl.core"),
    ("sim/deep/bench.py", "import importlib\nimportlib.import_module('rtl.core')", "rtl.core"),
    ("rtl/core.py", "import torch.nn", "torch.nn"),
    ("rtl/core.py", "from golden import model", "golden.model"),
    ("rtl/units/norm.py", "import wavedrom", "wavedrom"),
    ("rtl/units/norm.py", "from ...golden.integer import norm", "golden.integer.norm"),
    ("golden/spec/config.py", "from ..model import net", "golden.model.net"),
    ("golden/spec/config.py", "import numpy", "numpy"),
    ("golden/__init__.py", "import torch", "torch"),
    ("golden/model/net.py", "import cocotb", "cocotb"),
    ("golden/model/net.py", "from matplotlib import figure", "matplotlib.figure"),
    ("boards/host/driver.py", "from rtl import core", "rtl.core"),
    ("boards/host/driver.py", "import amaranth", "amaranth"),
    ("boards/ulx3s.py", "import golden.compile", "golden.compile"),
    ("boards/ulx3s.py", "import serial", "serial"),
    ("boards/explore/search.py", "from rtl import core", "rtl.core"),
    ("boards/area/fit.py", "import golden.compile", "golden.compile"),
    ("boards/report.py", "import optuna", "optuna"),
])
def test_a_planted_violation_is_found(tmp_path, path, text, name):
    _write(tmp_path, path, text)
    found = architecture.violations(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(path)
    assert found[0].endswith(f" {name}")


@pytest.mark.parametrize(("path", "text"), [
    ("sim/bench.py", "import cocotb.triggers, numpy, json\nfrom boards.host import link\nfrom golden import integer"),
    ("rtl/units/norm.py", "from amaranth.lib import wiring\nfrom golden import spec\nfrom ..core import Core"),
    ("rtl/document/diagram.py", "import wavedrom\nfrom rtl.units import norm"),
    ("golden/model/net.py", "from ..spec import config\nimport torch"),
    ("golden/quality/sweep.py", "from matplotlib.figure import Figure\nfrom golden import model"),
    ("boards/host/driver.py", "from golden.compile import program\nfrom . import link"),
    ("boards/host/port.py", "import serial\nfrom serial.tools import list_ports\nfrom tqdm import tqdm"),
    ("boards/explore/search.py", "import optuna\nfrom boards.area import model\nfrom golden.compile import fitting"),
    ("boards/ulx3s.py", "from amaranth_boards.ulx3s import ULX3S_85F_Platform\nfrom rtl.core import Core"),
    ("tests/test_all.py", "import rtl, torch, sim"),
])
def test_what_the_rules_allow_passes(tmp_path, path, text):
    _write(tmp_path, path, text)
    assert architecture.violations(tmp_path) == []


def test_a_long_file_is_found(tmp_path):
    _write(tmp_path, "sim/long.py", "\n" * architecture.LONGEST_FILE)
    assert len(architecture.long_files(tmp_path)) == 1


def _write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
