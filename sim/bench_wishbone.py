"""Bench of the Wishbone bridge: the master of cocotbext-wishbone before it, a register file of random speed behind."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotbext.wishbone.driver import WBOp

from golden.spec.registers import ADDRESS_BITS, DATA_BITS
from sim import seed as seeds
from sim.bus_links import WishboneLink
from sim.clock import Clock
from sim.register_model import RegisterModel

CYCLES = 40
MOST_TRANSFERS = 6
REFUSED = 2
"""Of cocotbext-wishbone: the reply was err."""
LIMIT = 500
REGISTERS = (*range(20, 64), *((1 << bit) + 21 for bit in range(6, ADDRESS_BITS)))
"""Those that are written and read: neighbours, and one for each bit of an address."""


def register_value(address: int) -> int:
    """What the model holds before anything is written."""
    return address * 0x9E3779B1 & (1 << DATA_BITS) - 1


class Bench:
    """Both sides of a bridge, and the run's randomness."""

    def __init__(self, dut: Any, stall: float, idle: int) -> None:
        self.dut = dut
        self.clock = Clock(dut)
        self.random = seeds.generator("wishbone")
        self.link = WishboneLink(dut, self.clock)
        self.idle = idle
        self.model = RegisterModel(dut, self.clock, stall)
        self.model.memory = {address: register_value(address) for address in REGISTERS}

    async def start(self, withdrawn: bool = False) -> None:
        self.dut.wb_sel.value = 0xF
        await self.clock.start()
        self.model.start(withdrawn)

    def operation(self) -> WBOp:
        """A write or a read of any register, now and then of some bytes."""
        whole = self.random.random() < 0.8
        return WBOp(self.random.choice(REGISTERS), self.random.choice([None, self.random.getrandbits(DATA_BITS)]),
                    idle=self.random.randint(0, self.idle), sel=0xF if whole else self.random.randrange(15))


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.6], idle=[0, 3])
async def transfers(dut: Any, stall: float, idle: int) -> None:
    """Every whole write arrives once and in order, others end with err; every read gives what was written last."""
    bench = Bench(dut, stall, idle)
    await bench.start()
    memory, writes = dict(bench.model.memory), []
    for _ in range(CYCLES):
        operations = [bench.operation() for _ in range(bench.random.randint(1, MOST_TRANSFERS))]
        results = await bench.link.transfer(operations)
        assert len(results) == len(operations), f"{len(operations)} transfers, {len(results)} replies"
        for operation, result in zip(operations, results, strict=True):
            refused = operation.dat is not None and operation.sel != 0xF
            assert result.ack == (REFUSED if refused else 1), f"register {operation.adr}: reply {result.ack}"
            if operation.dat is None:
                assert int(result.datrd) == memory[operation.adr], f"read of {operation.adr}: {int(result.datrd):#x}"
            elif not refused:
                writes.append((operation.adr, operation.dat))
                memory[operation.adr] = operation.dat
        assert bench.model.writes == writes, f"writes: {bench.model.writes[-2:]}, expected {writes[-2:]}"


async def wait_for_reply(bench: Bench) -> int:
    """Hold the transfer until its end; returns the cycles it took."""
    for cycles in range(1, LIMIT):
        await bench.clock.next_edge()
        if bench.dut.wb_ack.value or bench.dut.wb_err.value:
            bench.dut.wb_stb.value = 0
            return cycles
    raise AssertionError(f"no reply within {LIMIT} cycles")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def cycles_of_a_transfer(dut: Any) -> None:
    """A write is acknowledged in its second cycle, a read in its third where the answer comes in the second."""
    bench = Bench(dut, 0.0, 0)
    await bench.start()
    await bench.clock.wait_cycles(3)
    for write, expected in ((1, 2), (0, 3), (1, 2)):
        dut.wb_cyc.value, dut.wb_stb.value, dut.wb_we.value, dut.wb_adr.value = 1, 1, write, 25
        assert await wait_for_reply(bench) == expected
        await bench.clock.wait_cycles(2)
    assert len(bench.model.writes) == 2


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def transfers_given_up(dut: Any) -> None:
    """The answer of a read that its master gave up never comes, and is not taken for that of the next one."""
    bench = Bench(dut, 0.6, 0)
    await bench.start(withdrawn=True)
    dut.wb_we.value = 0
    for _ in range(CYCLES):
        first, second = bench.random.sample(REGISTERS, 2)
        dut.wb_cyc.value, dut.wb_stb.value, dut.wb_adr.value = 1, 1, first
        for _ in range(bench.random.randint(1, 4)):
            await bench.clock.next_edge()
            if dut.wb_ack.value:
                break
        dut.wb_cyc.value = 0
        await bench.clock.next_edge()
        assert not dut.wb_err.value
        dut.wb_cyc.value, dut.wb_stb.value, dut.wb_adr.value = 1, 1, second
        await bench.clock.next_edge()
        assert not dut.wb_ack.value, "an acknowledgement in the first cycle of a transfer"
        await wait_for_reply(bench)
        read = int(dut.wb_dat_r.value)
        assert read == register_value(second), f"the answer to another transfer: {read:#x}, not of {second}"
        dut.wb_cyc.value = 0
        await bench.clock.wait_cycles(bench.random.randint(1, 3))
