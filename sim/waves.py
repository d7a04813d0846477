"""Waves of a part of a drawing: which cycles, in which format, and the files that they are looked at with."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from golden.spec.validation import ConfigError
from sim.simulator import Dumping
from sim.verilator import compiler
from sim.wave_view import write_views

FST, VCD = "fst", "vcd"
FOLDER = "waves"
HELPER = Path(__file__).with_suffix(".cpp")
USUAL_CYCLES = 20_000
MOST_CYCLES = 1 << 32
PROBE = "#include <lz4.h>\n#include <zlib.h>\nint main() { return LZ4_compressBound(1) + compressBound(1) == 0; }\n"


@dataclass(frozen=True)
class Window:
    """Cycles that are recorded, as the core's own counter counts them: the timeline has the same."""

    first: int = 0
    cycles: int = USUAL_CYCLES

    def __post_init__(self) -> None:
        if not 0 <= self.first < MOST_CYCLES:
            raise ConfigError(f"waves from cycle {self.first}; expected a cycle from 0 to {MOST_CYCLES - 1}")
        if not 1 <= self.cycles <= MOST_CYCLES - self.first:
            raise ConfigError(f"waves of {self.cycles} cycles; expected 1 or more, and an end before 2^32")

    @property
    def last(self) -> int:
        """The last of them."""
        return self.first + self.cycles - 1

    def arguments(self, folder: Path, kind: str) -> list[str]:
        """What the bench top is told."""
        return [f"+waves={folder / f'{FOLDER}.{kind}'}", f"+waves_first={self.first}", f"+waves_last={self.last}"]


@cache
def written_format() -> str:
    """FST where the C++ compiler finds what Verilator needs for it, else VCD."""
    with tempfile.TemporaryDirectory() as folder:
        command = [compiler(), "-x", "c++", "-", "-o", str(Path(folder) / "probe"), "-llz4", "-lz"]
        return FST if not subprocess.run(command, input=PROBE, capture_output=True, text=True,
                                         check=False).returncode else VCD


def dumping(control: list[str]) -> Dumping:
    """How a simulator is built that writes waves of its own."""
    return Dumping(written_format(), HELPER, tuple(control))


def collect(window: Window, records: Path, folder: Path, description: dict) -> str | None:
    """Put the waves with their view files into ``folder / FOLDER``; returns the waves' path in ``folder``.

    None where the drawing ended before the window began.
    """
    found = records / f"{FOLDER}.{written_format()}"
    if not found.exists():
        print(f"waves: none, as the drawing ended before cycle {window.first}", flush=True)
        return None
    target = folder / FOLDER
    target.mkdir()
    waves = target / found.name
    found.replace(waves)
    named = waves.suffix == f".{FST}"
    if not named:
        waves = smaller(waves)
    write_views(target, waves.name, window.first, window.cycles, description, named)
    return f"{FOLDER}/{waves.name}"


def smaller(waves: Path) -> Path:
    """The same waves as FST, if GTKWave's converter is there; else a sentence, and what there was."""
    if shutil.which("vcd2fst"):
        converted = waves.with_suffix(f".{FST}")
        if not subprocess.run(["vcd2fst", waves, converted], capture_output=True, check=False).returncode:
            waves.unlink()
            return converted
        converted.unlink(missing_ok=True)
    print("waves: the file is VCD, which is large; for FST install the headers of lz4 and zlib "
          "(Debian: liblz4-dev and zlib1g-dev) or GTKWave's vcd2fst", flush=True)
    return waves
