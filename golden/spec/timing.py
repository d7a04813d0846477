"""Timing model: the cycles of every descriptor and of a whole program, equal to the RTL's counters.

A discrete-event walk over the program: the sequencer issues in order, each engine runs its own descriptors in order,
semaphores tie them together. Nothing in the core waits for anything else, so no other event has to be followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from golden.spec import numbers
from golden.spec.descriptors import QUEUE_DEPTH, Destination, Engine, NormFormat, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.interpreter import ENGINE_OPCODES, Interpreter, ProgramError
from golden.spec.latency import (
    FETCH_CYCLES,
    LOAD_TAIL,
    QUEUE_LATENCY,
    RESIDUAL_READ,
    SEMAPHORE_LATENCY,
    array_tail,
    key_tail,
    norm_tail,
    norm_word_cycles,
    pixel_cycles,
    softmax_tail,
)

Fields = dict[str, int]


@dataclass(frozen=True)
class Span:
    """When one descriptor ran: issued, accepted, in its last cycle of work."""

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
    spans: tuple[Span, ...]         # every descriptor, in the order of issue


@dataclass
class Semaphore:
    """Pulses from one engine to another, and how many of them are taken."""

    given: list[int] = field(default_factory=list)
    taken: int = 0


@dataclass
class EngineClock:
    """Progress of one engine."""

    free: int = 0                   # first cycle in which it can accept
    free_for_empty: int = 0         # the same for an empty descriptor of the array
    idle: int = 0                   # first cycle in which nothing is in flight
    busy: int = 0
    accepted: list[int] = field(default_factory=list)


class TimingModel:
    """Cycles of a program on a configuration. Raises ``ProgramError`` for a program that would never end."""

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.engines = {engine: EngineClock() for engine in Engine}
        self.semaphores = {(giver, taker): Semaphore() for giver in Engine for taker in Engine}
        self.spans: list[Span] = []
        self.residual_reads: dict[int, list[tuple[int, int]]] = {0: [], 1: []}
        self.run_engine = {Engine.LOAD: self.load, Engine.ARRAY: self.array, Engine.SOFTMAX: self.softmax,
                           Engine.NORM: self.norm, Engine.PIXEL: self.pixel}

    def predict(self, program: Sequence[int]) -> Prediction:
        """Walk the whole program."""
        steps = []
        execution = FETCH_CYCLES
        for opcode, fields in Interpreter(program).run():
            if opcode in ENGINE_OPCODES:
                execution = self.issue(Engine(opcode), fields, execution)
            elif opcode is Opcode.CREDIT:
                semaphore = self.semaphores[Engine(fields["giver"]), Engine(fields["taker"])]
                semaphore.given += [execution] * fields["count"]
            elif opcode in (Opcode.SYNC, Opcode.HALT):
                execution = max(execution, *(clock.idle for clock in self.engines.values()))
                if opcode is Opcode.SYNC and fields["step_end"]:
                    steps.append(execution + 1)
            execution += 1 + FETCH_CYCLES
        self.check_residual_ports()
        cycles = execution - FETCH_CYCLES
        busy = {engine: clock.busy for engine, clock in self.engines.items()}
        return Prediction(cycles, tuple(steps), busy, busy[Engine.ARRAY] * self.config.multipliers, tuple(self.spans))

    def issue(self, engine: Engine, fields: Fields, execution: int) -> int:
        """Put a descriptor into its queue and let the engine run it; returns the cycle of issue."""
        clock = self.engines[engine]
        if len(clock.accepted) >= QUEUE_DEPTH:
            execution = max(execution, clock.accepted[-QUEUE_DEPTH] + 1)
        empty = engine is Engine.ARRAY and not fields["count"]
        accepted = max(execution + QUEUE_LATENCY, clock.free_for_empty if empty else clock.free)
        accepted = self.take(engine, fields["wait_first"] | fields["wait_each"], accepted)
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

    def iterations(self, engine: Engine, fields: Fields, accepted: int, length: int, tail: int) -> int:
        """Run ``count`` iterations of ``length`` cycles; returns the last one's last cycle."""
        end = accepted
        for iteration in range(fields["count"]):
            if iteration:
                end = self.take(engine, fields["wait_each"], end)
            end += length
            self.note_residual_reads(engine, fields, iteration, end - length + 1, end)
            last = iteration == fields["count"] - 1
            self.give(engine, fields["signal_each"] | (fields["signal_last"] if last else 0), end + tail)
        self.engines[engine].busy += fields["count"] * length
        return end

    def note_residual_reads(self, engine: Engine, fields: Fields, group: int, first: int, last: int) -> None:
        """When a group's residual words are read, by its bank."""
        if engine is Engine.NORM:
            self.residual_reads[group & 1].append((first, last))
        elif fields["destination"] == Destination.RESIDUAL_ADD:
            self.residual_reads[group & 1].append((last + RESIDUAL_READ, last + RESIDUAL_READ + self.config.lanes - 1))

    def check_residual_ports(self) -> None:
        """No two units read one residual bank at once: the schedule needs no arbiter."""
        for bank, reads in self.residual_reads.items():
            reads.sort()
            for (_, end), (start, _) in zip(reads, reads[1:], strict=False):
                if start <= end:
                    raise ProgramError(f"two units would read residual bank {bank} in cycle {start}; "
                                       "the norm must wait for the whole layer before it")

    def load(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Weight loader: a word a cycle."""
        words = fields["rows"] + numbers.PARAMETER_ROWS * fields["parameters"]
        last = accepted + words
        signals = fields["signal_each"] | fields["signal_last"]
        self.give(Engine.LOAD, signals, last + LOAD_TAIL)
        clock.free = last + 1
        clock.busy += words
        clock.idle = last + 1 + (LOAD_TAIL if signals or words else 0)
        return last

    def array(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Array: the loop nest's product of bounds."""
        tail = array_tail(self.config)
        if not fields["count"]:
            self.give(Engine.ARRAY, fields["signal_last"], accepted + tail)
            clock.free = clock.free_for_empty = accepted + 1
            clock.idle = accepted + 1 + (tail if fields["signal_last"] else 0)
            return accepted
        length = fields["words"] * self.config.width * (4 if fields["nibble_passes"] else 1)
        last = self.iterations(Engine.ARRAY, fields, accepted, length, tail)
        # the next descriptor is accepted in the last cycle of this one, an empty one after it
        clock.free, clock.free_for_empty = last, last + 1
        keys = fields["destination"] == Destination.KEY
        clock.idle = last + 1 + (key_tail(self.config) if keys else tail)
        return last

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
        length = self.config.lanes * fields["words"] * norm_word_cycles(form)
        tail = norm_tail(self.config, fields["words"], form)
        last = self.iterations(Engine.NORM, fields, accepted, length, tail)
        clock.free = clock.idle = last + tail + 1
        return last

    def pixel(self, clock: EngineClock, fields: Fields, accepted: int) -> int:
        """Patches or sampler step."""
        last = accepted + pixel_cycles(fields)
        self.give(Engine.PIXEL, fields["signal_each"] | fields["signal_last"], last)
        clock.busy += last - accepted
        clock.free = clock.idle = last + 1
        return last


def predict(program: Sequence[int], config: HardwareConfig) -> Prediction:
    """Cycles of ``program`` (256-bit descriptors) on ``config``; raises ``ProgramError``."""
    return TimingModel(config).predict(program)
