"""Builds a design with Verilator and runs cocotb benches on it, from pytest or from a command line.

cocotb's own runner makes every signal public, which costs half the speed; leaves the compiler unoptimised; and
raises nothing outside pytest when a test fails. This one makes only the top level's ports public, optimises, skips
a build when nothing changed, ends a hang, and raises on every failure with the command that replays it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sim import seed as seeds
from sim.coverage import lines
from sim.simulator import MAKE_VARIABLES, VERILATOR_FLAGS, CommandError, Dumping, TunedVerilator
from sim.verilator import compiler, verilator_root
from sim.verilog_ports import top_level_ports

TIMESCALE = ("1ns", "1ps")
TAIL_LINES = 40
MESSAGE_LENGTH = 300


class SimulationError(RuntimeError):
    """A build or a bench failed; the message says where the log is and how to replay it."""


def waves_wanted(waves: bool = False) -> bool:
    """Whether to record waves: asked for by the caller, or by ``WAVES=1``."""
    return waves or os.environ.get("WAVES", "").strip().lower() in ("1", "yes", "on", "true")


@contextlib.contextmanager
def without_waves() -> Iterator[None]:
    """Within, ``WAVES`` in the environment counts for nothing."""
    before = os.environ.pop("WAVES", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["WAVES"] = before


def object_directory(build_dir: Path, waves: bool) -> Path:
    """Where the simulator's binary lies: one with waves beside one without, as waves cost speed."""
    return Path(build_dir).resolve() / ("simulator-waves" if waves else "simulator")


def build_flags(build_dir: Path, assertions: bool) -> list[str]:
    """Verilator's flags for a design: a folder for it says whether its lines are counted."""
    return [*VERILATOR_FLAGS, *([] if assertions else ["--noassert"]), *lines.flags(build_dir)]


def build(sources: Sequence[Path], top: str, build_dir: Path, waves: bool = False,
          parameters: Mapping[str, object] | None = None, assertions: bool = False,
          dumping: Dumping | None = None, quick: bool = False) -> Path:
    """Build the simulator of ``top``; nothing happens when sources and flags are those of the last build.

    Args:
        sources: Verilog files.
        top: name of the top-level module; its ports, and only these, are visible to benches.
        build_dir: folder for this design.
        waves: build with the recording of waves; ``WAVES=1`` asks for it too.
        parameters: Verilog parameters of the top level.
        assertions: keep the Verilog's assertions, which cost speed.
        dumping: how the Verilog itself writes waves, if it does; ``waves`` then counts for nothing.
        quick: compile quickly to what runs slowly, for cells after synthesis.

    Returns:
        The binary.

    Raises:
        SimulationError: Verilator or the C++ compiler failed.
    """
    waves = waves_wanted(waves) and dumping is None
    files = [Path(source).resolve() for source in sources]
    flags, quick = build_flags(build_dir, assertions), quick or lines.is_counted(build_dir)
    objects = object_directory(build_dir, waves)
    objects.mkdir(parents=True, exist_ok=True)
    binary = objects / top
    stamp = objects / "halftone.stamp"
    extra = [dumping.format, dumping.helper.read_text(), *dumping.control] if dumping else []
    digest = _digest(files, top, [*flags, f"waves={waves}", *["quick"] * quick, *_parameter_texts(parameters), *extra])
    with _locked(objects / "lock"):
        if binary.is_file() and stamp.is_file() and stamp.read_text() == digest:
            return binary
        stamp.unlink(missing_ok=True)
        runner = TunedVerilator(dumping=dumping, quick=quick)
        _compile(files, top, objects, waves, dict(parameters or {}), flags, runner)
        stamp.write_text(digest)
    return binary


def _parameter_texts(parameters: Mapping[str, object] | None) -> list[str]:
    return [f"{name}={value}" for name, value in sorted((parameters or {}).items())]


def _digest(files: Sequence[Path], top: str, words: Sequence[str]) -> str:
    """Everything that the binary depends on, in one number."""
    state = hashlib.sha256()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("verilator", "cocotb")]
    for word in [top, *words, *MAKE_VARIABLES, *versions, compiler(), sys.prefix, str(verilator_root())]:
        state.update(word.encode() + b"\0")
    for file in files:
        state.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return state.hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time build in a folder."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _compile(files: Sequence[Path], top: str, objects: Path, waves: bool, parameters: Mapping[str, object],
             flags: Sequence[str], runner: TunedVerilator) -> None:
    dumping = runner.dumping
    control = objects / "public.vlt"
    control.write_text("\n".join([_control_file(files, top), *(dumping.control if dumping else ()), ""]))
    log = objects / "build.log"
    try:
        runner.build(sources=[control, *files], hdl_toplevel=top, build_dir=objects, parameters=parameters,
                     build_args=list(flags), timescale=TIMESCALE, waves=waves or dumping is not None, log_file=log)
    except CommandError as error:
        raise SimulationError(f"building {top} failed: {error}\n{_tail(log)}\nlog: {log}") from None


