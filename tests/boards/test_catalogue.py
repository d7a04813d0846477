"""Every board's Verilog and constraints hold together; what cannot be is refused in one sentence."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from boards import bitstream, catalogue, regression, report, vendor, verilog
from boards.constraints import constraints
from boards.flows import FLOWS
from boards.pins import PORTS, pins
from boards.synthesis import SynthesisError
from boards.timing import TimingError
from boards.tools import ToolError, run_tool
from boards.top import ClockDivider
from golden.spec.hardware import load_hardware
from golden.spec.link import bit_cycles
from golden.spec.registers import ADDRESSES
from golden.spec.validation import ConfigError
from rtl.verilog import convert
from sim.verilator import verilator_root
from sim.verilog_ports import top_level_ports

ROOT = Path(__file__).resolve().parents[2]
SMALLEST = "ecp5_25k"
BLACK_BOX = "module BUFG(input I, output O); assign O = I; endmodule\n"


def written(name: str, folder: Path, seed: str = "0") -> Path:
    """A board's files with the smallest configuration, by the command, under a hash seed."""
    command = [sys.executable, "-m", "boards.verilog", "--board", name, "--config", f"configs/{SMALLEST}.toml",
               "--output", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
    return folder / name


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The files of two boards: the tools are open and the clock is the crystal's for one, neither for the other."""
    output = tmp_path_factory.mktemp("verilog")
    return {name: written(name, output) for name in ("ulx3s_85f", "arty_a7")}


@pytest.fixture(params=["ulx3s_85f", "arty_a7"])
def board_files(request, folders):
    """Name and folder of each."""
    return request.param, folders[request.param]


@pytest.mark.parametrize("name", catalogue.names())
def test_a_board_is_complete(name):
    board = catalogue.find(name)
    config = load_hardware(ROOT / board.config_path)
    assert (ROOT / "weights" / board.model / "quantised.safetensors").is_file()
    assert bit_cycles(board.clock_hz, board.baud) >= 4
    assert board.device.flow in FLOWS or board.device.flow in vendor.FLOWS
    if board.device.flow in FLOWS:
        assert set(board.device.capacity) == set(FLOWS[board.device.flow].sites)
    assert config.fingerprint and name in (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", catalogue.names())
def test_constraints_place_every_port_once(name):
    board = catalogue.find(name)
    places = pins(board)
    assert tuple(places) == PORTS
    assert len({pin.location for pin in places.values()}) == len(PORTS)
    files = constraints(board, places)
    located = next(iter(files.values()))
    for port, pin in places.items():
        lines = [line for line in located.splitlines() if re.search(rf"\b{port}\b", line)
                 and re.search(rf"(?<![\w.]){re.escape(pin.location)}\b|PIN_{pin.location}\b", line)]
        assert len(lines) == 1, f"{port} at {pin.location}: {lines}"
    if board.device.flow != "gowin":  # its clock is an argument of place and route
        period = f"{1e9 / board.crystal_hz:g}"
        assert re.search(rf"FREQUENCY PORT \"clk\" {board.crystal_hz} HZ|set_frequency clk {board.crystal_hz / 1e6:g}|"
                         rf"create_clock -name crystal -period {period} ", "".join(files.values()))


def test_ports_and_description_agree_with_the_verilog(board_files):
    name, folder = board_files
    text = (folder / "core.v").read_text(encoding="utf-8")
    content = json.loads((folder / "core.json").read_text(encoding="utf-8"))
    board, config = catalogue.find(name), load_hardware(ROOT / f"configs/{SMALLEST}.toml")
    assert sorted(top_level_ports(text, "top")) == sorted(port["name"] for port in content["ports"]) == sorted(PORTS)
    assert content["fingerprint"] == config.fingerprint and content["name"] == SMALLEST
    shapes = {name: (shape["depth"], shape["bits"]) for name, shape in content["memories"].items()}
    assert shapes == config.memory_shapes
    assert {entry["name"]: entry["address"] for entry in content["registers"]} == ADDRESSES
    assert content["clock_hz"] * board.divide == content["crystal_hz"] and content["baud"] == board.baud
    assert content["latencies"]["softmax_tail"] > 0
    for file in folder.iterdir():
        assert str(ROOT) not in file.read_text(encoding="utf-8"), file.name


@pytest.fixture(scope="module")
def with_sdram(tmp_path_factory):
    """The ULX3S-85F's files for the smallest configuration with its weights in the SDRAM, and that configuration."""
    folder = tmp_path_factory.mktemp("sdram")
    config = folder / "sdram.toml"
    config.write_text((ROOT / f"configs/{SMALLEST}.toml").read_text(encoding="utf-8") + "sdram_weights = 1\n",
                      encoding="utf-8")
    assert verilog.main(["--board", "ulx3s_85f", "--config", str(config), "--output", str(folder)]) == 0
    return folder / "ulx3s_85f", load_hardware(config)


def test_every_pin_of_an_sdram_is_placed_once_and_agrees_with_the_verilog(with_sdram):
    folder, config = with_sdram
    places = pins(catalogue.find("ulx3s_85f"), config)
    located = (folder / "top.lpf").read_text(encoding="utf-8")
    assert len(places) == len(PORTS) + 39 and len({pin.location for pin in places.values()}) == len(places)
    for name, pin in places.items():
        assert located.count(f'LOCATE COMP "{name}" SITE "{pin.location}";') == 1
    content = json.loads((folder / "core.json").read_text(encoding="utf-8"))
    names = sorted(port["name"] for port in content["ports"])
    assert sorted(top_level_ports((folder / "core.v").read_text(encoding="utf-8"), "top")) == names
    found = {port["name"]: port for port in content["ports"]}
    assert found["sdram_data"]["direction"] == "inout" and found["sdram_data"]["pin"][0] == "J16"
    assert found["sdram_command"]["pin"] == [places[f"sdram_command[{bit}]"].location for bit in range(3)]


def test_verilog_with_an_sdram_passes_verilators_lint(with_sdram):
    folder, _ = with_sdram
    lint(folder / "core.v", ROOT / "boards" / "cells" / "pads.v", ROOT / "rtl" / "bench" / "mult18x18d.v")


def test_a_board_without_an_sdram_is_refused_where_weights_are_in_one(tmp_path, capsys):
    words = ["--config", str(ROOT / "configs" / "small_sdram.toml"), "--output", str(tmp_path)]
    assert verilog.main(["--board", "arty_a7", *words]) == 2
    assert "has no SDRAM that weights could be in; choose a configuration" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_verilog_passes_verilators_lint(board_files, tmp_path):
    _, folder = board_files
    (tmp_path / "cells.v").write_text(BLACK_BOX)
    lint(folder / "core.v", tmp_path / "cells.v")


def lint(*sources: Path) -> None:
    """Verilator must read a top with the models of its cells."""
    arguments = ["--lint-only", "-Wno-fatal", "-Wno-DECLFILENAME", "--top-module", "top", *map(str, sources)]
    root = verilator_root()
    answer = subprocess.run([root / "bin" / "verilator_bin", *arguments], capture_output=True, text=True,
                            env={**os.environ, "VERILATOR_ROOT": str(root)}, check=False)
    assert answer.returncode == 0 and "%Error" not in answer.stderr, answer.stderr[-2000:]


def test_yosys_reads_the_verilog(folders):
    run_tool("yosys", ["-q", "-l", "read.log", "-p", "read_verilog core.v; hierarchy -check -top top"],
             folders["ulx3s_85f"])


def test_the_same_sources_give_the_same_bytes(folders, tmp_path):
    folder = folders["ulx3s_85f"]
    again = written("ulx3s_85f", tmp_path, seed="4242")
    names = sorted(file.name for file in again.iterdir())
    assert names == ["core.json", "core.v", "top.lpf"]
    for name in names:
        first, second = (hashlib.sha256((place / name).read_bytes()).hexdigest() for place in (folder, again))
        assert first == second, name


@pytest.mark.parametrize("command", [bitstream, report, verilog])
def test_a_bad_name_lists_the_boards(command, capsys):
    assert command.main(["--board", "ulx3s"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith(f"there is no board 'ulx3s'; expected one of {', '.join(catalogue.names())}\n")


def test_a_vendors_tool_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    for name, program in (("arty_a7", "vivado"), ("de10_nano", "quartus_sh")):
        with pytest.raises(ToolError, match=rf"{program} is not on the path; .* run {program} -.* there"):
            vendor.build(catalogue.find(name), tmp_path, lambda text: None)


@pytest.mark.parametrize("name", ["arty_a7", "de10_nano"])
def test_a_vendors_script_names_device_clock_and_files(name):
    board = catalogue.find(name)
    text = "".join(vendor.script(board).values())
    for word in (board.device.options[-1], f"{board.clock_hz / 1e6:g} MHz", "core.v", *constraints(board, pins(board))):
        assert word in text


def test_a_clock_is_divided_by_powers_of_two_alone():
    for divide in (0, 3, -2):
        with pytest.raises(ConfigError, match=f"divide is {divide}; expected a power of two"):
            ClockDivider(divide)


@pytest.mark.parametrize("divide", [2, 4, 8])
def test_the_register_that_constraints_name_is_the_divided_clock(divide):
    assert re.search(r"^  reg slow = ", convert(ClockDivider(divide), "divider"), flags=re.MULTILINE)
    board = dataclasses.replace(catalogue.find("de10_nano"), divide=divide)
    assert f"-divide_by {divide} [get_registers {{*divider*slow}}]" in constraints(board, pins(board))["top.sdc"]


def test_units_need_no_more_than_was_accepted(tmp_path):
    counts = regression.measure(tmp_path)
    before = json.loads(regression.UNIT_BASELINE.read_text(encoding="utf-8"))
    assert set(counts) == set(before)
    assert [line for name, needs in counts.items() for line in regression.more_cells(name, needs, before[name])] == []


def test_a_planted_regression_is_found():
    before = {"board": "b", "needs": {"LUT4": 10_000, "DP16KD": 50}, "routed_mhz": 40.0}
    assert regression.regressions(before, before) == []
    worse = {**before, "needs": {"LUT4": 10_309, "DP16KD": 60}, "routed_mhz": 35.9}
    assert regression.regressions(worse, before) == [
        "b needs 10,309 LUT4; expected at most 10,000 and 3% more",
        "b needs 60 DP16KD; expected at most 50 and 3% more",
        "b runs at 35.90 MHz; expected at least 40.00 MHz less 10%"]


@pytest.mark.parametrize("error", [TimingError("slow"), SynthesisError("no"), ToolError("gone")])
def test_a_build_that_fails_ends_with_status_1(error, tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise error

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(bitstream, "build", fail)
    monkeypatch.setattr(bitstream, "write_board", lambda *arguments: None)
    assert bitstream.main(["--board", "ulx3s_25f", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"boards.bitstream: {error}\n"


def test_a_board_can_be_described_in_one_file():
    board = dataclasses.replace(catalogue.find("ulx3s_85f"), button=("button_fire", 1))
    assert pins(board)["button"].location == "T1"
