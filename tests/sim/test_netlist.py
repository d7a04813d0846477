"""After synthesis: cells of ECP5 do, bit for bit and cycle for cycle, what the benches of their units ask."""

from pathlib import Path

import pytest

from sim import netlist, runner
from sim.bench_engine import CONFIG_VARIABLE
from sim.runner import SimulationError
from sim.units import config_file
from sim.verilator import REPOSITORY

CONFIG = Path(config_file("smallest"))
ENVIRONMENT = {CONFIG_VARIABLE: "smallest"}
FAULTS = 4
"""Of so many flipped bits of look-up tables, at least one is seen; don't-cares hide some."""


@pytest.fixture(scope="module")
def row_maximum(tmp_path_factory):
    """Cells of the row maximum."""
    return netlist.generate(CONFIG, tmp_path_factory.mktemp("row_maximum"), "row_maximum")


def test_cells_of_a_unit_pass_its_bench(row_maximum):
    netlist.run_unit_cells(row_maximum, "row_maximum", "sim.bench_row_maximum", ENVIRONMENT)


def test_a_flipped_bit_of_a_look_up_table_is_found(row_maximum):
    found = 0
    for fault in range(FAULTS):
        try:
            netlist.run_unit_cells(row_maximum, "row_maximum", "sim.bench_row_maximum", ENVIRONMENT, fault=fault)
        except SimulationError:
            found += 1
            break
    assert found


def test_a_fault_is_one_bit():
    text = "LUT4 #(.INIT(16'h1234)) LUT4 #(.INIT(16'habcd))"
    for number in range(8):
        changed = [(one, other) for one, other in zip(netlist.TABLE.findall(text),
                                                      netlist.TABLE.findall(netlist.with_fault(text, number)),
                                                      strict=True) if one != other]
        assert len(changed) == 1
        assert (int(changed[0][0], 16) ^ int(changed[0][1], 16)).bit_count() == 1


def test_block_ram_of_cells_passes_its_bench(tmp_path):
    verilog = netlist.generate(CONFIG, tmp_path, "twin_ram")
    netlist.run_unit_cells(verilog, "twin_ram", "sim.bench_memory", ENVIRONMENT)


def test_an_unknown_configuration_is_one_sentence(capsys):
    assert netlist.main(["--config", "configs/none.toml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("parameters", "ports", "words"), [
    (".DATA_WIDTH_A(9), .DATA_WIDTH_B(9)", "", "widths 9 and 9 are not modelled"),
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