def _control_file(files: Sequence[Path], top: str) -> str:
    text = "\n".join(file.read_text() for file in files)
    lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in top_level_ports(text, top)]
    return "\n".join(["`verilator_config", *lines, ""])


def run(test_module: str, top: str, build_dir: Path, *, env: Mapping[str, str] | None = None,
        plusargs: Sequence[str] = (), seed: int | None = None, waves: bool = False, testcase: str | None = None,
        timeout: float = 600.0, quiet: bool = True, name: str | None = None) -> Path:
    """Run the benches of one Python module on a built design.

    Args:
        test_module: name of the module, importable from the repository or ``sys.path``.
        top: the top-level module, built into ``build_dir`` before.
        env: more environment variables for the benches.
        plusargs: arguments for the simulator, ``+name=value``.
        seed: the seed; without it ``HALFTONE_SEED`` or a fresh one.
        waves: record waves; ``WAVES=1`` asks for it too. The design must have been built so.
        testcase: run only the benches of this name.
        timeout: seconds of real time, after which the simulator is ended.
        quiet: keep the output in a log, shown only on failure; otherwise it goes to the terminal.
        name: folder for log, results and waves; the module's name without it.

    Returns:
        The folder with ``results.xml``, the log and the waves.

    Raises:
        SimulationError: a bench failed, none ran, the time was over, or there is no such build.
    """
    waves = waves_wanted(waves)
    seed = seeds.announce(seed) if seed is not None else seeds.seed()
    objects = object_directory(build_dir, waves)
    if not (objects / top).is_file():
        raise SimulationError(f"{top} was not built {'with' if waves else 'without'} waves in {build_dir}")
    folder = Path(build_dir).resolve() / "runs" / (name or "-".join(filter(None, [test_module, testcase])))
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "run.log" if quiet else None
    wave_file = folder / f"{top}.vcd"
    variables = {**(env or {}), seeds.VARIABLE: str(seed)}
    options = {"test_module": test_module, "testcase": testcase, "hdl_toplevel": top, "hdl_toplevel_lang": "verilog",
               "build_dir": objects, "test_dir": folder, "results_xml": str(folder / "results.xml"), "seed": seed,
               "waves": waves, "plusargs": list(plusargs), "log_file": log,
               "test_args": ["--trace-file", str(wave_file)] if waves else []}
    problem = _simulate(TunedVerilator(timeout=timeout, variables=variables), options)
    if waves and wave_file.is_file():
        print(f"waves: {wave_file}", flush=True)
    failures = failures_of(folder / "results.xml")
    if problem or failures:
        raise SimulationError(_explain(test_module, problem, failures, seed, log))
    if lines.is_counted(build_dir):
        lines.keep(folder)
    return folder


def _simulate(runner: TunedVerilator, options: Mapping[str, Any]) -> str | None:
    """Run the simulator; what it died of, or None."""
    try:
        runner.test(**options)
    except CommandError as error:
        return str(error)
    except SystemExit as error:  # under pytest, cocotb's runner exits where it should raise
        return f"the simulator ended with status {error.code}"
    return None


def failures_of(results: Path) -> list[str]:
    """What went wrong according to the results file; empty when at least one bench ran and all passed."""
    if not results.is_file():
        return ["no results were written"]
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    ran = [case for case in cases if case.find("skipped") is None]
    if not ran:
        return ["no bench ran"]
    failed = []
    for case in ran:
        for kind in ("failure", "error"):
            entry = case.find(kind)
            if entry is not None:
                message = (entry.get("message") or kind).splitlines()[0][:MESSAGE_LENGTH]
                failed.append(f"{case.get('name')}: {message}")
    return failed


def _explain(test_module: str, problem: str | None, failures: Sequence[str], seed: int, log: Path | None) -> str:
    lines = [f"{test_module} failed"]
    lines += [problem] if problem else []
    lines += [f"  {failure}" for failure in failures]
    lines += [_tail(log), f"log: {log}"] if log else []
    lines.append(f"replay: {replay_command(seed)}")
    return "\n".join(lines)


def replay_command(seed: int) -> str:
    """The command that runs what this process is running again, with the same seed."""
    python = os.path.relpath(sys.executable) if sys.prefix in sys.executable else sys.executable
    current = os.environ.get("PYTEST_CURRENT_TEST", "")
    if current:
        words = [python, "-m", "pytest", current.rsplit(" ", maxsplit=1)[0]]
    else:
        words = [python, *sys.orig_argv[1:]]
    return f"{seeds.VARIABLE}={seed} {shlex.join(words)}"


def _tail(log: Path | None) -> str:
    if log is None or not log.is_file():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
