"""After synthesis: cells of ECP5 do, bit for bit and cycle for cycle, what the benches of their units ask."""

import re
from pathlib import Path

import pytest

from sim import netlist, runner
from sim.bench_engine import CONFIG_VARIABLE
from sim.cell_faults import with_faults
from sim.runner import SimulationError
from sim.units import config_file
from sim.verilator import REPOSITORY
from tests.bench_ticks import VARIABLE

CONFIG = Path(config_file("smallest"))
ENVIRONMENT = {CONFIG_VARIABLE: "smallest"}
FAULTS = 8
"""Of so many faults, at least one of each kind is seen; some change nothing that is used."""


@pytest.fixture(scope="module")
def row_maximum(tmp_path_factory):
    """Cells of the row maximum, with faults asleep."""
    folder = tmp_path_factory.mktemp("row_maximum")
    return netlist.build(netlist.generate(CONFIG, folder, "row_maximum"), FAULTS)


def test_cells_of_a_unit_pass_its_bench(row_maximum):
    row_maximum.run("sim.bench_row_maximum", ENVIRONMENT)


@pytest.mark.parametrize("kind", ["table", "enable"])
def test_a_fault_of_a_cell_is_found(row_maximum, kind):
    found = 0
    for fault in row_maximum.faults:
        if fault.kind == kind and not found:
            try:
                row_maximum.run("sim.bench_row_maximum", ENVIRONMENT, fault)
            except SimulationError:
                found += 1
    assert found


CELLS = """module \\top.one (a, z);
  LUT4 #(
    .INIT(16'h1234)
  ) \\first[0]  (
    .Z(z)
  );
  LUT4 #(
    .INIT(16'habcd)
  ) second (
    .Z(y)
  );
  TRELLIS_FF #(
    .CEMUX("CE"),
    .GSR("DISABLED")
  ) third (
    .Q(x)
  );
  TRELLIS_FF #(
    .CEMUX("1"),
    .GSR("DISABLED")
  ) fourth (
    .Q(w)
  );
endmodule
"""


def test_a_fault_is_one_bit_or_one_enable_and_the_rest_stays_as_it_is():
    for seed in range(8):
        text, (table, enable) = with_faults(CELLS, 2, seed)
        flipped = int(re.search(r"FLIPPED\(16'h([0-9a-f]{4})\)", text)[1], 16)
        assert flipped.bit_count() == 1
        assert table.what.startswith(f"bit {flipped.bit_length() - 1} of top.one/")
        assert enable.what == "enable of top.one/third"
        cells = text.partition("// Cells")[0]
        again = re.sub(r"\n    \.NUMBER\(\d+\),(?: \.FLIPPED\(16'h[0-9a-f]{4}\),)?", "", cells)
        assert again.replace("FAULTY_LUT4", "LUT4").replace("FAULTY_FF", "TRELLIS_FF").rstrip() == CELLS.rstrip()


def test_without_faults_the_cells_are_as_they_are():
    assert with_faults(CELLS, 0, 1) == (CELLS, [])


def test_more_faults_than_cells_are_refused():
    with pytest.raises(ValueError, match="there are 1 flip-flops with an enable for 2 faults"):
        with_faults(CELLS, 4, 1)


def test_block_ram_of_cells_passes_its_bench(tmp_path):
    netlist.build(netlist.generate(CONFIG, tmp_path, "twin_ram"), 0).run("sim.bench_memory", ENVIRONMENT)


