"""Coverage tells what was reached and nothing else: marks, counts, reasons, and the page with the figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from sim import runner
from sim.bench_engine import CONFIG_VARIABLE
from sim.coverage import __main__ as command
from sim.coverage import bins, functional, identity, lines, marks, parts, report, structure
from sim.coverage.lines import Design, Point
from sim.runner import SimulationError
from sim.units import run_unit
from sim.verilator import BUILD, REPOSITORY

UNITS = {"guard": "sim.bench_guard", "semaphores": "sim.bench_semaphores", "descriptor_queue": "sim.bench_queue",
         "uart": "sim.bench_uart", "row_maximum": "sim.bench_row_maximum",
         "transposer": "sim.bench_transposer", "verified_ram": "sim.bench_checked_ram", "step_ram": "sim.bench_memory"}
"""The smallest units, whose lines every run of the regression counts."""
COUNTER = """(* src = "{source}" *)
module counter(clk, rst, enable, never, count);
  input clk, rst, enable, never;
  output reg [3:0] count = 0;
  always @(posedge clk) begin
    if (enable) count <= count + 1;
    if (never) count <= 4'hf;
  end
endmodule
"""
BENCH = """
import cocotb
from sim.clock import Clock

@cocotb.test()
async def counts(dut):
    dut.enable.value, dut.never.value = 1, {never}
    clock = Clock(dut)
    await clock.start()
    await clock.wait_cycles(5)
    dut.enable.value, dut.never.value = 0, 0
    await clock.wait_cycles(2)
"""


@pytest.fixture
def marked(tmp_path, monkeypatch):
    """A folder for the marks of a test's benches."""
    monkeypatch.setenv(marks.VARIABLE, str(tmp_path / "marks"))
    return tmp_path / "marks"


def test_a_bench_that_never_stalls_leaves_the_bins_of_stalls_empty(marked):
    run_unit("descriptor_queue", "small", "sim.bench_queue", testcase="matches_deque/idle=0.0/stall=0.0")
    found = functional.hits(marked)
    assert "queue empty" in found and "queue in and out in one cycle" in found
    assert "queue full" not in found and "queue full and taken from" not in found


def test_a_bench_that_stalls_fills_them(marked):
    run_unit("descriptor_queue", "small", "sim.bench_queue", testcase="matches_deque/idle=0.0/stall=0.9")
    found = functional.hits(marked)
    assert {"queue full", "queue full and taken from"} <= set(found)
    assert all("test_a_bench_that_stalls_fills_them" in test for tests in found.values() for test in tests)


def test_wrong_hardware_marks_nothing(marked):
    with pytest.raises(SimulationError):
        run_unit("descriptor_queue", "small", "sim.bench_queue", bug="drops")
    assert not functional.hits(marked)


def test_marks_of_a_failed_test_do_not_count(tmp_path):
    entries = [{"bin": "queue full", "by": "tests/a.py::good"}, {"bin": "queue empty", "by": "tests/a.py::bad"}]
    (tmp_path / f"1{marks.SUFFIX}").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert set(functional.hits(tmp_path, failed=["tests/a.py::bad"])) == {"queue full"}


def test_a_bin_that_is_not_declared_is_refused(marked):
    with pytest.raises(marks.UnknownBinError, match="no bin 'queue fulll'"):
        marks.mark("queue fulll")


def test_every_bin_has_one_name():
    names = [name for group in bins.GROUPS.values() for name in group]
    assert len(names) == len(set(names)) > 500


def counted(folder: Path, never: int, monkeypatch) -> dict[Design, dict[Point, int]]:
    """Counts of a small counter, whose module is said to be that of the queue."""
    design = lines.COUNTED / f"test-{folder.name}"
    design.mkdir(parents=True, exist_ok=True)
    verilog = design / "counter.v"
    source = REPOSITORY / "rtl" / "control" / "queue.py"
    line = next(number for number, text in enumerate(source.read_text().splitlines(), 1) if "m = Module()" in text)
    verilog.write_text(COUNTER.format(source=f"{source}:{line}"))
    (folder / f"bench_counter_{never}.py").write_text(BENCH.format(never=never))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv(lines.VARIABLE, str(folder / f"lines-{never}"))
    runner.build([verilog], "counter", design)
    runner.run(f"bench_counter_{never}", "counter", design)
    return lines.by_design([folder / f"lines-{never}"])


