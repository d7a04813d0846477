"""Builds a unit with mutants in it and runs its benches on each."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim import runner
from sim.bench_engine import CONFIG_VARIABLE
from sim.faults.stores import flip_inputs, flip_verilog
from sim.mutation.board_round import BOARD_BENCH, board_bench, board_round
from sim.mutation.core_rounds import Round, core_rounds
from sim.mutation.job import ENDS_FILE, JOB_VARIABLE, End, HostJob, results_file
from sim.mutation.targets import BOARD, CORE, Target
from sim.recorder import TOP, bench_verilog
from sim.units import DESCRIPTION_VARIABLE, GenerationError, config_file
from sim.verilator import BUILD, REPOSITORY

HOST = "sim.mutation.host"
PATIENCE = 3 * 3600
"""Seconds of real time for all mutants of a unit; each has a limit of its own processor time."""
LONGEST_MESSAGE = 160
BENCH, HANG, CRASH = "bench", "hang", "crash"
RESULT_FILE, GENERATED_FILE = "result.json", "generated.stamp"


class BenchError(RuntimeError):
    """The benches fail on the unit as it is, so they say nothing about mutants."""


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant; ``how`` is empty for a survivor."""

    key: str
    path: str
    operator: str
    source: str
    how: str
    message: str
    seconds: float

    @property
    def killed(self) -> bool:
        return bool(self.how)


@dataclass(frozen=True)
class Outcome:
    """All mutants of a target that were tried, of so many that there are."""

    target: str
    unit: str
    candidates: int
    seconds: float      # of processor time that the benches take on the unit as it is
    verdicts: tuple[Verdict, ...]


