"""The sequencer always ends or raises an error: for all time, whatever the program memory gives, by induction.

Together with the guard, as the core connects them, and with registers that hold anything.

*descriptors*: each one that is finished brings a measure down, a number of MEASURE_BITS bits. So no program, not even
one that changes while it runs, executes more than a finite number of them. The measure is, from its highest bits down,
for each loop under way from the outermost in: its address, negated, and the rounds to go; then the address of the
descriptor at hand, negated; then whether it is not one that an EXECUTE named.

*loops*: of any level, chosen freely: from a LOOP to the END that leaves it, its ENDs are as many as the LOOP says, all
but the last one going back to the descriptor after it. So the body of a nest is executed as often as the product of
the counts.

*watchdog*: WATCHDOG + 2 cycles without a finished descriptor and without a semaphore that moves are followed by an
error and a stop. A stop is for good, comes with an error, and nothing is executed past the program's end. How often
engines move semaphores for a descriptor is bounded by their loops, each of which is proved (``nests``, ``dispatcher``).
"""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Array, Assert, Assume, Cat, Const, Module, Mux, Signal, Value

from golden.spec.descriptors import LOOP_LEVELS, OPCODE_BITS, REGISTER_BITS, Engine, Opcode
from rtl.control.guard import Guard
from rtl.control.relocate import field_slices
from rtl.control.sequencer import COUNT_BITS, Sequencer
from rtl.memory.part_ram import PARTS
from tests.formal.prove import SMALL, Monitor, Property, driven, fixed, free, previous

WATCHDOG = 6
DEPTH = 64
CONFIG = dataclasses.replace(SMALL, watchdog_cycles=WATCHDOG, program_words=DEPTH)
MEASURE_BITS = LOOP_LEVELS * (REGISTER_BITS + COUNT_BITS) + REGISTER_BITS + 1
REGISTERS = "=top.monitor.unit.registers"


class EndlessSequencer(Sequencer):
    """Begins a loop anew after its last round."""

    @staticmethod
    def is_last(count: Value) -> Value:
        return Const(0)


class RewindingSequencer(Sequencer):
    """Goes back to the LOOP itself, not to the first descriptor of its body."""

    def execute_loop(self, m: Module) -> None:
        super().execute_loop(m)
        m.d.comb += self.loop_write.data.start.eq(self.counter)