def test_a_line_that_is_never_reached_is_a_hole_and_one_that_is_reached_is_none(tmp_path, monkeypatch):
    reasons = functional.Reasons(())
    (unit,) = structure.units(counted(tmp_path, 0, monkeypatch), reasons)
    assert unit.name == "control.queue.DescriptorQueue"
    holes = "\n".join(unit.unexplained)
    assert "if (never) count <= 4'hf; if" in holes and "never 0->1" in holes
    assert "count[3] 1->0" in holes and "count[0]" not in holes and "if (enable)" not in holes
    (unit,) = structure.units(counted(tmp_path, 1, monkeypatch), reasons)
    assert "never" not in "\n".join(unit.unexplained)


def test_a_reason_explains_what_it_matches_and_nothing_else():
    points = {GONE: {Point("a.B", "toggle", f"bits[{bit}]:0->1"): int(bit == 0) for bit in range(6)}}
    (bare,) = structure.units(points, functional.Reasons(()))
    assert bare.figures["toggle"] == (1, 6) and bare.unexplained == ("bits[5:1] 0->1",)
    patterns = functional.read_reasons("structural", _reasons(r"a\.B toggle bits\[[45]\]:.*"))
    (unit,) = structure.units(points, patterns)
    assert unit.explained == {"because": 2} and unit.unexplained == ("bits[3:1] 0->1",)
    assert patterns.met(["a.B toggle other:0->1", "a.B toggle bits[5]:0->1"]) == {r"a\.B toggle bits\[[45]\]:.*": 1}


GONE = Design("gone", "0")
"""A design whose Verilog is no longer there."""


def _reasons(pattern: str) -> Path:
    path = BUILD / "coverage" / "test-reasons.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[[structural]]\nwhy = 'because'\nholes = ['{pattern}']\n")
    return path


@pytest.mark.parametrize(("text", "words"), [
    ("nothing", "begins with 'nothing'"), ("# SystemC::Coverage-3\nC 'cut", "holds \"C 'cut\""),
])
def test_a_damaged_file_of_counts_is_refused(tmp_path, text, words):
    (tmp_path / "coverage.dat").write_text(text)
    with pytest.raises(lines.CountError, match=words):
        lines.read(tmp_path / "coverage.dat")


def test_counts_of_several_runs_are_added(tmp_path):
    for number, count in enumerate((0, 3, 4)):
        content = {"design": "a", "verilog": "0", "counts": [["a.B", "line", "x", count]]}
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
    assert lines.by_design([tmp_path]) == {Design("a", "0"): {Point("a.B", "line", "x"): 7}}


def test_the_smallest_units_have_no_hole_without_a_reason(monkeypatch):
    for path in lines.EVERY_RUN.glob("*.json"):
        path.unlink()
    monkeypatch.setenv(lines.VARIABLE, str(lines.EVERY_RUN))
    for unit, bench in UNITS.items():
        run_unit(unit, "small", bench, env={CONFIG_VARIABLE: "small"})
    made = structure.units(lines.by_design([lines.EVERY_RUN]), functional.read_reasons("structural"))
    assert {unit.name for unit in made} >= {
        "control.guard.Guard", "control.queue.DescriptorQueue", "control.semaphores.Semaphores",
        "units.row_maximum.RowMaximum", "memory.transposer.Transposer",
        "memory.checked_ram.CheckedRam", "memory.step_ram.StepRam", "link.uart.UartReceiver",
        "link.uart.UartTransmitter"}
    assert all(unit.figures["toggle"][1] > 20 for unit in made)
    holes = [(unit.name, hole) for unit in made for hole in unit.unexplained]
    assert not [hole for hole in holes if not hole[1].startswith("flips[")]     # the bench's own port, wider than words


def test_the_page_holds_the_figures_of_the_file():
    figures = report.read(report.RESULT)
    page = command.PAGE.read_text()
    assert report.with_tables(page, figures) == page
    assert figures["command"] in page


