"""Sequencer: reads descriptors, keeps loops and registers, hands each engine its own."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import (
    LOOP_LEVELS,
    OPCODE_BITS,
    REGISTER_BITS,
    Engine,
    Opcode,
)
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ErrorCode
from rtl.control.engine import descriptor_layout
from rtl.control.register_file import RegisterFile
from rtl.control.relocate import field_slices, relocate, relocated_fields
from rtl.memory.bounds import bounded
from rtl.memory.part_ram import PartReadPort

COUNT_BITS = 12
DEPTH_BITS = LOOP_LEVELS.bit_length()
LOOP = data.StructLayout({"start": REGISTER_BITS, "count": COUNT_BITS})
"""A loop under way: the address of its body, and its rounds to go, the present one included."""


class Sequencer(wiring.Component):
    """Execute the program from address 0 after ``begin``, one descriptor every 4 cycles at best.

    A descriptor is fetched in two parts (FETCH_CYCLES) and executed in the cycle after; one for an
    engine stays there while the engine's queue is full, SYNC and HALT while an engine or queue is not idle.
    ``running`` is high in every cycle that counts. ``error`` and ``error_code`` stop it for good. Where ``settled`` is
    high in the first cycle after the end of a step that counts (EARLY_END), the program is done there.
    """

    registers_unit = RegisterFile

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "begin": In(1),
            "resume": In(1),
            "pause_each_step": In(1),
            "stop": In(1),
            "all_idle": In(1),
            "settled": In(1),
            "program": Out(PartReadPort(*config.memory_shapes["program"])),
            **{f"issue_{engine.name.lower()}": Out(stream.Signature(descriptor_layout(Opcode(engine))))
               for engine in Engine},
            "credit": Out(1),
            "credit_giver": Out(3),
            "credit_taker": Out(3),
            "credit_count": Out(4),
            "running": Out(1),
            "paused": Out(1),
            "done": Out(1),
            "step_end": Out(1),
            "progress": Out(1),
            "program_counter": Out(REGISTER_BITS),
            "error": Out(1),
            "error_code": Out(8),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lower = Signal(self.program.data.shape(), reset_less=True)
        self.lower, self.word = lower, Cat(lower, self.program.data)   # the descriptor that is executed
        self.counter = Signal(REGISTER_BITS)         # descriptor that is fetched or executed
        self.remote = Signal()                       # the descriptor was named by EXECUTE
        self.remote_address = Signal(REGISTER_BITS)
        m.submodules.registers = self.registers = self.registers_unit()
        m.d.comb += self.registers.word.eq(self.word)
        self.relocated = relocated_fields(m, self.word, self.registers.selects, self.registers.values)
        self.depth = Signal(DEPTH_BITS)
        m.submodules.loops = loops = memory.Memory(shape=LOOP, depth=1 << DEPTH_BITS, init=[])
        self.loop_write = loops.write_port()              # a loop at its level, counted from 0
        self.loop = loops.read_port(domain="comb")   # the innermost
        m.d.comb += [self.loop.addr.eq(self.depth - 1), self.loop_write.addr.eq(self.depth)]
        self.executing = Signal()
        self.finished = Signal()                     # the descriptor in execution ends in this cycle
        self.go_back = Signal()
        self.after_step = Signal()                   # what was executed last ended a step
        m.d.comb += [self.program_counter.eq(self.counter), self.progress.eq(self.finished)]
        self.states(m)
        self.address(m)
        with m.If(self.executing):
            self.execute(m)
        return m

    def states(self, m: Module) -> None:
        """Fetch the lower part, fetch the upper, take the lower one, execute: the memory holds what it read last."""
        with m.FSM() as self.machine:
            with m.State("IDLE"), m.If(self.begin):
                m.next = "FETCH"
            with m.State("FETCH"):
                with m.If(self.ends_early()):
                    m.d.comb += self.done.eq(1)
                    m.next = "DONE"
                with m.Else():
                    m.d.comb += self.program.enable.eq(1)
                    m.next = "MEMORY"
                self.obey_stop(m)
            with m.State("MEMORY"):
                m.d.comb += self.program.enable.eq(1)
                m.next = "DECODE"
                self.obey_stop(m)
            with m.State("DECODE"):
                m.d.sync += self.lower.eq(self.program.data)
                m.next = "EXECUTE"
                self.obey_stop(m)
            with m.State("EXECUTE"):
                m.d.comb += self.executing.eq(1)
                m.d.sync += self.after_step.eq(self.step_end)
                with m.If(self.error):
                    m.next = "STOPPED"
                with m.Elif(self.done):
                    m.next = "DONE"
                with m.Elif(self.step_end & self.pause_each_step):
                    m.next = "PAUSED"
                with m.Elif(self.finished):
                    m.next = "FETCH"
                self.obey_stop(m)
            with m.State("PAUSED"):
                m.d.comb += self.paused.eq(1)
                with m.If(self.resume):
                    m.next = "FETCH"
                self.obey_stop(m)
            with m.State("DONE"):
                pass
            with m.State("STOPPED"):
                pass
            m.d.comb += self.running.eq(self.machine.ongoing("FETCH") | self.machine.ongoing("MEMORY")
                                        | self.machine.ongoing("DECODE") | self.machine.ongoing("EXECUTE"))

    def address(self, m: Module) -> None:
        """The descriptor that is read: the next one, or the one that an EXECUTE names."""
        address = Mux(self.remote, self.remote_address, self.counter)
        upper = ~self.machine.ongoing("FETCH")
        m.d.comb += self.program.address.eq(Cat(upper, bounded(address, self.program.address[1:])))
        with m.If(self.finished):
            m.d.sync += self.remote.eq(0)
            with m.If(~self.go_back):
                m.d.sync += self.counter.eq(self.counter + 1)

    def ends_early(self) -> Value:
        """Whether the step that ended was the last, as the image has settled."""
        return self.after_step & self.settled

    def obey_stop(self, m: Module) -> None:
        """Leave the present state for good when told to."""
        with m.If(self.stop):
            m.next = "STOPPED"

    def execute(self, m: Module) -> None:
        """One descriptor."""
        with m.Switch(self.word[:OPCODE_BITS]):
            for engine in Engine:
                with m.Case(engine):
                    self.execute_engine(m, engine)
            with m.Case(Opcode.SET):
                self.execute_set(m)
            with m.Case(Opcode.LOOP):
                self.execute_loop(m)
            with m.Case(Opcode.END):
                self.execute_end(m)
            with m.Case(Opcode.EXECUTE):
                self.execute_remote(m)
            with m.Case(Opcode.CREDIT):
                fields = field_slices(Opcode.CREDIT, self.word)
                m.d.comb += [self.credit.eq(1), self.credit_giver.eq(fields["giver"]), self.finished.eq(1),
                             self.credit_taker.eq(fields["taker"]), self.credit_count.eq(fields["count"])]
            with m.Case(Opcode.SYNC):
                with m.If(self.all_idle):
                    step_end = field_slices(Opcode.SYNC, self.word)["step_end"]
                    m.d.comb += [self.finished.eq(1), self.step_end.eq(step_end)]
            with m.Case(Opcode.HALT):
                with m.If(self.all_idle):
                    m.d.comb += [self.done.eq(1), self.finished.eq(1)]
            with m.Default():
                self.fail(m, ErrorCode.OPCODE)

    def fail(self, m: Module, code: ErrorCode) -> None:
        """Stop with ``code``."""
        m.d.comb += [self.error.eq(1), self.error_code.eq(code)]

    def execute_engine(self, m: Module, engine: Engine) -> None:
        """Add registers and hand the descriptor to its engine's queue."""
        port = getattr(self, f"issue_{engine.name.lower()}")
        misfits = relocate(m, Opcode(engine), self.word, self.relocated, port.payload)
        with m.If(misfits.any()):
            self.fail(m, ErrorCode.ADDRESS)
        with m.Else():
            m.d.comb += [port.valid.eq(1), self.finished.eq(port.ready)]

    def execute_set(self, m: Module) -> None:
        """Set up to eight registers."""
        m.d.comb += [self.finished.eq(1), self.registers.update.eq(1)]

    def execute_loop(self, m: Module) -> None:
        """Remember where the body starts."""
        count = field_slices(Opcode.LOOP, self.word)["count"]
        with m.If((self.depth == LOOP_LEVELS) | (count == 0)):
            self.fail(m, ErrorCode.LOOP)
        with m.Else():
            m.d.comb += [self.finished.eq(1), self.loop_write.en.eq(1),
                         self.loop_write.data.start.eq(self.counter + 1), self.loop_write.data.count.eq(count)]
            m.d.sync += self.depth.eq(self.depth + 1)

    def execute_end(self, m: Module) -> None:
        """Advance registers; back to the body's start until its count is used up."""
        loop = self.loop.data
        with m.If(self.depth == 0):
            self.fail(m, ErrorCode.LOOP)
        with m.Else():
            m.d.comb += [self.finished.eq(1), self.registers.update.eq(1), self.loop_write.en.eq(1),
                         self.loop_write.addr.eq(self.depth - 1), self.loop_write.data.start.eq(loop.start),
                         self.loop_write.data.count.eq(loop.count - 1)]
            with m.If(~self.is_last(loop.count)):
                m.d.comb += self.go_back.eq(1)
                m.d.sync += self.counter.eq(loop.start)
            with m.Else():
                m.d.sync += self.depth.eq(self.depth - 1)

    @staticmethod
    def is_last(count: Value) -> Value:
        """Whether a loop with ``count`` rounds to go, the present one included, is in its last."""
        return count == 1

    def execute_remote(self, m: Module) -> None:
        """Fetch the one descriptor at address + register and execute it in place of this one."""
        payload = Signal(data.StructLayout({"address": REGISTER_BITS}))
        misfits = relocate(m, Opcode.EXECUTE, self.word, self.relocated, payload)
        with m.If(misfits.any() | self.remote):
            self.fail(m, ErrorCode.ADDRESS)
        with m.Else():
            m.d.comb += [self.finished.eq(1), self.go_back.eq(1)]
            m.d.sync += [self.remote.eq(1), self.remote_address.eq(payload.address)]
