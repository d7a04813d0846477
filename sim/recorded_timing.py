"""The timing model's walk of one drawing, kept: what every descriptor did, and when each engine worked.

``golden.spec.timing`` adds up; this keeps what it adds. Its totals are those that a drawing compares with the core's
counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from golden.compile.builder import BLOCK
from golden.compile.compiler import Compiled
from golden.compile.operands import DrawingTiming
from golden.integer.workload import LEFT_OPERANDS, PLANE_OPERANDS
from golden.spec.array_timing import ArrayClock, Fields, Group, Operands
from golden.spec.descriptors import Engine, NormFormat
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import norm_tail, norm_word_cycles
from golden.spec.timing import EngineClock, TimingModel

Interval = tuple[int, int]
"""First cycle, and the first one behind the last."""
PRODUCTS = {tensor: product for product, tensor in (LEFT_OPERANDS | PLANE_OPERANDS).items()}
"""Matrix product by the name of the tensor on its left."""


@dataclass(frozen=True, slots=True)
class GroupRun:
    """One group of tokens on the array: cycles from the one after its allocation to its retirement."""

    begin: int
    end: int                # exclusive
    channels: int           # multiplied, of all tokens, by both kinds of lane
    dense_channels: int     # of these, by dense lanes
    words: int              # of operands, zeros included
    lines: int              # of operands that lanes were given


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a descriptor."""

    address: int            # in the program
    step: int               # of the drawing; 0 is the first noise
    engine: Engine
    fields: Fields
    product: str            # matrix product, named as in ``golden.integer.workload.products``; "" for all else
    accepted: int
    finished: int           # last cycle of work; of the array, the last retirement
    own: int                # cycles from the end of its engine's descriptor before, or from its acceptance
    groups: tuple[GroupRun, ...]


class RecordedClock(ArrayClock):
    """An array whose groups are kept."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__(config)
        self.runs: list[GroupRun] = []

    def run(self, start: int, group: Group, keys: bool) -> int:
        """As ``ArrayClock``."""
        channels, dense = self.channels, self.dense_channels
        retired = super().run(start, group, keys)
        self.runs.append(GroupRun(start + 1, retired + 1, self.channels - channels, self.dense_channels - dense,
                                  group.words, sum(map(len, group.tokens))))
        return retired


class RecordedModel(TimingModel):
    """A timing model whose descriptors and busy cycles are kept."""

    def __init__(self, program: Sequence[int], config: HardwareConfig, operands: Operands,
                 names: Mapping[int, str]) -> None:
        super().__init__(program, config, operands)
        self.names = names
        self.lanes = RecordedClock(config)
        self.executions: list[Execution] = []
        self.working: dict[Engine, list[Interval]] = {engine: [] for engine in Engine}
        self.finished: dict[Engine, int] = {}       # of each engine's last descriptor
        self.norm_cycles = self.norm_tail = 0

    def issue(self, engine: Engine, fields: Fields, execution: int) -> int:
        """As ``TimingModel``."""
        first = len(self.lanes.runs)
        issued = super().issue(engine, fields, execution)
        span = self.spans[-1]
        tensor = self.names.get(self.address, "").format(self.interpreter.registers[BLOCK])
        block, _, name = tensor.rpartition(".")
        product = ".".join(filter(None, (block, PRODUCTS[name]))) if tensor else ""
        self.executions.append(Execution(
            self.address, len(self.ends), engine, fields, product, span.accepted, span.finished,
            span.finished - max(span.accepted, self.finished.get(engine, 0)), tuple(self.lanes.runs[first:])))
        self.finished[engine] = span.finished
        if engine in (Engine.LOAD, Engine.SOFTMAX, Engine.PIXEL):
            self.working[engine].append((span.accepted + 1, span.finished + 1))
        return issued

    def norm(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """As ``TimingModel``; its signals, one a group, tell when it worked."""
        form = NormFormat(fields["format"])
        self.norm_cycles = self.config.lanes * fields["words"] * norm_word_cycles(self.config, form)
        self.norm_tail = norm_tail(self.config, fields["words"], form)
        return super().norm(clock, fields, accepted)

    def give(self, giver: Engine, mask: int, cycle: int) -> None:
        """As ``TimingModel``."""
        if giver is Engine.NORM:
            end = cycle - self.norm_tail + 1
            self.working[giver].append((end - self.norm_cycles, end))
        super().give(giver, mask, cycle)

    def array_intervals(self) -> list[Interval]:
        """Cycles with a group in flight: groups that overlap or follow each other at once are one interval."""
        merged: list[Interval] = []
        for run in self.lanes.runs:
            if merged and run.begin <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], run.end)
            else:
                merged.append((run.begin, run.end))
        return merged

    def intervals(self) -> dict[Engine, list[Interval]]:
        """Working cycles of each engine, in order and without overlap; their sums are the BUSY counters."""
        return self.working | {Engine.ARRAY: self.array_intervals()}


class RecordedTiming(DrawingTiming):
    """Predicts a drawing's cycles step by step, and keeps how they come about."""

    def __init__(self, compiled: Compiled) -> None:
        super().__init__(compiled)
        self.hardware = compiled.layout.hardware
        self.model = RecordedModel(compiled.descriptors, self.hardware, self.operands, compiled.operands)
        self.ends = self.model.walk()
