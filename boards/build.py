"""From a board's top to a bitstream: synthesis, fit, place and route, clock, packing. Composition only."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")

from amaranth.back import rtlil
from amaranth.lib import wiring

from boards.board import Board
from boards.constraints import constraints
from boards.flows import FLOWS, Flow, script
from boards.pins import Pin
from boards.synthesis import by_submodule, cells, total
from boards.timing import read_timing, require_clock
from boards.tools import require_tools, run_tool

REPORT = "report.json"


class FitError(RuntimeError):
    """The design needs more than the device has; the message gives both."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A design for a board, and where to build it. ``clock_hz`` is what the routed design must reach."""

    board: Board
    top: wiring.Component
    pins: dict[str, Pin]
    clock_hz: int
    name: str
    config: str
    folder: Path
    seed: int = 1

    @property
    def flow(self) -> Flow:
        return FLOWS[self.board.device.flow]

    @property
    def ports(self) -> dict | None:
        """Ports of a top that has some which go both ways; None: those of its signature."""
        return getattr(self.top, "all_ports", None)

    @property
    def bitstream(self) -> Path:
        """The file that the board's FPGA reads."""
        return self.folder / f"{self.name}.{self.flow.suffix}"


Say = Callable[[str], None]


def build(job: Job, say: Say) -> dict:
    """The report of a finished bitstream, made now or found from the same inputs; leaves both in the job's folder.

    Raises ``FitError``, ``TimingError`` and ``ToolError``; then no bitstream is left.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    place, _ = job.flow.place(job.board.device, job.clock_hz, job.seed)
    pack, _ = job.flow.pack(job.board.device, "")
    versions = require_tools(["yosys", place, pack])
    digest = write_inputs(job, versions)
    report = job.folder / REPORT
    if report.is_file() and job.bitstream.is_file():
        known = json.loads(report.read_text(encoding="utf-8"))
        if known["inputs"] == digest:
            say("the bitstream is up to date")
            return known
    for old in (report, job.bitstream):
        old.unlink(missing_ok=True)
    content = {"board": job.name, "config": job.config, "device": job.board.device.name, "inputs": digest,
               "versions": versions, **stages(job, say)}
    write_whole(report, json.dumps(content, indent=1) + "\n")
    return content


def write_inputs(job: Job, versions: dict[str, str]) -> str:
    """Netlist, script and constraints, and a hash of all that the bitstream depends on."""
    files = {"top.il": rtlil.convert(job.top, name="top", ports=job.ports, emit_src=False), "top.ys": script(job.flow),
             **constraints(job.board, job.pins)}
    for name, text in files.items():
        (job.folder / name).write_text(text, encoding="utf-8")
    arguments = job.flow.place(job.board.device, job.clock_hz, job.seed)
    everything = json.dumps([files, versions, arguments, job.clock_hz], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


def stages(job: Job, say: Say) -> dict:
    """Every tool in turn; what each says, and how long it took."""
    seconds = {}

    def timed(stage: str, tool: str, arguments: list[str]) -> None:
        say(f"{stage} ({tool})")
        begin = time.monotonic()
        run_tool(tool, arguments, job.folder)
        seconds[stage] = round(time.monotonic() - begin)

    timed("synthesis", "yosys", ["-q", "-l", "top.log", "top.ys"])
    modules = cells((job.folder / "top.stat.json").read_text(encoding="utf-8"), job.flow.kinds, job.flow.free)
    needs = job.flow.needs(total(modules))
    require_fit(needs, job)
    timed("place and route", *job.flow.place(job.board.device, job.clock_hz, job.seed))
    below = {name.removeprefix("top.") for name in modules if name != "top"}
    timing = read_timing(job.folder / "top.report.json", below)
    require_clock(timing, job.clock_hz)
    partial = job.bitstream.with_name(f".{job.bitstream.name}.partial")
    timed("packing", *job.flow.pack(job.board.device, partial.name))
    partial.replace(job.bitstream)
    return {"needs": needs, "has": job.board.device.capacity, "clock_mhz": job.clock_hz / 1e6,
            "routed_mhz": round(timing.mhz, 2), "critical_path": [asdict(leg) for leg in timing.path],
            "by_submodule": by_submodule(modules, "top"), "seconds": seconds}


def require_fit(needs: dict[str, int], job: Job) -> None:
    """Raises ``FitError`` where the device is too small."""
    has = job.board.device.capacity
    short = [f"{needs[name]:,} {name} of {has[name]:,}" for name in has if needs[name] > has[name]]
    if short:
        raise FitError(f"{job.config} does not fit the {job.board.title}'s {job.board.device.name}: it needs "
                       f"{' and '.join(short)}; choose a board with a larger device")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
