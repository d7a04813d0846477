"""Stream drivers and clock on a small buffer; started by ``test_house``."""

from __future__ import annotations

import cocotb

from sim import seed as seeds
from sim.clock import Clock
from sim.scoreboard import Scoreboard
from sim.streams import Monitor, Sink, Source

COUNT = 500


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5])
async def nothing_is_lost(dut, idle, stall):
    """Random bubbles and back-pressure change timing, never a value or the order."""
    clock = Clock(dut)
    source = Source(dut, "i", clock, idle=idle, generator=seeds.generator("idle"))
    sink = Sink(dut, "o", clock, stall=stall, generator=seeds.generator("stall"))
    monitor = Monitor(dut, "o", clock)
    values = seeds.numpy_generator("values").integers(0, 256, COUNT)
    await clock.start()
    cocotb.start_soon(monitor.watch())
    sending = cocotb.start_soon(source.send(values))
    received = await sink.receive(COUNT)
    sent_cycles = await sending
    await clock.next_edge()
    board = Scoreboard("fifo")
    board.compare("o", values, [transfer.payload for transfer in received],
                  [transfer.cycle for transfer in received])
    assert monitor.transfers == received
    assert all(sent < transfer.cycle for sent, transfer in zip(sent_cycles, received, strict=True))
    if not idle and not stall:
        assert received[-1].cycle - received[0].cycle == COUNT - 1, "the buffer takes and gives a value every cycle"
    board.finish(least=COUNT)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def waiting_counts_cycles(dut):
    """``wait_cycles`` ends at the same edge as so many single steps would."""
    clock = Clock(dut)
    await clock.start()
    for count in (0, 1, 2, 3, 100):
        before = clock.cycle
        await clock.wait_cycles(count)
        assert clock.cycle == before + count
