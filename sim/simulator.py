"""cocotb's Verilator runner, with our flags, our Verilator and a limit on real time."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from cocotb_tools.runner import Verilator

from sim.verilator import REPOSITORY, compiler, verilator_root

VERILATOR_FLAGS = ("-Wno-fatal", "-O3", "--x-assign", "fast", "--x-initial", "fast")
# Not -CFLAGS -O3, which compiles much longer and runs no faster.
MAKE_VARIABLES = ("OPT_FAST=-O2", "OPT_GLOBAL=-O2")
QUICK_VARIABLES = ("OPT_FAST=-O0", "OPT_GLOBAL=-O2")
"""For a design that is far more work to compile than to run, as cells are."""


class Dumping(NamedTuple):
    """How the Verilog itself writes waves: format (fst or vcd), C++ that does it, and Verilator's control lines."""

    format: str
    helper: Path
    control: tuple[str, ...]


class CommandError(RuntimeError):
    """A command of the simulator failed or ran out of time."""


class TunedVerilator(Verilator):
    """The runner of cocotb, refined where it is slow or waits for ever.

    Args:
        timeout: seconds of real time for one command, or None.
        variables: environment variables for the commands; they replace inherited ones, where cocotb's own
            ``extra_env`` would yield to them.
        dumping: how the Verilog itself writes waves, if it does; the runner's own are then off.
        quick: compile quickly to what runs slowly.
    """

    def __init__(self, timeout: float | None = None, variables: Mapping[str, str] | None = None,
                 dumping: Dumping | None = None, quick: bool = False) -> None:
        super().__init__()
        self._make_variables = QUICK_VARIABLES if quick else MAKE_VARIABLES
        self._timeout = timeout
        self.dumping = dumping
        self._variables = dict(variables or {})
        self.log.setLevel(logging.WARNING)

    def _simulator_in_path_build_only(self) -> None:
        # The binary itself: the wrapper beside it needs Perl.
        self.executable = str(verilator_root() / "bin" / "verilator_bin")

    def _set_env_common(self) -> None:
        super()._set_env_common()
        self.env["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])
        self.env["VERILATOR_ROOT"] = str(verilator_root())
        # A make that started us would otherwise hand its job server and flags to Verilator's make.
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
            self.env.pop(name, None)
        self.env.update(self._variables)

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate = [word for word in verilate if word != "--public-flat-rw"]
        if self.dumping:
            verilate = [f"--trace-{self.dumping.format}" if word == "--trace" else word for word in verilate]
            verilate.append(str(self.dumping.helper))
        make = [*make, *self._make_variables, f"CXX={compiler()}", f"LINK={compiler()}", f"PYTHON3={sys.executable}"]
        if shutil.which("ccache"):
            make.append("OBJCACHE=ccache")
        return [verilate, make]

    def _execute_cmds(self, cmds: Sequence[list[str]], cwd: object, stdout: TextIO | None = None) -> None:
        if len(cmds) == 1:  # a run
            self._execute_one(cmds[0], cwd, stdout)
            return
        verilate, make = cmds
        self._execute_one(verilate, cwd, stdout)
        shelf = library_shelf(self.build_dir, self._make_variables)
        take_library(shelf, self.build_dir)
        self._execute_one(make, cwd, stdout)
        keep_library(self.build_dir, shelf)

    def _execute_one(self, command: list[str], cwd: object, stdout: TextIO | None) -> None:
        stderr = None if stdout is None else subprocess.STDOUT
        # A session of its own, so that the time limit ends the command's children too.
        process = subprocess.Popen(command, cwd=str(cwd), env=self.env, stdout=stdout, stderr=stderr,
                                   start_new_session=True)
        try:
            status = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            raise CommandError(f"no end within {self._timeout:g} s of real time") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status:
            raise CommandError(f"{Path(command[0]).name} ended with status {status}")


def library_shelf(objects: Path, make_variables: Sequence[str] = MAKE_VARIABLES) -> Path:
    """Where the compiled run-time library for the design in ``objects`` is kept.

    The library is the same for every design that has the same switches, and takes longer to compile than most
    units do.
    """
    text = (objects / "Vtop_classes.mk").read_text()
    switches = re.findall(r"^VM_\w+ = \d+$", text, flags=re.MULTILINE)
    words = [*switches, *make_variables, compiler()]
    return verilator_root() / "objects" / hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def take_library(shelf: Path, objects: Path) -> None:
    """Put the kept objects where make looks for them; as new files, or make would compile them again."""
    for kept in sorted(shelf.glob("verilated*")):
        shutil.copyfile(kept, objects / kept.name)


def keep_library(objects: Path, shelf: Path) -> None:
    """Keep the objects that were compiled; another process may do the same at the same time."""
    shelf.mkdir(parents=True, exist_ok=True)
    for made in sorted([*objects.glob("verilated*.o"), *objects.glob("verilated*.d")]):
        if not (shelf / made.name).is_file():
            partial = shelf / f".{made.name}.{os.getpid()}"
            shutil.copyfile(made, partial)
            partial.replace(shelf / made.name)
