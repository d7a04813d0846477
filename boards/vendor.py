"""Boards that only their vendor's tool can build: a script for it, which is run where the tool is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from boards.board import Board
from boards.tools import ToolError

SCRIPT = "build.tcl"

VIVADO = """\
# vivado -mode batch -source build.tcl
read_verilog core.v
read_xdc top.xdc
synth_design -top top -part {{ part }}
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.txt
report_timing_summary -file timing.txt
set path [lindex [get_timing_paths -setup -nworst 1] 0]
if {[get_property SLACK $path] < 0} {
    puts stderr [report_timing -of_objects $path -return_string]
    puts stderr "the routed design misses its clock of {{ mhz }} MHz by -[get_property SLACK $path] ns"
    exit 1
}
write_bitstream -force top.bit
"""

QUARTUS = """\
# quartus_sh -t build.tcl
load_package flow
project_new top -overwrite
set_global_assignment -name FAMILY "{{ family }}"
set_global_assignment -name DEVICE {{ part }}
set_global_assignment -name TOP_LEVEL_ENTITY top
set_global_assignment -name VERILOG_FILE core.v
set_global_assignment -name SDC_FILE top.sdc
source top.qsf
execute_flow -compile
project_close
qexec "quartus_sta -t timing.tcl"
"""

QUARTUS_TIMING = """\
# Run by build.tcl; ends with status 1 where the fitted design misses its clock of {{ mhz }} MHz.
project_open top
create_timing_netlist
read_sdc
update_timing_netlist
set slack 1000
foreach_in_collection path [get_timing_paths -setup -npaths 1] { set slack [get_path_info $path -slack] }
report_timing -setup -npaths 1 -detail full_path -file timing.txt
if {$slack < 0} {
    post_message -type error "the fitted design misses its clock of {{ mhz }} MHz by [expr -$slack] ns; see timing.txt"
    exit 1
}
project_close
"""


@dataclass(frozen=True)
class Vendor:
    """A tool that reads ``build.tcl``: its program, its arguments, its maker's name for it, what it leaves."""

    program: str
    arguments: tuple[str, ...]
    title: str
    templates: dict[str, str]
    bitstream: str


FLOWS = {
    "vivado": Vendor("vivado", ("-mode", "batch", "-source", SCRIPT), "Vivado", {SCRIPT: VIVADO}, "top.bit"),
    "quartus": Vendor("quartus_sh", ("-t", SCRIPT), "Quartus", {SCRIPT: QUARTUS, "timing.tcl": QUARTUS_TIMING},
                      "top.sof"),
}


def script(board: Board) -> dict[str, str]:
    """Name and text of the scripts for the board's tool; none where open tools build it."""
    if board.device.flow not in FLOWS:
        return {}
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    values = {"part": board.device.options[-1], "family": board.device.options[0], "mhz": f"{board.clock_hz / 1e6:g}"}
    return {name: environment.from_string(text).render(values)
            for name, text in FLOWS[board.device.flow].templates.items()}


def build(board: Board, folder: Path, say: Callable[[str], None]) -> Path:
    """Run the vendor's tool in ``folder``; the bitstream. Raises ``ToolError`` where it is missing or fails."""
    tool = FLOWS[board.device.flow]
    command = " ".join([tool.program, *tool.arguments])
    if shutil.which(tool.program) is None:
        raise ToolError(f"only {tool.title} builds for the {board.title}, and {tool.program} is not on the path; "
                        f"Verilog, constraints and script are in {folder}: run {command} there")
    say(command)
    bitstream = folder / tool.bitstream
    bitstream.unlink(missing_ok=True)
    answer = subprocess.run([tool.program, *tool.arguments], cwd=folder, check=False)
    if answer.returncode != 0 or not bitstream.is_file():
        raise ToolError(f"{tool.program} ended with status {answer.returncode} and left no {tool.bitstream}; "
                        f"its messages are in {folder}")
    return bitstream
