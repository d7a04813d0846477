"""What the other tests stand on: the front door, the simulator's set-up, the runner and the stream drivers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sim import runner, verilator
from sim.verilog_ports import top_level_ports

ROOT = Path(__file__).resolve().parents[1]
VERILOG = Path(__file__).with_name("fifo.v")
TARGETS = {"help", "setup", "sim", "test", "lint", "verilog", "bitstream", "train", "bench", "gemm", "fuzz",
           "faults", "formal", "report", "baseline", "netlist", "quality", "explore", "docs", "clean", "fuzz-host",
           "coverage", "mutation"}


@pytest.fixture(scope="module")
def fifo(tmp_path_factory):
    """A first-in first-out buffer of four bytes, built once."""
    folder = tmp_path_factory.mktemp("fifo")
    runner.build([VERILOG], "fifo", folder)
    return folder


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Write a module of benches and return its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(body: str) -> str:
        name = f"planted_{tmp_path.name.replace('-', '_')}"
        head = "import time\nimport cocotb\nfrom sim.clock import Clock\nfrom sim.streams import Sink, Source\n"
        (tmp_path / f"{name}.py").write_text(head + textwrap.dedent(body))
        return name

    return write


def test_make_help_lists_every_target():
    answer = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make ([\w-]+)", answer.stdout, flags=re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert listed == TARGETS == set(phony[1].split())


def test_streams_lose_nothing_under_bubbles_and_back_pressure(fifo):
    runner.run("tests.bench_streams", "fifo", fifo)


def test_nothing_is_built_twice(fifo):
    binary = runner.object_directory(fifo, runner.waves_wanted()) / "fifo"
    before = binary.stat().st_mtime_ns
    assert runner.build([VERILOG], "fifo", fifo) == binary
    assert binary.stat().st_mtime_ns == before


def test_a_failed_bench_raises_and_names_its_replay(fifo, planted):
    module = planted("""
        @cocotb.test()
        async def fails(dut):
            assert 1 + 1 == 3, "planted"
    """)
    with pytest.raises(runner.SimulationError, match="fails: .*planted") as failure:
        runner.run(module, "fifo", fifo, seed=7)
    assert "replay: HALFTONE_SEED=7 " in str(failure.value)
    assert "tests/test_house.py::test_a_failed_bench" in str(failure.value)


def test_a_failed_bench_raises_outside_pytest_too(fifo, planted):
    module = planted("""
        @cocotb.test()
        async def fails(dut):
            assert False, "planted"
    """)
    script = f"from sim import runner; runner.run({module!r}, 'fifo', {str(fifo)!r})"
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True,
                            check=False)
    assert answer.returncode != 0
    assert "planted" in answer.stderr


def test_the_seed_of_the_caller_wins_over_the_environments(fifo, planted, monkeypatch):
    monkeypatch.setenv("HALFTONE_SEED", "1")
    module = planted("""
        from sim import seed as seeds

        @cocotb.test()
        async def reads(dut):
            assert seeds.seed() == 7
    """)
    runner.run(module, "fifo", fifo, seed=7)


@pytest.mark.parametrize("body", ["", "raise SystemError('cannot be imported')"])
def test_no_bench_is_a_failure(fifo, planted, body):
    with pytest.raises(runner.SimulationError):
        runner.run(planted(body), "fifo", fifo)


def test_a_simulator_that_dies_is_a_failure(fifo, planted):
    module = planted("""
        import os

        @cocotb.test()
        async def dies(dut):
            os._exit(0)
    """)
    with pytest.raises(runner.SimulationError, match="no results"):
        runner.run(module, "fifo", fifo)


def test_a_hung_bench_ends(fifo, planted):
    module = planted("""
        @cocotb.test()
        async def hangs(dut):
            time.sleep(1000)
    """)
    with pytest.raises(runner.SimulationError, match="no end within 5 s"):
        runner.run(module, "fifo", fifo, timeout=5)


def test_a_stuck_stream_names_its_port(fifo, planted):
    module = planted("""
        @cocotb.test()
        async def source(dut):
            clock = Clock(dut)
            driver = Source(dut, "i", clock, timeout=20)
            Sink(dut, "o", clock)
            await clock.start()
            await driver.send(range(9))

        @cocotb.test()
        async def sink(dut):
            clock = Clock(dut)
            Source(dut, "i", clock)
            driver = Sink(dut, "o", clock, timeout=20)
            await clock.start()
            await driver.receive(1)
    """)
    with pytest.raises(runner.SimulationError) as failure:
        runner.run(module, "fifo", fifo)
    assert "i: value 4 not taken within 20 cycles" in str(failure.value)
    assert "o: value 0 of 1 did not come within 20 cycles" in str(failure.value)


def test_waves_are_written_where_the_runner_says(tmp_path, planted, capsys, monkeypatch):
    monkeypatch.setenv("WAVES", "1")
    module = planted("""
        @cocotb.test()
        async def ticks(dut):
            await Clock(dut).start()
    """)
    runner.build([VERILOG], "fifo", tmp_path / "build")
    runner.run(module, "fifo", tmp_path / "build")
    path = Path(re.search(r"waves: (.*)", capsys.readouterr().out)[1])
    assert "$enddefinitions" in path.read_text()


def test_bad_verilog_raises_with_the_compilers_words(tmp_path):
    source = tmp_path / "bad.v"
    source.write_text("module bad(input clk); assign nothing_here = clk +; endmodule\n")
    with pytest.raises(runner.SimulationError, match="syntax error"):
        runner.build([source], "bad", tmp_path / "build")


def test_repaired_verilator_is_made_once(tmp_path):
    first = verilator.verilator_root(tmp_path)
    before = (first / "include" / "verilated.mk").stat().st_mtime_ns
    assert verilator.verilator_root(tmp_path) == first
    assert (first / "include" / "verilated.mk").stat().st_mtime_ns == before
    assert [entry.name for entry in tmp_path.iterdir()] == [first.name]
    assert "VERILATOR_VERSION_INTEGER 50" in (first / "include" / "verilated_config.h").read_text()


def test_racing_repairs_end_in_one(tmp_path):
    script = f"from pathlib import Path; from sim import verilator; verilator.verilator_root(Path({str(tmp_path)!r}))"
    racers = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) for _ in range(3)]
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_path_with_a_space_is_refused_with_a_reason(tmp_path):
    with pytest.raises(verilator.SetupError, match="space"):
        verilator.verilator_root(tmp_path / "with space")


def test_ports_are_found_in_both_styles():
    old = "module \\top.part (x); input x; endmodule module top(clk, a, b);\n input clk;\n wire clk; // input no\n" \
          "(* keep *) input signed [3:0] a;\n output reg [7:0] b;\n reg c; endmodule"
    new = "module top #(parameter W = 2)(input wire clk, input [W-1:0] a, output reg b, b2); reg c; endmodule"
    assert top_level_ports(old, "top") == ["clk", "a", "b"]
    assert top_level_ports(new, "top") == ["clk", "a", "b", "b2"]