def generate(target: Target, count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Verilog of a unit with mutants, unless it is there, and its description; raises ``GenerationError``."""
    config = config_file(target.config)
    command = [sys.executable, "-m", "rtl.mutants", "--unit", target.unit, "--config", str(config),
               "--output", str(folder), "--count", str(count), "--seed", str(seed)]
    stamp, file = hardware_stamp(target, command), folder / GENERATED_FILE
    if not file.is_file() or file.read_text(encoding="utf-8") != stamp:
        file.unlink(missing_ok=True)
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GenerationError((done.stderr or done.stdout).strip())
        file.write_text(stamp, encoding="utf-8")
    return json.loads((folder / f"{target.unit}.json").read_text(encoding="utf-8"))


def hardware_stamp(target: Target, command: Sequence[str]) -> str:
    """Everything that the Verilog hangs on: the command, the configuration and the generator's sources."""
    state = hashlib.sha256(repr(command[1:]).encode())
    for file in [config_file(target.config), *sources_in("rtl"), *sources_in("golden/spec")]:
        state.update(file.read_bytes())
    return state.hexdigest()


def sources_in(room: str) -> list[Path]:
    """Python files of a folder."""
    return sorted((REPOSITORY / room).rglob("*.py"))


def build(target: Target, description: dict[str, Any], folder: Path) -> str:
    """The simulator; returns its top level. Raises ``SimulationError``."""
    sources = [folder / f"{target.unit}.v"]
    top = TOP if target.unit == CORE else target.unit
    if target.unit == BOARD:
        bench = folder / BOARD_BENCH.name
        bench.write_text(board_bench(sources[0].read_text(encoding="utf-8")), encoding="utf-8")
        sources.append(bench)
    if target.unit == CORE:
        core, bench = sources[0].read_text(encoding="utf-8"), folder / f"{TOP}.sv"
        bench.write_text(bench_verilog(core, description["trace"], description["events"], flip_verilog(core),
                                       flip_inputs()), encoding="utf-8")
        sources.append(bench)
    with runner.without_waves():
        runner.build(sources, top, folder, quick=target.quick)
    return top


def rounds_of(target: Target, folder: Path, seed: int) -> Iterator[Round]:
    """Simulations that a mutant must live through."""
    if target.unit == CORE:
        yield from core_rounds(target, config_file(target.config), folder, seed)
    elif target.unit == BOARD:
        yield board_round(target, config_file(target.config), folder, seed)
    else:
        yield Round(target.benches, seed)


def simulate(target: Target, top: str, folder: Path, selects: Iterable[int], one: Round) -> list[End]:
    """Run a round's benches with each value of ``mutant``; returns how each ended."""
    HostJob(tuple(selects), one.benches).write(folder)
    variables = {CONFIG_VARIABLE: target.config, DESCRIPTION_VARIABLE: str(folder / f"{target.unit}.json"),
                 JOB_VARIABLE: str(folder), "COCOTB_MAX_FAILURES": "1", **one.variables}
    with runner.without_waves():
        runner.run(HOST, top, folder, env=variables, seed=one.seed, timeout=PATIENCE, plusargs=one.plusargs)
    return [End(**json.loads(line)) for line in (folder / ENDS_FILE).read_text(encoding="utf-8").splitlines()]


def try_round(target: Target, top: str, folder: Path, mutants: Sequence[dict[str, Any]],
              one: Round) -> tuple[float, list[Verdict]]:
    """Seconds that a round takes without a mutant, and the verdict on each; raises ``BenchError``."""
    first, *ends = simulate(target, top, folder, [0, *(mutant["select"] for mutant in mutants)], one)
    failures = runner.failures_of(results_file(folder, 0))
    if first.status or failures:
        raise BenchError(f"{target.name}: the benches fail on the unit as it is: "
                         f"{failures[0] if failures else f'status {first.status}'}; see {folder / 'mutant-0.log'}")
    return first.seconds, [verdict(mutant, end, folder) for mutant, end in zip(mutants, ends, strict=True)]


def verdict(mutant: dict[str, Any], end: End, folder: Path) -> Verdict:
    """A mutant is killed by a bench that fails, by the limit of time, or by the simulation's own end."""
    failures = [] if end.limited else runner.failures_of(results_file(folder, end.select))
    how = HANG if end.limited else CRASH if end.status else BENCH if failures else ""
    message = failures[0][:LONGEST_MESSAGE] if failures else ""
    return Verdict(mutant["key"], mutant["path"], mutant["operator"], mutant["source"], how, message,
                   round(end.seconds, 2))


def try_target(target: Target, count: int, seed: int, root: Path = BUILD / "mutation") -> Outcome:
    """Try ``count`` mutants of a target, times its weight, or read what came of it before.

    The seed chooses mutants and stimuli.

    Raises ``BenchError``, ``GenerationError`` or ``runner.SimulationError``.
    """
    folder = root / target.name
    folder.mkdir(parents=True, exist_ok=True)
    description = generate(target, count * target.weight, seed, folder)
    stamp = stamp_of(target, folder, seed)
    known = read_outcome(folder, stamp)
    if known is not None:
        return known
    top = build(target, description, folder)
    mutants = description["mutants"]
    seconds, verdicts = 0.0, {}
    for one in rounds_of(target, folder, seed):
        living = [mutant for mutant in mutants if mutant["key"] not in verdicts or not verdicts[mutant["key"]].killed]
        taken, found = try_round(target, top, folder, living, one)
        seconds += taken
        verdicts |= {verdict.key: verdict for verdict in found}
    outcome = Outcome(target.name, target.unit, description["candidates"], round(seconds, 2),
                      tuple(verdicts[mutant["key"]] for mutant in mutants))
    write_outcome(outcome, folder, stamp)
    return outcome


def stamp_of(target: Target, folder: Path, seed: int) -> str:
    """Everything that the outcome hangs on: the hardware, and the benches with all that they import."""
    state = hashlib.sha256(repr((target, seed)).encode())
    modules = (*target.benches, *([core_rounds.__module__] if target.unit == CORE else []))
    for file in [folder / f"{target.unit}.v", config_file(target.config), *sources_of(modules)]:
        state.update(file.read_bytes())
    return state.hexdigest()


def sources_of(modules: Iterable[str]) -> list[Path]:
    """Files of modules of this repository, and of those that they import."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        file = REPOSITORY / f"{waiting.pop().partition(':')[0].replace('.', '/')}.py"
        if file.is_file() and file not in found:
            found.add(file)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return sorted(found)


def write_outcome(outcome: Outcome, folder: Path, stamp: str) -> None:
    """Keep an outcome, whole or not at all."""
    partial = folder / f"{RESULT_FILE}.partial"
    partial.write_text(json.dumps({"stamp": stamp, **asdict(outcome)}, indent=1), encoding="utf-8")
    partial.replace(folder / RESULT_FILE)


def read_outcome(folder: Path, stamp: str) -> Outcome | None:
    """The outcome that is there, if it is of the same hardware, benches and seed."""
    path = folder / RESULT_FILE
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found.pop("stamp", "") != stamp:
        return None
    return Outcome(**{**found, "verdicts": tuple(Verdict(**entry) for entry in found["verdicts"])})
