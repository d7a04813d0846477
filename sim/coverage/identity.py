"""Which Verilog a unit's figures are of, whatever the commit: a digest of the text of its modules.

Numbers that Amaranth and Yosys give, and the places in the source, are left out, so that a digest changes with what the
hardware does and not with lines that were moved.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sim.coverage import lines
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY

IDENTITY = BUILD / "coverage" / "identity.json"
"""Digests of today's hardware, as a test of the regression has left them."""
CONFIG = "configs/small_hybrid.toml"
"""A core of it has every unit but those at its buses and links, of 16-bit lanes, and of a norm in parts."""
OTHERS = {"axi_bridge": CONFIG, "wishbone_bridge": CONFIG, "frame_link": CONFIG, "uart": CONFIG, "dense_16": CONFIG,
          "dense": CONFIG, "norm": "configs/ecp5_25k.toml"}
"""Unit -> configuration."""
MODULE = re.compile(r"^module (\\?\S+?) ?\(.*?^endmodule$", re.MULTILINE | re.DOTALL)
ATTRIBUTE = re.compile(r"\(\*.*?\*\)\s*")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIGITS = 12


def digests(verilog: Path) -> dict[str, set[str]]:
    """Unit -> the texts of its modules in a Verilog file, each as a digest."""
    units = lines.units_of(verilog)
    found: dict[str, set[str]] = {}
    for match in MODULE.finditer(verilog.read_text(encoding="utf-8")):
        unit = units.get(match[1].removeprefix("\\"))
        if unit is not None:
            text = lines.NUMBER.sub("$", COMMENT.sub("", ATTRIBUTE.sub("", match[0].split("(", 1)[1])))
            found.setdefault(unit, set()).add(hashlib.sha256(text.encode()).hexdigest())
    return found


def generate(folder: Path) -> dict[str, str]:
    """Unit -> digest, of Verilog that is generated into a folder; raises ``GenerationError``."""
    found: dict[str, set[str]] = {}
    for name, config in {"core": CONFIG, **OTHERS}.items():
        command = [sys.executable, "-m", "rtl.verilog", "--config", config, "--sources", "--output", str(folder),
                   *(["--unit", name] if name in OTHERS else [])]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GenerationError(f"generating {name} failed:\n{done.stdout}{done.stderr}")
        for unit, texts in digests(folder / f"{name}.v").items():
            found.setdefault(unit, set()).update(texts)
    return {unit: hashlib.sha256("".join(sorted(texts)).encode()).hexdigest()[:DIGITS]
            for unit, texts in sorted(found.items())}


def changed(accepted: Mapping[str, str], today: Mapping[str, str]) -> list[str]:
    """Units that are no longer those of accepted digests, those that are new, and those that are gone."""
    return sorted(unit for unit in {*accepted, *today} if accepted.get(unit) != today.get(unit))


def write(path: Path, today: Mapping[str, str]) -> None:
    """Keep digests, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(today, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def read(path: Path = IDENTITY) -> dict[str, str] | None:
    """Digests that were kept; None where there are none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
