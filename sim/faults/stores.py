"""The memories of a generated core, and a bench top that flips their bits while it runs."""

from __future__ import annotations

import re
from typing import NamedTuple

from golden.spec.registers import Status
from sim.recorder import ports

TOP = "faults"
CHECKED = ("program", "weight", "modulation", "step", "coordinate", "tile")
"""Memories whose words carry check bits: no flip in them may change an image."""
UNCHECKED = ("normalised", "activation", "key_value", "residual", "score", "probability", "pixel", "clean")
"""Memories that a drawing itself fills, without check bits."""
MODULE = re.compile(r"^module \\?(\S+?)\s*\(", re.MULTILINE)
STORE = re.compile(r"^  reg \[(\d+):0\] (store) \[(\d+):0\];", re.MULTILINE)
CHIP = "core.chip"
"""The model of the SDRAM chip that holds the weights, where they are in none of the core's memories."""
MASK_BITS = 256
AGE_BITS = 4
"""Of the cycles that DONE stands, which are counted to the highest number."""


class Store(NamedTuple):
    """An array of words in the Verilog: one of the copies, banks or parts of a memory."""

    memory: str
    path: str       # of the array, from the core on
    depth: int
    bits: int       # of a word as it is kept, check bits among them


def memory_of(path: str) -> str | None:
    """The memory that a module is part of."""
    if re.match(r"core\.array\.grid\.(lane|pair)_\d+\.rows\.store$", path):
        return "tile"
    if path == CHIP:
        return "weight"
    found = re.match(r"core\.(\w+)_memory\b", path)
    return found[1] if found else None


def find_stores(core: str) -> list[Store]:
    """Every array of every memory of a core's Verilog, in the order of the text."""
    starts = list(MODULE.finditer(core))
    found = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        memory = memory_of(start[1])
        body = core[start.end():end.start() if end else len(core)]
        if memory is not None:
            found += [Store(memory, f"{start[1]}.{name}", int(last) + 1, int(high) + 1)
                      for high, name, last in STORE.findall(body)]
    return found


def flip_inputs() -> list[tuple[str, str]]:
    """Range and name of each input of a bench top that flips bits."""
    return [("", "flip"), ("[7:0] ", "flip_store"), ("[15:0] ", "flip_index"), (f"[{MASK_BITS - 1}:0] ", "flip_mask")]


def flip_verilog(core: str) -> str:
    """What turns the bits of ``flip_mask`` in one word at a clock edge with ``flip``.

    ``flip_store`` is the array's place in ``find_stores``.
    """
    flips = "\n".join(
        f"      {place}: {store.path}[flip_index[{max(0, (store.depth - 1).bit_length() - 1)}:0]] <= "
        f"{store.path}[flip_index[{max(0, (store.depth - 1).bit_length() - 1)}:0]] ^ flip_mask[{store.bits - 1}:0];"
        for place, store in enumerate(find_stores(core)))
    return f"""  always @(posedge clk)
    if (flip) case (flip_store)
{flips}
      default: ;
    endcase"""


def bench_verilog(core: str) -> str:
    """A module that holds the core and flips bits in its memories.

    ``retracted`` is high once the core has said DONE and told an error in one of the next cycles.
    """
    found = ports(core, "core")
    inputs = [("input", span, name) for span, name in flip_inputs()]
    declarations = ",\n".join(f"  {direction} wire {span}{name}" for direction, span, name in [*found, *inputs])
    connections = ", ".join(f".{name}({name})" for _, _, name in found)
    return f"""module {TOP}(
{declarations},
  output reg retracted = 0
);
  core core({connections});
  reg [{AGE_BITS - 1}:0] age = 0;
  always @(posedge clk) begin
    age <= !status[{Status.DONE.bit_length() - 1}] ? 0 : &age ? age : age + 1;
    if (age != 0 && !(&age) && status[{Status.ERROR.bit_length() - 1}]) retracted <= 1;
  end
{flip_verilog(core)}
endmodule
"""
