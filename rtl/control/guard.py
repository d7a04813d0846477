"""Guard: what must never happen while the core runs stops it with an error code."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import HardwareConfig
from golden.spec.registers import DATA_BITS, ErrorCode


class Guard(wiring.Component):
    """Turn faults into one error pulse with its code; watch for progress.

    ``faults``: a bit a memory, an access past its end; ``conflicts``: two units at one port, or a word read while it
    is written; ``damaged``: a word that does not match its check bits, which counts while ``paused`` and ``ending``
    too. ``error`` is high one cycle after the fault, for one cycle. So are ``watchdog_cycles`` cycles of ``running``
    without ``progress``.
    """

    def __init__(self, config: HardwareConfig, memories: int) -> None:
        self.config = config
        super().__init__({
            "running": In(1),
            "paused": In(1),
            "ending": In(1),
            "progress": In(1),
            "faults": In(memories),
            "conflicts": In(memories),
            "damaged": In(memories),
            "overflow": In(1),
            "program_error": In(1),
            "program_error_code": In(8),
            "program_counter": In(20),
            "error": Out(1),
            "error_code": Out(ErrorCode),
            "error_detail": Out(DATA_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        idle_cycles = Signal(range(self.config.watchdog_cycles + 1))
        starved = Signal()
        m.d.comb += starved.eq(idle_cycles == self.config.watchdog_cycles)
        with m.If(~self.running | self.paused | self.progress):
            m.d.sync += idle_cycles.eq(0)
        with m.Elif(~starved):
            m.d.sync += idle_cycles.eq(idle_cycles + 1)
        m.d.sync += self.error.eq(0)
        with m.If(self.running & ~self.error):
            for happened, code, detail in (
                    (starved, ErrorCode.WATCHDOG, self.program_counter),
                    (self.overflow, ErrorCode.SEMAPHORE, self.program_counter),
                    (self.conflicts.any(), ErrorCode.SCHEDULE, self.conflicts),
                    (self.faults.any(), ErrorCode.ADDRESS, self.faults),
                    (self.program_error, self.program_error_code, self.program_counter)):
                with m.If(happened):
                    self.tell(m, code, detail)
        with m.If(self.minds_damage() & ~self.error & self.damaged.any()):
            self.tell(m, ErrorCode.MEMORY, self.damaged)
        return m

    def minds_damage(self) -> Value:
        """Whether an image may still come of a word that was read."""
        return self.running | self.paused | self.ending

    def tell(self, m: Module, code: Value | ErrorCode, detail: Value) -> None:
        """Raise the error in the next cycle."""
        m.d.sync += [self.error.eq(1), self.error_code.eq(code), self.error_detail.eq(detail)]
