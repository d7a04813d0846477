"""Timing model: the cycles of every descriptor and of a whole program, equal to the RTL's counters.

A discrete-event walk over the program: the sequencer issues in order, each engine runs its own descriptors in order,
semaphores tie them together. Nothing in the core waits for anything else, so no other event has to be followed.

The array skips zeros, so its cycles follow the data: a provider of operands says how many channels of each word are
not zero (``Operands`` in ``golden/spec/array_timing.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from golden.spec import numbers
from golden.spec.array_timing import NO_TOKENS, ArrayClock, DenseOperands, Fields, LineReader, Operands
from golden.spec.decision_timing import DecisionClock
from golden.spec.descriptors import QUEUE_DEPTH, Destination, Engine, LoadSource, NormFormat, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.interpreter import ENGINE_OPCODES, Interpreter, ProgramError
from golden.spec.latency import (
    ARRAY_TAIL,
    EARLY_END,
    FETCH_CYCLES,
    LOAD_TAIL,
    QUEUE_LATENCY,
    SEMAPHORE_LATENCY,
    norm_tail,
    norm_word_cycles,
    pixel_cycles,
    softmax_tail,
)
from golden.spec.sdram import fetch_cycles


@dataclass(frozen=True)
class Span:
    """When one descriptor ran: issued, accepted, in its last cycle of work; of the array, the last retirement."""

    engine: Engine
    fields: Fields
    issued: int
    accepted: int
    finished: int


@dataclass(frozen=True)
class Prediction:
    """What the counters will say."""

    cycles: int                     # of the whole program
    step_cycles: tuple[int, ...]    # at the end of each step; index 0 is the first noise
    busy: dict[Engine, int]         # working cycles of each engine
    macs: int                       # 4-bit multiply-accumulates of the array
    macs_offered: int               # the same with those that were skipped
    dense_shares: tuple[float, ...]  # of each step's multiply-accumulates, what dense lanes did; index 0: first noise
    spans: tuple[Span, ...]         # every descriptor, in the order of issue


@dataclass
class Semaphore:
    """Pulses from one engine to another, and how many of them are taken."""

    given: list[int] = field(default_factory=list)
    taken: int = 0


@dataclass(frozen=True)
class Estimate:
    """Cycles of a drawing as long as its operands are not known: none is zero, steps of as many contexts take alike.

    It never stops early.
    """

    noise: int              # from the start to the end of step 0
    each: tuple[int, ...]   # of each denoising step

    @property
    def steps(self) -> int:
        """Denoising steps."""
        return len(self.each)

    @property
    def longest(self) -> int:
        """Of any step."""
        return max(self.noise, *self.each)

    @property
    def cycles(self) -> int:
        """Of the whole drawing."""
        return self.noise + sum(self.each)

    @property
    def step_cycles(self) -> tuple[int, ...]:
        """At the end of each step; index 0 is the first noise."""
        return tuple(accumulate(self.each, initial=self.noise))


@dataclass
class EngineClock:
    """Progress of one engine."""

    free: int = 0                   # first cycle in which it can accept
    idle: int = 0                   # first cycle in which nothing is in flight
    busy: int = 0
    accepted: list[int] = field(default_factory=list)


class TimingModel:
    """Cycles of a program on a configuration. Raises ``ProgramError`` for a program that would never end."""

    def __init__(self, program: Sequence[int], config: HardwareConfig, operands: Operands | None = None) -> None:
        self.config = config
        self.interpreter = Interpreter(program)
        self.operands = operands or DenseOperands()
        self.lines = LineReader(config)
        self.lanes = ArrayClock(config)
        self.engines = {engine: EngineClock() for engine in Engine}
        self.semaphores = {(giver, taker): Semaphore() for giver in Engine for taker in Engine}
        self.spans: list[Span] = []
        self.ends: list[int] = []
        self.decisions = DecisionClock(config)
        self.channels = [(0, 0)]    # that the dense lanes and all lanes multiplied up to the end of each step
        self.cycles = 0
        self.stopped = False        # the image has settled in the step that ended last; whoever walks says so
        self.address = 0            # of the descriptor that is being executed
        self.run_engine = {Engine.LOAD: self.load, Engine.ARRAY: self.array, Engine.SOFTMAX: self.softmax,
                           Engine.NORM: self.norm, Engine.PIXEL: self.pixel}

    def walk(self) -> Iterator[int]:
        """Walk the program; yields the cycles at each step's end. Operands of a step are asked for before its end.

        Where ``stopped`` is set by then, the program ends when the walk goes on.
        """
        execution = FETCH_CYCLES
        named = None                # address that an EXECUTE names
        for opcode, fields in self.interpreter.run():
            self.address = self.interpreter.counter if named is None else named
            named = fields["address"] if opcode is Opcode.EXECUTE else None
            if opcode in ENGINE_OPCODES:
                execution = self.issue(Engine(opcode), fields, execution)
            elif opcode is Opcode.CREDIT:
                semaphore = self.semaphores[Engine(fields["giver"]), Engine(fields["taker"])]
                semaphore.given += [execution] * fields["count"]
            elif opcode in (Opcode.SYNC, Opcode.HALT):
                execution = max(execution, *(clock.idle for clock in self.engines.values()))
                if opcode is Opcode.SYNC and fields["step_end"]:
                    self.ends.append(execution + 1)
                    self.channels.append((self.lanes.dense_channels, self.lanes.channels))
                    yield execution + 1
                    if self.stopped:
                        self.cycles = execution + 1 + EARLY_END
                        return
            execution += 1 + FETCH_CYCLES
        self.cycles = execution - FETCH_CYCLES

    def prediction(self) -> Prediction:
        """What the counters will say, once the walk is over."""
        busy = {engine: clock.busy for engine, clock in self.engines.items()} | {Engine.ARRAY: self.lanes.busy}
        width = self.config.width
        shares = tuple((dense - dense_before) / max(1, every - every_before)
                       for (dense_before, every_before), (dense, every) in pairwise(self.channels))
        return Prediction(self.cycles, tuple(self.ends), busy, self.lanes.channels * width,
                          self.lanes.words * width * width, shares, tuple(self.spans))

    def issue(self, engine: Engine, fields: Fields, execution: int) -> int:
        """Put a descriptor into its queue and let the engine run it; returns the cycle of issue."""
        clock = self.engines[engine]
        if len(clock.accepted) >= QUEUE_DEPTH:
            execution = max(execution, clock.accepted[-QUEUE_DEPTH] + 1)
        accepted = max(execution + QUEUE_LATENCY, clock.free)
        accepted = self.take(engine, fields["wait_first"] | fields["wait_each"], accepted)
        if engine is Engine.ARRAY:
            accepted = self.lanes.allocation(accepted, self.are_keys(fields), bool(fields["fence"]))
        clock.accepted.append(accepted)
        finished = self.run_engine[engine](clock, fields, accepted)
        self.spans.append(Span(engine, fields, execution, accepted, finished))
        return execution

    def take(self, taker: Engine, mask: int, earliest: int) -> int:
        """The first cycle from ``earliest`` on in which every semaphore of ``mask`` is up."""
        for giver in Engine:
            if not mask >> giver & 1:
                continue
            semaphore = self.semaphores[giver, taker]
            if semaphore.taken == len(semaphore.given):
                raise ProgramError(f"descriptor {len(self.spans)} of {taker.name} waits for a signal of {giver.name} "
                                   "that no earlier descriptor gives, so it would never start")
            earliest = max(earliest, semaphore.given[semaphore.taken] + SEMAPHORE_LATENCY)
            semaphore.taken += 1
        return earliest

    def give(self, giver: Engine, mask: int, cycle: int) -> None:
        """Raise every semaphore of ``mask``."""
        for taker in Engine:
            if mask >> taker & 1:
                self.semaphores[giver, taker].given.append(cycle)

    def load(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Weight loader: a word a cycle, or as the SDRAM gives them."""
        words = fields["rows"] + numbers.PARAMETER_ROWS * fields["parameters"]
        is_fetched = self.config.sdram_weights and fields["source"] == LoadSource.WEIGHT
        last = accepted + (fetch_cycles(self.config, fields["base"], words) if is_fetched else words)
        signals = fields["signal_each"] | fields["signal_last"]
        self.give(Engine.LOAD, signals, last + LOAD_TAIL)
        clock.free = last + 1
        clock.busy += last - accepted
        clock.idle = last + 1 + (LOAD_TAIL if signals or words else 0)
        return last

    @staticmethod
    def are_keys(fields: Fields) -> bool:
        """Whether a product's results go through the transposer."""
        return bool(fields["count"]) and fields["destination"] == Destination.KEY

    def array(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Array: group by group, as many in flight as there may be; signals follow the retirement."""
        lanes, keys = self.lanes, self.are_keys(fields)
        if not fields["count"]:
            retired = lanes.run(accepted, NO_TOKENS, False)
            self.give(Engine.ARRAY, fields["signal_last"], retired + ARRAY_TAIL)
            if fields["decide"]:
                self.decisions.request(retired, fields["words"])
            clock.free, clock.idle = lanes.free, max(lanes.idle, self.decisions.idle)
            return retired
        asked = self.address, fields, self.interpreter.registers
        counts = self.operands.counts(*asked)
        groups = self.lines.groups(fields, counts, self.operands.dense(*asked) if fields["split"] else None)
        retired, last = accepted, len(groups) - 1
        for number, group in enumerate(groups):
            start = accepted
            if number:
                start = lanes.allocation(self.take(Engine.ARRAY, fields["wait_each"], lanes.free), keys, False)
            retired = lanes.run(start, group, keys)
            signals = fields["signal_each"] | (fields["signal_last"] if number == last else 0)
            self.give(Engine.ARRAY, signals, retired + ARRAY_TAIL)
        clock.free, clock.idle = lanes.free, max(lanes.idle, self.decisions.idle)
        return retired

    def softmax(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Softmax: a word of scores a cycle."""
        length = self.config.lanes * fields["words"]
        last = accepted + length
        self.give(Engine.SOFTMAX, fields["signal_each"] | fields["signal_last"], last + softmax_tail(self.config))
        clock.busy += length
        clock.free = last + 1
        clock.idle = last + softmax_tail(self.config) + 1
        return last

    def norm(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Norm: group by group."""
        form = NormFormat(fields["format"])
        length = self.config.lanes * fields["words"] * norm_word_cycles(self.config, form)
        tail = norm_tail(self.config, fields["words"], form)
        end = accepted
        for iteration in range(fields["count"]):
            if iteration:
                end = self.take(Engine.NORM, fields["wait_each"], end)
            end += length
            last = iteration == fields["count"] - 1
            self.give(Engine.NORM, fields["signal_each"] | (fields["signal_last"] if last else 0), end + tail)
        clock.busy += fields["count"] * length
        clock.free = clock.idle = end + tail + 1
        return end

    def pixel(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Patches or sampler step."""
        last = accepted + pixel_cycles(fields)
        self.give(Engine.PIXEL, fields["signal_each"] | fields["signal_last"], last)
        clock.busy += last - accepted
        clock.free = clock.idle = last + 1
        return last


def predict(program: Sequence[int], config: HardwareConfig, operands: Operands | None = None) -> Prediction:
    """Cycles of ``program`` (256-bit descriptors) on ``config``; raises ``ProgramError``. No operands: none is zero."""
    model = TimingModel(program, config, operands)
    for _ in model.walk():
        pass
    return model.prediction()


def estimate(program: Sequence[int], config: HardwareConfig, steps: int,
             step_contexts: Sequence[int] = ()) -> Estimate:
    """Cycles of a program that draws in so many steps, walked until one of each kind has come.

    ``step_contexts``: contexts of each step, where they do not have as many. Raises ``ProgramError``.
    """
    kinds = step_contexts or (1,) * steps
    ends = TimingModel(program, config).walk()
    noise = before = next(ends)
    cycles: dict[int, int] = {}
    for kind, end in zip(kinds, ends, strict=False):
        cycles.setdefault(kind, end - before)
        before = end
        if len(cycles) == len(set(kinds)):
            break
    return Estimate(noise, tuple(cycles[kind] for kind in kinds))
