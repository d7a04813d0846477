"""Recorder: a bench top that writes every memory write of the core to files, in C++ speed rather than Python's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim.event_bench import PREFIX, event_verilog

TOP = "bench"
WORD_BYTES = 4


def record_bytes(bits: int) -> int:
    """Bytes of one record: cycle and address, 32 bits each, and the data in whole 32-bit words."""
    return WORD_BYTES * (2 + -(-bits // 32))


def record_type(bits: int) -> np.dtype:
    """The record of a memory of ``bits`` bits a word."""
    return np.dtype([("cycle", "<u4"), ("address", "<u4"), ("data", "u1", (record_bytes(bits) - 2 * WORD_BYTES,))])


def ports(verilog: str, module: str) -> list[tuple[str, str, str]]:
    """Ports of a module: (direction, range, name)."""
    body = verilog[re.search(rf"^module {module}\(", verilog, re.MULTILINE).start():]
    body = body[:body.index("endmodule")]
    return [(direction, span or "", name) for direction, span, name in
            re.findall(r"^  (input|output) (\[\d+:0\] )?(\w+);", body, re.MULTILINE)]


def bench_verilog(core: str, traces: list[dict], events: Sequence[dict] = (), more: str = "",
                  inputs: Sequence[tuple[str, str]] = ()) -> str:
    """A module that instantiates the core and records its trace ports under the folder given by ``+records=``.

    ``record_flush`` empties the files' buffers at a rising clock edge. With ``events`` it has the input
    ``record_events``, and records those too. ``more`` goes into its body, ``inputs`` (range, name) to its ports.
    """
    found = ports(core, "core")
    hidden = ("trace_", PREFIX)
    outer = [(direction, span, name) for direction, span, name in found if not name.startswith(hidden)]
    inner = [(span, name) for _, span, name in found if name.startswith(hidden)]
    outer += [("input", "", "record_events")] if events else []
    outer += [("input", span, name) for span, name in inputs]
    declarations = ",\n".join(f"  {direction} wire {span}{name}" for direction, span, name in outer)
    wires = "\n".join(f"  wire {span}{name};" for span, name in inner)
    connections = ", ".join(f".{name}({name})" for _, _, name in found)
    recorders = [recorder(trace["memory"], trace["bits"]) for trace in traces]
    recorders = "\n".join([*recorders, *([event_verilog(events)] if events else []), *([more] if more else [])])
    return f"""module {TOP}(
{declarations},
  input wire record_flush
);
{wires}
  core core({connections});
  reg [31:0] cycle = 0;
  always @(posedge clk) cycle <= cycle + 1;
  string folder;
  bit recording;
  initial recording = $value$plusargs("records=%s", folder) != 0;
{recorders}
endmodule
"""


def recorder(memory: str, bits: int) -> str:
    """Recording of one memory's writes."""
    padding = -bits % 32
    data = f"{{{padding}'d0, trace_{memory}__data}}" if padding else f"trace_{memory}__data"
    address = f"32'(trace_{memory}__address)"
    return f"""  integer file_{memory} = 0;
  always @(posedge clk) begin
    if (recording && file_{memory} == 0) file_{memory} = $fopen({{folder, "/{memory}.records"}}, "wb");
    if (recording && trace_{memory}__enable) $fwrite(file_{memory}, "%u", {{{data}, {address}, cycle}});
    if (recording && record_flush) $fflush(file_{memory});
  end"""


def read_records(path: Path, bits: int, first: int, count: int) -> np.ndarray:
    """Records ``first`` to ``first + count - 1`` of a memory; fewer where the file ends before."""
    size = record_bytes(bits)
    if not path.exists():
        return np.empty(0, record_type(bits))
    with path.open("rb") as file:
        file.seek(first * size)
        content = file.read(count * size)
    return np.frombuffer(content[:len(content) // size * size], record_type(bits))
