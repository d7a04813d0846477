"""What machines say of coverage: bits that are constant or one wire, and whether the Verilog is still that counted."""

from __future__ import annotations

import re

from sim.coverage import constants, identity, report, structure
from sim.coverage.functional import Reasons
from sim.coverage.lines import Design, Point
from sim.verilator import BUILD, REPOSITORY

GONE = Design("gone", "0")
"""A design whose Verilog is no longer there."""
UNIT = "control.queue.DescriptorQueue"
SOURCE = REPOSITORY / "rtl" / "control" / "queue.py"
LINE = next(number for number, text in enumerate(SOURCE.read_text().splitlines(), 1) if "m = Module()" in text)
"""Within the class that the Verilog below is said to be of."""
TWO_CELLS = """(* src = "{source}" *)
module inner(clk, value, kept);
  input clk; input [3:0] value; output reg [3:0] kept = 0;
  always @(posedge clk) kept <= {{ 2'h0, value[1:0] }};
endmodule
(* src = "{source}" *)
module two(clk, a, b);
  input clk; input [3:0] a; output [3:0] b;
  inner  first (
    .clk(clk), .value(a), .kept(b)
  );
endmodule
"""


def test_yosys_tells_bits_that_are_constant_and_bits_that_are_one_wire(tmp_path, monkeypatch):
    (tmp_path / "two.v").write_text(TWO_CELLS.format(source=f"{SOURCE}:{LINE}"))
    nets = dict(constants.wires(tmp_path / "two.v"))
    assert nets[Point(UNIT, "toggle", "kept[3]")] == nets[Point(UNIT, "toggle", "b[2]")] == frozenset()
    assert nets[Point(UNIT, "toggle", "kept[1]")] == nets[Point(UNIT, "toggle", "b[1]")] != frozenset()
    monkeypatch.setattr(constants, "nets_of", lambda design: nets)
    names = [f"{name}[{bit}]:0->1" for name in ("a", "value", "kept", "b") for bit in range(4)]
    designs = {Design("two", "0"): {Point(UNIT, "toggle", name): 0 for name in names}}
    (found,) = structure.units(designs, Reasons(((re.compile(r".* toggle (a|b)\[[01]\]:.*"), "because"),)))
    assert found.explained == {"because": 4, structure.CONSTANT: 4, structure.SAME_WIRE: 4}
    assert found.unexplained == ("a[3:2] 0->1", "value[3:2] 0->1")


def test_verilog_that_is_no_longer_there_explains_nothing():
    assert constants.nets_of(GONE) == {}
    assert not constants.constant({GONE: {Point("a.B", "toggle", "x:0->1"): 0}}, [Point("a.B", "toggle", "x:0->1")])


def test_the_summary_names_units_whose_verilog_is_another():
    today = identity.generate(BUILD / "coverage" / "identity")
    identity.write(identity.IDENTITY, today)
    figures = report.read(report.RESULT)
    assert set(figures["units"]) <= set(today)
    same = {**figures, "verilog": {unit: today[unit] for unit in figures["units"]}}
    assert report.accepted(same, today)[-1].endswith(": none")
    other = {**same, "verilog": {**same["verilog"], "control.guard.Guard": "another"}}
    assert report.accepted(other, today)[-1].endswith(": control.guard.Guard")


def test_a_digest_follows_the_text_and_neither_numbers_nor_places(tmp_path):
    found = []
    for number, (place, text) in enumerate([(LINE, "a$1 & b"), (LINE + 1, "a$2 & b"), (LINE, "a$1 | b")]):
        path = tmp_path / f"{number}.v"
        path.write_text(f'(* src = "{SOURCE}:{place}" *)\nmodule x(a);\n  assign c = {text};\nendmodule\n')
        found.append(identity.digests(path))
    assert found[0] == found[1] != found[2]
