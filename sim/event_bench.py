"""The part of the bench top that records the core's event ports, in C++ speed rather than Python's."""

from __future__ import annotations

from collections.abc import Sequence

PREFIX = "event_"
SUFFIX = ".events"


def event_verilog(events: Sequence[dict]) -> str:
    """Body of the bench: a file of records for each event port, written while the input ``record_events`` is high.

    ``active`` is the cycle as the core's own counter counts it: 0 in the first one after a start, and standing still in
    a pause. ``recording``, ``folder`` and ``record_flush`` are those of ``sim/recorder.py``.
    """
    return "\n".join(["  reg [31:0] active = 0;",
                      "  always @(posedge clk) active <= event_begin ? 32'd0 : active + 32'(event_running);",
                      *(recorder(event["name"], event["bits"]) for event in events)])


def recorder(name: str, bits: int) -> str:
    """Recording of one port: the cycle in 32 bits, then the data in whole 32-bit words."""
    padding = -bits % 32
    data = f"{{{padding}'d0, {PREFIX}{name}__data}}" if padding else f"{PREFIX}{name}__data"
    return f"""  integer {PREFIX}file_{name} = 0;
  always @(posedge clk) begin
    if (recording && record_events) begin
      if ({PREFIX}file_{name} == 0) {PREFIX}file_{name} = $fopen({{folder, "/{name}{SUFFIX}"}}, "wb");
      if ({PREFIX}{name}__enable) $fwrite({PREFIX}file_{name}, "%u", {{{data}, active}});
    end
    if ({PREFIX}file_{name} != 0 && record_flush) $fflush({PREFIX}file_{name});
  end"""