def test_an_unknown_configuration_is_one_sentence(capsys):
    assert netlist.main(["--config", "configs/none.toml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("parameters", "ports", "words"), [
    (".DATA_WIDTH_A(9), .DATA_WIDTH_B(18)", "", "widths 9 and 18 are not modelled"),
    ('.REGMODE_A("OUTREG")', "", "output register is not modelled"),
    ("", ", .RSTB(1'b1)", "a write of port B, is not modelled"),
])
def test_block_ram_in_another_mode_ends_the_simulation(tmp_path, parameters, ports, words):
    top = tmp_path / "top.v"
    top.write_text(f"module ram(input clk, output shown); DP16KD #({parameters}) cell_0"
                   f"(.CLKA(clk), .CLKB(clk), .CEA(1'b1), .DOA0(shown){ports}); endmodule\n", encoding="utf-8")
    model = REPOSITORY / "boards" / "cells" / "dp16kd.v"
    runner.build([top, model], "ram", tmp_path / "build", quick=True)
    with pytest.raises(SimulationError, match=words):
        runner.run("tests.bench_ticks", "ram", tmp_path / "build")


NARROW = """module ram(input clk);
  localparam BITS = {bits};
  localparam SKIPPED = {skipped};
  reg [BITS - 1:0] plain [0:(16384 >> SKIPPED) - 1];
  reg [13:0] written = 0;
  reg [13:0] reading = 0;
  reg [BITS - 1:0] data = 0;
  reg [BITS - 1:0] expected = 0;
  reg writes = 0;
  reg checks = 0;
  wire [17:0] shown;
  integer place;
  initial begin
    for (place = 0; place < (16384 >> SKIPPED); place = place + 1) plain[place] = 0;
    plain[{first}] = {value};
  end
  DP16KD #(.DATA_WIDTH_A(BITS), .DATA_WIDTH_B(BITS), .INITVAL_02({initial})) cell_0(
    .CLKA(clk), .CLKB(clk), .CEA(1'b1), .CEB(1'b1), .OCEB(1'b1), .WEA(writes),
    {ports});
  always @(posedge clk) begin
    if (checks && shown[BITS - 1:0] != expected) $fatal(1, "%0d is %0d, expected %0d", reading, shown, expected);
    if (writes) plain[written >> SKIPPED] <= data;
    expected <= plain[reading >> SKIPPED];
    checks <= !(writes && written >> SKIPPED == reading >> SKIPPED){broken};
    writes <= $urandom % 2 == 0;
    written <= ($urandom % 2 == 0 ? $urandom % 2048 : 14'(32 * 18)) & ~14'((1 << SKIPPED) - 1);
    reading <= ($urandom % 2 == 0 ? $urandom % 2048 : 14'(32 * 18)) & ~14'((1 << SKIPPED) - 1);
    data <= $urandom;
  end
endmodule
"""
"""A cell beside a plain memory; the first word of the third row of its initial value is not zero."""


def narrow(bits: int, broken: str = "") -> str:
    """The cell with words of so few bits; ``broken``: what else is compared."""
    skipped = {1: 0, 2: 1, 4: 2, 9: 3}[bits]
    ports = [f".AD{port}{bit}({signal}[{bit}])" for port, signal in (("A", "written"), ("B", "reading"))
             for bit in range(14)]
    ports += [f".DIA{bit}(data[{bit}]), .DOB{bit}(shown[{bit}])" for bit in range(bits)]
    per_row = 16 * 2 * max(1, 8 // bits)     # rows of 16 words of 18 bits
    return NARROW.format(bits=bits, skipped=skipped, ports=", ".join(ports), broken=broken, first=2 * per_row,
                         value=f"{bits}'d1", initial="320'd1")


def try_narrow(folder: Path, text: str) -> None:
    top = folder / "top.v"
    top.write_text(text, encoding="utf-8")
    runner.build([top, REPOSITORY / "boards" / "cells" / "dp16kd.v"], "ram", folder / "build", quick=True)
    runner.run("tests.bench_ticks", "ram", folder / "build", env={VARIABLE: "20000"})


@pytest.mark.parametrize("bits", [1, 2, 4, 9])
def test_block_ram_of_narrow_words_is_a_memory(tmp_path, bits):
    try_narrow(tmp_path, narrow(bits))


def test_a_word_that_is_read_while_it_is_written_is_wrong(tmp_path):
    with pytest.raises(SimulationError, match="expected"):
        try_narrow(tmp_path, narrow(9, " || 1'b1"))