def test_every_reason_explained_something_in_the_accepted_run():
    met = report.read(report.RESULT)["reasons"]
    for table in ("functional", "structural"):
        names = [pattern.pattern for pattern, _ in functional.read_reasons(table).patterns]
        idle = [name for name in names if not met.get(name)]
        assert not idle, f"reasons that explain nothing, or are newer than docs/coverage.json: {idle}"


def test_a_page_without_a_place_for_tables_is_refused():
    with pytest.raises(ValueError, match="no place for its tables"):
        report.with_tables("nothing", {"functional": {}, "units": {}})


@pytest.fixture
def small_run(tmp_path, monkeypatch):
    """Runs of three parts, of which those named in ``failing`` fail; what the command line gives, and what ran."""
    ran, failing = [], set()

    def run_part(folder, tests):
        ran.append(tests)
        place = parts.folder_of(folder, tests)
        place.mkdir(parents=True, exist_ok=True)
        state = parts.State(tests, int(tests in failing), 1, parts.sources())
        (place / parts.STATE_FILE).write_text(json.dumps(asdict(state)))
        return state

    monkeypatch.setattr(parts, "run_part", run_part)
    monkeypatch.setattr(parts, "whole", lambda: THREE)
    monkeypatch.setattr(report, "RESULT", tmp_path / "accepted.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(identity, "generate", lambda folder: {})
    command.PAGE.write_text(f"{report.BEGIN}\n{report.END}")
    options = ["--folder", str(tmp_path / "run"), "--output", str(tmp_path / "coverage.json")]
    return SimpleNamespace(ran=ran, failing=failing, main=lambda *more: command.main([*options, *more]),
                           output=tmp_path / "coverage.json", accepted=report.RESULT, page=command.PAGE)


THREE = ["tests/rtl/test_norm.py", "tests/rtl/test_queue.py", "tests/rtl/test_guard.py"]


def test_a_hole_without_a_reason_fails_a_whole_run_and_not_a_part(small_run, capsys):
    assert small_run.main("tests/rtl/test_queue.py") == 0
    assert small_run.main() == 1
    assert "bins are not hit and have no reason" in capsys.readouterr().err


def test_a_part_that_fails_is_named_and_loses_no_other(small_run, capsys):
    small_run.failing.add(THREE[1])
    assert small_run.main() == 1 and small_run.ran == THREE
    assert f"{THREE[1]} failed, so it is not in these figures" in capsys.readouterr().err
    assert not small_run.output.exists()
    small_run.main("--summarise", "--accept")
    assert report.read(small_run.accepted)["left_out"] == {THREE[1]: "failed"}
    assert f"Left out: `{THREE[1]}`, which failed." in small_run.page.read_text()
    small_run.failing.clear()
    small_run.ran.clear()
    small_run.output.unlink()
    small_run.main("--resume")
    assert small_run.ran == [THREE[1]] and small_run.output.exists()


def test_counts_of_older_hardware_are_left_out_and_counted_again(small_run, monkeypatch, capsys):
    small_run.main()
    small_run.ran.clear()
    monkeypatch.setattr(parts, "sources", lambda: "others")
    assert small_run.main("--summarise") == 1
    assert "counted other hardware" in capsys.readouterr().err and not small_run.ran
    small_run.main("--resume")
    assert small_run.ran == THREE


def test_a_part_can_be_run_again_within_a_whole_run(small_run):
    small_run.main()
    small_run.ran.clear()
    small_run.main("--resume", THREE[0])
    assert small_run.ran == [THREE[0]]


@pytest.mark.parametrize(("words", "sentence"), [
    (["--jobs", "0"], "--jobs is 0"), (["tests/none.py"], "no tests tests/none.py"),
    (["--accept", "tests/rtl/test_queue.py"], "--accept takes a whole run")])
def test_a_bad_argument_is_one_sentence(capsys, words, sentence):
    assert command.main(words) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1


def test_the_parts_of_a_whole_run_are_tests_that_exist():
    for each in parts.whole():
        path, _, name = each.partition("::")
        assert not name or f"def {name}(" in (REPOSITORY / path).read_text()
    folders = {parts.folder_of(Path(), each) for each in parts.whole()}
    assert len(folders) == len(parts.whole()) > 25
