"""One lane of the array: one token at a time, one of its non-zero channels a cycle, ``width`` output channels."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import HardwareConfig, address_bits
from golden.spec.latency import DRAIN_LATENCY
from rtl.array.layouts import ENTRY_BITS, LineControl
from rtl.array.line_queue import LineQueue, LineWork, Step
from rtl.array.multiply_accumulate import MULTIPLY_LATENCY, MultiplyAccumulate
from rtl.memory.checked_ram import VerifiedRam
from rtl.memory.ports import READ_LATENCY, WritePort

VALUE_LATENCY = 1 + READ_LATENCY
"""Cycles from the issue of a channel to its value beside its weight row: registered index, tile memory."""
SUMS_LATENCY = VALUE_LATENCY + MULTIPLY_LATENCY
"""Cycles from the issue of a token's last channel to its ``sums``."""

assert SUMS_LATENCY == DRAIN_LATENCY, "complete one cycle before the grant, drained from the register behind the sums"


def tile_copy(config: HardwareConfig) -> VerifiedRam:
    """A copy of the tile memory; its rows come with their check bits."""
    return VerifiedRam(config.tile_rows, config.word_bits, bool(config.word_checks))


class Lane(wiring.Component):
    """Multiply one channel of the lane's token with its weight row each cycle, and accumulate.

    Lines arrive as ``LineQueue`` says. The weight rows come from the lane's own copy of the tile memory. The sums of
    the token whose last channel is issued in cycle c are in ``sums`` from c + SUMS_LATENCY on, and ``done``, with the
    token's ``entry`` and ``token``, is high from c + 1 to the next cycle with ``grant``. In that cycle at
    the earliest the last channel of the next token is issued, so ``sums`` keep for SUMS_LATENCY - 1 cycles after it.
    Initiation interval: one channel a cycle; ``space`` is the only back-pressure.
    """

    queue_unit = LineQueue
    multiply_unit = MultiplyAccumulate

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "grant": In(1),          # a token that is complete goes to the drain; without meaning where none is
            "reserve": In(1),        # a line is fetched for it; needs ``space``
            "space": Out(1),
            "line": In(config.line_bits),
            "control": In(LineControl(config)),
            "work": In(LineWork(config)),
            "line_valid": In(1),
            "tile": In(WritePort(config.tile_rows, config.kept_bits(config.word_bits))),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
            "sums": Out(config.width * config.accumulator_bits),
            "done": Out(1),          # a token is complete and not granted
            "entry": Out(ENTRY_BITS),
            "token": Out(address_bits(config.lanes)),
            "issued": Out(1),        # a channel that counts is issued
            "waiting_line": Out(1),  # lines are fetched, but none is there
            "waiting_drain": Out(1),  # the last channel waits for the token before to be granted
            "waiting_token": Out(1),  # no line is fetched
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # stage 0: the channel; stage 1: address of its row
        m.submodules.queue = queue = self.queue_unit(self.config)
        for name in ("reserve", "line", "control", "work", "line_valid"):
            m.d.comb += getattr(queue, name).eq(getattr(self, name))
        m.d.comb += [
            self.space.eq(queue.space),
            self.issued.eq(queue.counts),
            self.waiting_token.eq(queue.empty),
            self.waiting_line.eq(queue.idle & ~queue.empty),
            self.waiting_drain.eq(queue.held),
        ]
        steps = [queue.step]
        for stage in range(1, VALUE_LATENCY + 1):
            step = Signal(Step, name=f"step_{stage}")
            m.d.sync += step.eq(steps[-1])
            steps.append(step)
        # stages 1 to 3: weight row and value
        m.submodules.rows = rows = tile_copy(self.config)
        m.d.comb += [rows.read.enable.eq(steps[1].valid), rows.read.address.eq(queue.address)]
        m.d.comb += [getattr(rows.write, name).eq(getattr(self.tile, name)) for name in ("enable", "address", "data")]
        m.d.comb += [getattr(self, name).eq(getattr(rows, name)) for name in ("fault", "collision", "damaged")]
        # stages 4 to 6: products, accumulators, complete sums
        m.submodules.multiply = multiply = self.multiply_unit(self.config)
        m.d.comb += [multiply.step.eq(steps[VALUE_LATENCY]), multiply.value.eq(queue.value),
                     multiply.row.eq(rows.read.data), self.sums.eq(multiply.sums)]
        self.complete(m, queue)
        return m

    def complete(self, m: Module, queue: LineQueue) -> None:
        """One token at a time is complete and not granted; the next one's last channel waits for it."""
        with m.If(self.grant):
            m.d.sync += self.done.eq(0)
        with m.If(queue.step.valid & queue.step.last):
            m.d.sync += [self.done.eq(1), self.entry.eq(queue.entry), self.token.eq(queue.token)]
        m.d.comb += queue.hold.eq(self.must_hold(self.done, self.grant))

    @staticmethod
    def must_hold(done: Value, grant: Value) -> Value:
        return done & ~grant
