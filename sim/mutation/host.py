"""Tries one mutant after another in copies of one simulation: a module of benches that cocotb loads.

When it is imported, design and benches are loaded and no time has passed yet. The process then forks for every mutant.
The copy sets the input ``mutant``, offers the benches of the unit instead of its own, and lives as any simulation
does; the original waits for it. So neither Python, nor packages, nor the design are started anew for each mutant.

A copy may take LIMIT_FACTOR times the processor time of the unmutated unit, and LIMIT_SECONDS more.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import cocotb
from cocotb import _shutdown as shutdown
from cocotb.handle import Immediate
from cocotb.regression import Test, TestGenerator

from sim.mutation.job import ENDS_FILE, JOB_FILE, JOB_VARIABLE, End, HostJob, results_file

LIMIT_FACTOR, LIMIT_SECONDS = 4, 2


def _become(select: int, folder: Path, limit: float | None) -> None:
    """Turn this copy into the simulation of one mutant."""
    log = os.open(folder / f"mutant-{select}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["COCOTB_RESULTS_FILE"] = str(results_file(folder, select))
    if limit is not None:
        seconds = int(limit) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    cocotb.top.mutant.set(Immediate(select))
    shutdown.register(_leave)


def _leave() -> None:
    """End a copy once its results are written: the simulator's own end would wait for threads that no fork copies."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end(select: int, child: int) -> End:
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return End(select, code, usage.ru_utime + usage.ru_stime, code == -signal.SIGXCPU)


def _try_all(folder: Path, job: HostJob) -> bool:
    """Fork for every mutant; returns in each copy with True, and in the original with False when all have ended."""
    limit = None
    sys.stdout.flush()
    sys.stderr.flush()
    with (folder / ENDS_FILE).open("w", encoding="utf-8") as ends:
        for select in job.selects:
            results_file(folder, select).unlink(missing_ok=True)
            child = os.fork()
            if not child:
                _become(select, folder, limit)
                return True
            end = _end(select, child)
            if limit is None:
                limit = LIMIT_FACTOR * end.seconds + LIMIT_SECONDS
            ends.write(json.dumps(asdict(end)) + "\n")
            ends.flush()
    return False


def _benches(names: tuple[str, ...]) -> dict[str, object]:
    """The benches of modules, or one of a module's, by names that are not the same."""
    found = {}
    for name in names:
        module, _, chosen = name.partition(":")
        found |= {f"{module}.{key}": value for key, value in vars(import_module(module)).items()
                  if isinstance(value, (Test, TestGenerator)) and chosen in ("", key)}
    return found


_FOLDER = Path(os.environ[JOB_VARIABLE])
_JOB = HostJob(**json.loads((_FOLDER / JOB_FILE).read_text(encoding="utf-8")))
_LOADED = _benches(_JOB.benches)
if _try_all(_FOLDER, _JOB):
    globals().update(_LOADED)
else:
    @cocotb.test()
    async def every_mutant_has_ended(dut) -> None:
        """All that the original has to say."""
        ends = (_FOLDER / ENDS_FILE).read_text(encoding="utf-8").splitlines()
        assert len(ends) == len(_JOB.selects)
