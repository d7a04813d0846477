"""The part of the bench top that samples waves, and what of the core it leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sim.recorder import TOP
from sim.wave_signals import PREFIX, Names, Signal, enumerations, every_signal, view_signals, width

LEFT_OUT = re.compile(r"lane_[1-9]\d*$|pair_[1-9]\d*$|_memory$|\.rows$|\.crc\$?\d*$|\.delay$")
"""Units that repeat another one, and memories."""


def wave_verilog(description: Mapping) -> str:
    """Body of the bench: the view's signals, with the prefix ``view_``, and a sample in each cycle of the window.

    Its arguments: ``+waves=<file> +waves_first=<cycle> +waves_last=<cycle>``, cycles as the core counts them.
    """
    signals = list(every_signal(view_signals(description)))
    return "\n".join([*(declared(signal) for signal in signals), sampling()])


def packages(description: Mapping) -> str:
    """A package for each enumeration, as two may use the same name."""
    return "\n".join(package(name, names) for name, names in enumerations(description["states"]).items())


def package(name: str, names: Names) -> str:
    """Verilog of one enumeration."""
    bits = width(names)
    members = ", ".join(f"{member} = {bits}'d{value}" for member, value in sorted(names.items(), key=lambda n: n[1]))
    return f"package {name};\n  typedef enum {logic(bits)} {{{members}}} names;\nendpackage"


def logic(bits: int) -> str:
    """Verilog type of so many bits."""
    return "logic" if bits == 1 else f"logic [{bits - 1}:0]"


def declared(signal: Signal) -> str:
    """Verilog of one signal of the view."""
    name = f"{PREFIX}{signal.name}"
    kind = f"{signal.enumeration}::names" if signal.enumeration else logic(signal.bits)
    value = f"{signal.bits}'({signal.value})"
    value = f"{signal.enumeration}::names'({value})" if signal.enumeration else value
    if signal.held is None:
        return f"  {kind} {name};\n  assign {name} = {value};"
    return f"  {kind} {name};\n  always @(posedge clk) if ({signal.held}) {name} <= {value};"


def sampling() -> str:
    """Samples at the falling edge, when everything has settled; time stands still in a pause."""
    return """  import "DPI-C" function void waves_open(input string path);
  import "DPI-C" function void waves_sample(input int cycle);
  import "DPI-C" function void waves_close();
  string wave_path;
  int unsigned wave_first, wave_last;
  bit wave_wanted, wave_open;
  initial begin
    wave_wanted = $value$plusargs("waves=%s", wave_path) != 0 && $value$plusargs("waves_first=%d", wave_first) != 0
      && $value$plusargs("waves_last=%d", wave_last) != 0;
    wave_open = 0;
  end
  always @(negedge clk) if (wave_wanted && event_running && active >= wave_first) begin
    if (!wave_open) waves_open(wave_path);
    wave_open = 1;
    waves_sample(active);
    if (active == wave_last) begin
      waves_close();
      wave_open = 0;
      wave_wanted = 0;
    end
  end
  final if (wave_open) waves_close();"""


def control_lines(core: str) -> list[str]:
    """Verilator's control lines that leave units of the core out, with all that is in them."""
    return [f'tracing_off -scope "{TOP}.{unit}" -levels 0' for unit in units(core) if LEFT_OUT.search(unit)]


def units(core: str) -> list[str]:
    """Paths of the core's units, from its Verilog; the generator names a module by its path."""
    return re.findall(r"^module \\?(core[\w.$]*)", core, re.MULTILINE)
