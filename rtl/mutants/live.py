"""Which signals of a unit anything hangs on: a mutant of another is none, as synthesis removes what it changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from amaranth.hdl import ClockSignal, Fragment, ResetSignal, Signal, Value
from amaranth.hdl._ast import Assign, SignalSet, Statement, Switch
from amaranth.hdl._mem import MemoryInstance


def live_signals(top: Fragment, ports: Iterable[Value]) -> set[int]:
    """Ids of all signals that a port, a memory or an instance depends on, in any number of cycles."""
    drivers: dict[int, list[SignalSet]] = defaultdict(list)
    waiting = [signal for port in ports for signal in port._rhs_signals()]
    for fragment in _fragments(top):
        waiting += _outside(fragment)
        for statements in fragment.statements.values():
            for statement in statements:
                _collect(statement, SignalSet(), drivers)
    live: set[int] = set()
    while waiting:
        signal = waiting.pop()
        if id(signal) not in live:
            live.add(id(signal))
            waiting += [source for sources in drivers[id(signal)] for source in sources]
    return live


def _fragments(top: Fragment) -> Iterator[Fragment]:
    yield top
    for below, _, _ in top.subfragments:
        yield from _fragments(below)


def _outside(fragment: Fragment) -> list[Signal]:
    """What a memory or an instance reads."""
    values: list[Value] = []
    if isinstance(fragment, MemoryInstance):
        for port in (*fragment._read_ports, *fragment._write_ports):
            values += [port._addr, port._en, port._data]
    elif hasattr(fragment, "ports"):
        values = [value for value, _ in fragment.ports.values()
                  if isinstance(value, Value) and not isinstance(value, (ClockSignal, ResetSignal))]
    return [signal for value in values for signal in value._rhs_signals()]


def _collect(statement: Statement, tests: SignalSet, drivers: dict[int, list[SignalSet]]) -> None:
    """Note what each assigned signal depends on, conditions around it included."""
    if isinstance(statement, Assign) and isinstance(statement.rhs, ClockSignal):
        return      # a clock from another
    if isinstance(statement, Assign):
        sources = statement.rhs._rhs_signals() | statement.lhs._rhs_signals() | tests
        for signal in statement.lhs._lhs_signals():
            drivers[id(signal)].append(sources)
    elif isinstance(statement, Switch):
        inside = tests | statement.test._rhs_signals()
        for _, body, _ in statement.cases:
            for below in body:
                _collect(below, inside, drivers)
