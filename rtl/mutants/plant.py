"""Walks an elaborated unit, lists what could be wrong in it, and plants chosen mutants behind a select signal.

Statements and memories of ``rtl/bench`` are left out, as they are no part of the unit. A value that the source uses in
several places is one wire of the hardware, and mutated in all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from amaranth.hdl import Const, Fragment, Signal, Value
from amaranth.hdl._ast import Assign, Concat, Operator, Part, Slice, Statement, Switch, SwitchValue, _StatementList
from amaranth.hdl._mem import MemoryInstance

from rtl.mutants.expressions import Variant, constant, fit, stuck, variants, with_bit
from rtl.mutants.tables import table_variants, with_tables
from rtl.mutants.text import target, text

REPOSITORY = Path(__file__).resolve().parents[2]
OUTSIDE = "rtl/bench/"
TESTED = "unit"
"""Name of what a bench top is there for, where that is a memory."""
HANDSHAKES = ("ready", "valid", "enable", "en", "take", "give", "busy", "available", "waiting", "clear", "stop")
MEMORIES = ("Ram", "LineRam", "TwinRam", "PartRam", "StepRam")
REDUCTIONS = ("b", "r|", "r&", "r^")


@dataclass(frozen=True)
class Mutant:
    """One fault. ``path``, ``target``, ``operator`` and ``change`` name it; lines of the source may move."""

    path: str      # submodules from the top on
    target: str    # what is driven wrongly
    operator: str
    change: str
    source: str    # file and line

    @property
    def key(self) -> str:
        """The name that a list of survivors uses."""
        return f"{self.path}: {self.target}: {self.operator}: {self.change}"

    def entry(self, select: int) -> dict:
        """For JSON."""
        return {"select": select, **asdict(self), "key": self.key}


class Walk:
    """One walk over a unit. Without a plan it lists; with one it plants, and counts places in the same order.

    Args:
        select: the signal that chooses a mutant; 0 is the unit as it should be.
        live: ids of the signals whose statements count (``live.live_signals``).
        plan: number of a mutant in the order of the walk -> value of ``select`` that wakes it.
    """

    def __init__(self, select: Signal, live: Container[int], plan: Mapping[int, int] | None = None) -> None:
        self.select = select
        self.live = live
        self.plan = plan or {}
        self.found: list[Mutant] = []
        self._seen: Counter[str] = Counter()
        self._done: dict[int, Value] = {}
        self._path, self._target, self._source, self._home = "", "", "", "?"
        self._settled: list[Signal] | None = None    # driven so far, in the combinational domain

    def unit(self, fragment: Fragment, path: str = "top") -> Fragment:
        """Walk a fragment and all below it; returns it with the planned mutants in."""
        if isinstance(fragment, MemoryInstance):
            return self._memory(fragment, path)
        self._done = {}
        self._home = source_of(fragment.src_loc)
        for domain in list(fragment.statements):
            self._path = path
            self._settled = [] if domain == "comb" else None
            fragment.statements[domain] = self._statements(fragment.statements[domain])
        for index, (below, name, source) in enumerate(fragment.subfragments):
            if name != TESTED and _is_surroundings(below, source):
                continue
            fragment.subfragments[index] = (self.unit(below, f"{path}.{name or index}"), name, source)
        return fragment

    def _offer(self, variant: Variant) -> int | None:
        """Take a mutant into the list; returns the value of ``select`` if it is to be planted."""
        number = len(self.found)
        mutant = Mutant(self._path, self._target, variant.operator, variant.change, self._source)
        self._seen[mutant.key] += 1
        if self._seen[mutant.key] > 1:
            mutant = Mutant(self._path, self._target, variant.operator,
                            f"{variant.change} (#{self._seen[mutant.key]})", self._source)
        self.found.append(mutant)
        return self.plan.get(number)

    def _planted(self, value: Value, offered: Iterable[Variant], around: Value) -> Value:
        """``around`` (``value`` with what is planted below it) or, where ``select`` says so, a variant."""
        for variant in offered:
            chosen = self._offer(variant)
            if chosen is not None:
                mutated = fit(variant.make(), value.shape())
                around = SwitchValue(self.select, [(chosen, mutated), (None, around)])
        return around

    def _value(self, value: Value, reduced: bool = False) -> Value:
        """Walk a value. The order of the parts of one that is ``reduced`` to a bit means nothing."""
        if id(value) not in self._done:
            offered = () if reduced and isinstance(value, Concat) else variants(value)
            self._done[id(value)] = self._planted(value, offered, self._inside(value))
        return self._done[id(value)]

    def _inside(self, value: Value) -> Value:
        """The value with its operands walked; the same object where nothing is planted in them."""
        operands = list(_operands(value))
        reduced = isinstance(value, Operator) and value.operator in REDUCTIONS
        walked = [self._value(operand, reduced) for operand in operands]
        if all(one is other for one, other in zip(operands, walked, strict=True)):
            return value
        if isinstance(value, Operator):
            return Operator(value.operator, walked)
        if isinstance(value, Slice):
            return Slice(walked[0], value.start, value.stop)
        if isinstance(value, Part):
            return Part(*walked, value.width, value.stride)
        if isinstance(value, Concat):
            return Concat(walked)
        return SwitchValue(walked[0], [(patterns, case) for (patterns, _), case
                                       in zip(value.cases, walked[1:], strict=True)])

    def _statements(self, statements: Iterable[Statement]) -> _StatementList:
        return _StatementList([self._statement(statement) for statement in statements])

    def _statement(self, statement: Statement) -> Statement:
        if isinstance(statement, Assign):
            self._source = source_of(statement.src_loc, self._home)
            return self._assignment(statement) if self._counts(statement) else statement
        if isinstance(statement, Switch):
            return self._branches(statement)
        return statement

    def _counts(self, statement: Statement) -> bool:
        """Whether it belongs to the product, and something hangs on what it drives."""
        return not self._source.startswith(OUTSIDE) and any(
            id(signal) in self.live for signal in statement._lhs_signals())

    def _assignment(self, statement: Assign) -> Statement:
        lhs, rhs = statement.lhs, statement.rhs
        self._target = target(lhs)
        if isinstance(rhs, Const):
            value, kind = self._planted(rhs, constant(rhs, len(lhs)), rhs), "dropped clear"
        else:
            name = self._target.rpartition("__")[2]
            handshake = len(rhs) == 1 and name.endswith(HANDSHAKES)
            faults = stuck(rhs, len(lhs), self._target, "handshake" if handshake else "stuck bit")
            value, kind = self._planted(rhs, faults, self._value(rhs)), "dropped assignment"
        after = Assign(lhs, value)
        after.src_loc = statement.src_loc
        dropped = None
        if not self._is_default(lhs, rhs):
            dropped = self._offer(Variant(kind, f"no assignment of {text(rhs)}", lambda: rhs))
        if dropped is None:
            return after
        return Switch(self.select, [(dropped, [], None), (None, [after], None)], src_loc=statement.src_loc)

    def _is_default(self, lhs: Value, rhs: Value) -> bool:
        """Whether this is the first to drive a combinational signal, with the value that it has undriven."""
        if self._settled is None or not isinstance(lhs, Signal):
            return False
        first = all(lhs is not other for other in self._settled)
        self._settled.append(lhs)
        return first and isinstance(rhs, Const) and rhs.value == lhs.init

    def _branches(self, statement: Switch) -> Statement:
        test = statement.test
        self._source = source_of(statement.src_loc, self._home)
        if self._counts(statement):
            self._target = f"what hangs on {text(test)}"
            parts = test.parts if isinstance(test, Concat) else [test]
            walked = [self._value(part) for part in parts]
            inside = test if all(one is other for one, other in zip(parts, walked, strict=True)) else Concat(walked)
            test = self._planted(test, _conditions(test), inside)
        cases = [(patterns, self._statements(body), source) for patterns, body, source in statement.cases]
        return Switch(test, cases, src_loc=statement.src_loc)

    def _memory(self, fragment: MemoryInstance, path: str) -> Fragment:
        self._path, self._target, self._source = path, "table", source_of(fragment.src_loc)
        planted = {}
        for variant, words in table_variants(fragment):
            chosen = self._offer(variant)
            if chosen is not None:
                planted[chosen] = words
        return with_tables(fragment, self.select, planted)


def _operands(value: Value) -> Iterator[Value]:
    if isinstance(value, Operator):
        yield from value.operands
    elif isinstance(value, Slice):
        yield value.value
    elif isinstance(value, Part):
        yield from (value.value, value.offset)
    elif isinstance(value, Concat):
        yield from value.parts
    elif isinstance(value, SwitchValue):
        yield from (value.test, *(case for _, case in value.cases))


def _conditions(test: Value) -> Iterator[Variant]:
    """Each condition of a branch stuck, or its opposite."""
    for bit in range(len(test)):
        for level in (0, 1):
            yield Variant("condition", f"bit {bit} of {text(test)} stuck at {level}",
                          lambda bit=bit, level=level: with_bit(test, bit, level))
        yield Variant("condition", f"bit {bit} of {text(test)} inverted", lambda bit=bit: test ^ (1 << bit))


def _is_surroundings(fragment: Fragment, source: tuple[str, int] | None) -> bool:
    """Whether a bench top has this memory around the unit: memories are mutated in benches of their own."""
    kinds = {type(origin).__name__ for origin in fragment.origins or ()}
    return source_of(source).startswith(OUTSIDE) and not kinds.isdisjoint(MEMORIES)


def source_of(location: tuple[str, int] | None, home: str = "?") -> str:
    """File and line within the repository; ``home`` for what a library wrote, which may lie in it as well."""
    if location is None or not Path(location[0]).is_relative_to(REPOSITORY / "rtl"):
        return home
    return f"{Path(location[0]).relative_to(REPOSITORY)}:{location[1]}"