class PatientGuard(Guard):
    """Begins to count anew when it should tell."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        idle = driven(m, "idle_cycles")
        with m.If(idle == self.config.watchdog_cycles - 1):
            m.d.sync += idle.eq(0)
        return m


class BoundMonitor(Monitor):
    """Sequencer and guard; one of them may be wrong."""

    def __init__(self, kind: type) -> None:
        self.unit = kind(CONFIG) if issubclass(kind, Sequencer) else Sequencer(CONFIG)
        self.guard = kind(CONFIG, 1) if issubclass(kind, Guard) else Guard(CONFIG, 1)

    def claim(self, m: Module) -> None:
        unit = self.unit
        m.submodules.unit = body = unit.elaborate(None)
        unit._MustUse__used = True
        self.own = {signal.name: signal for signal in body._driving}
        self.watched = inside_guard(m, self.guard)
        free(m, unit.begin, unit.resume, unit.pause_each_step, unit.all_idle, unit.settled, unit.program.data,
             *(getattr(unit, f"issue_{engine.name.lower()}").ready for engine in Engine))
        self.moved = Signal()      # an engine took or gave
        free(m, self.moved)
        self.connect(m)
        self.levels = []
        for level in range(LOOP_LEVELS):
            probe = body.submodules.loops.read_port(domain="comb")
            m.d.comb += probe.addr.eq(level)
            self.levels.append(probe.data)
        self.descriptors(m)
        self.loops(m)
        self.watchdog(m)
        self.strengthen(m)

    def connect(self, m: Module) -> None:
        """As the core does."""
        unit, guard = self.unit, self.guard
        free(m, guard.conflicts, guard.overflow)
        self.beyond = Signal()
        m.d.comb += [
            self.beyond.eq(unit.program.enable & (unit.program.address >= PARTS * DEPTH)),
            guard.running.eq(unit.running),
            guard.paused.eq(unit.paused),
            guard.progress.eq(unit.progress | self.moved),
            guard.faults.eq(self.beyond),
            guard.program_error.eq(unit.error),
            guard.program_error_code.eq(unit.error_code),
            guard.program_counter.eq(unit.program_counter),
            unit.stop.eq(guard.error),
        ]

    def descriptors(self, m: Module) -> None:
        """Every one brings the measure down."""
        unit = self.unit
        most = Const(-1, REGISTER_BITS)
        parts = [~unit.remote]
        for level in reversed(range(LOOP_LEVELS + 1)):
            within, here = unit.depth > level, unit.depth == level
            if level < LOOP_LEVELS:
                loop = self.levels[level]
                parts.append(Mux(within, loop.count, Const(-1, COUNT_BITS)))
                parts.append(Mux(within, ~(loop.start - 1)[:REGISTER_BITS], Mux(here, ~unit.counter, most)))
            else:
                parts.append(Mux(here, ~unit.counter, most))
        measure = Signal(MEASURE_BITS)
        m.d.comb += measure.eq(Cat(parts))
        finished = previous(m, unit.executing & unit.finished)
        m.d.comb += Assert(~finished | (measure < previous(m, measure)), "a finished descriptor brings it down")

    def loops(self, m: Module) -> None:
        """Of the chosen level: rounds to go, and where its body begins."""
        unit = self.unit
        level = fixed(m, "level", range(LOOP_LEVELS))
        left, start = Signal(COUNT_BITS), Signal(REGISTER_BITS)
        opcode = unit.word[:OPCODE_BITS]
        done = unit.executing & unit.finished
        begins = done & (opcode == Opcode.LOOP) & (unit.depth == level)
        ends = done & (opcode == Opcode.END) & (unit.depth == level + 1)
        with m.If(begins):
            m.d.sync += [left.eq(field_slices(Opcode.LOOP, unit.word)["count"]), start.eq(unit.counter + 1)]
        with m.If(ends):
            m.d.sync += left.eq(left - 1)
        loop = Array(self.levels)[level]
        within = unit.depth > level
        m.d.comb += [
            Assert(within == (left != 0), "as many rounds as the LOOP says"),
            Assert(~within | ((loop.count == left) & (loop.start == start))),
            Assert(~ends | (unit.go_back == (left != 1)), "the last one goes on"),
            Assert(~previous(m, ends & (left != 1)) | (unit.counter == start), "the others go back to the body"),
            Assume(level < LOOP_LEVELS),
        ]

    def watchdog(self, m: Module) -> None:
        """Nothing happens for a while: the end."""
        unit, guard = self.unit, self.guard
        still = Signal(range(WATCHDOG + 4))     # cycles without progress, this one not counted
        with m.If(~unit.running | unit.progress | self.moved):
            m.d.sync += still.eq(0)
        with m.Else():
            m.d.sync += still.eq(still + 1)
        stopped, was_stopped = self.is_in("STOPPED"), previous(m, self.is_in("STOPPED"))
        m.d.comb += [
            Assert(~unit.running | (still <= WATCHDOG + 1), "progress, or the watchdog"),
            Assert(stopped | ~was_stopped, "a stop is for good"),
            Assert(~stopped | was_stopped | guard.error | previous(m, guard.error), "and comes with an error"),
            Assert(~(unit.executing & ~unit.remote) | (unit.counter < DEPTH), "nothing past the program's end"),
            Assert(~unit.running | (self.watched["idle_cycles"] == Mux(still > WATCHDOG, WATCHDOG, still))),
            Assert(~unit.running | (still <= WATCHDOG) | guard.error),
        ]

    def is_in(self, state: str) -> Value:
        return self.unit.machine.ongoing(state)

    def strengthen(self, m: Module) -> None:
        """What makes it inductive: loops lie within each other, and before the descriptor at hand."""
        unit = self.unit
        m.d.comb += Assert(unit.depth <= LOOP_LEVELS)
        for level in range(LOOP_LEVELS):
            loop = self.levels[level]
            start = unit.counter if level == LOOP_LEVELS - 1 else Mux(
                unit.depth == level + 1, unit.counter, self.levels[level + 1].start - 1)
            m.d.comb += Assert((unit.depth <= level) | ((loop.count != 0) & (loop.start != 0) & (loop.start <= start)))
        fetched = self.is_in("DECODE") | self.is_in("EXECUTE")
        m.d.comb += [
            Assert(unit.counter <= DEPTH),
            Assert(~unit.remote | (unit.counter < DEPTH)),
            Assert(~(fetched & ~unit.remote) | (unit.counter < DEPTH)),
            Assert(~(self.is_in("MEMORY") & ~unit.remote) | (unit.counter < DEPTH) | self.guard.error),
        ]


def inside_guard(m: Module, guard: Guard) -> dict[str, Signal]:
    """Place the guard beside the sequencer; returns its signals."""
    m.submodules.guard = body = guard.elaborate(None)
    guard._MustUse__used = True
    return {signal.name: signal for signal in body._driving}


PROPERTIES = [
    Property("descriptors", BoundMonitor, Sequencer, (EndlessSequencer, RewindingSequencer), depth=10, induction=True,
             hidden=REGISTERS, quick=True),
    Property("watchdog", BoundMonitor, Guard, (PatientGuard,), depth=10, induction=True, hidden=REGISTERS),
]
