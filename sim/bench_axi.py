"""Bench of the AXI bridge: the masters of cocotbext-axi on one side, a register file of random speed on the other."""

from __future__ import annotations

from typing import Any

import cocotb

from golden.spec.registers import ADDRESS_BITS, ADDRESSES, DATA_BITS
from sim import seed as seeds
from sim.bus_links import WORD_BYTES, AxiLink, AxiResp
from sim.clock import Clock
from sim.coverage.marks import mark
from sim.register_model import RegisterModel, pixel_value
from sim.units import unit_description

PARAMETERS = unit_description()["parameters"]
STREAM_PIXELS = PARAMETERS["stream_pixels"]
WRITE_CYCLES = PARAMETERS["write_cycles"]
MODEL_CYCLES = 1
"""From a read's request to its answer, where nothing waits."""
PIXEL_INTERVAL = PARAMETERS["pixel_cycles"] + MODEL_CYCLES
OPERATIONS = 150
WORDS = 200
MOST_PIXELS = 60
LIMIT = 100
LOAD_INTERVAL = 2


class Bench:
    """Both sides of a bridge, and the run's randomness."""

    def __init__(self, dut: Any, pause: float, stall: float) -> None:
        self.clock = Clock(dut)
        self.random = seeds.generator("axi")
        self.link = AxiLink(dut, self.clock, pause=pause)
        self.model = RegisterModel(dut, self.clock, stall)

    async def start(self) -> None:
        await self.clock.start()
        self.model.start()

    def word(self) -> int:
        return self.random.getrandbits(DATA_BITS)

    def address(self) -> int:
        """Any register but those with a meaning of their own."""
        own = {STREAM_PIXELS, ADDRESSES["LOAD"], ADDRESSES["PIXEL_DATA"]}
        return self.random.choice([address for address in (*range(32), (1 << ADDRESS_BITS) - 2) if address not in own])


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.6], stall=[0.0, 0.6])
async def registers(dut: Any, pause: float, stall: float) -> None:
    """Every write arrives once, in order, before its response; every read gives what was written last."""
    bench = Bench(dut, pause, stall)
    await bench.start()
    expected: list[tuple[int, int]] = []
    for _ in range(OPERATIONS):
        address = bench.address()
        if bench.random.random() < 0.5:
            expected.append((address, bench.word()))
            await bench.link.write(*expected[-1])
            assert bench.model.writes == expected, f"writes: {bench.model.writes[-2:]}, expected {expected[-2:]}"
        else:
            read = await bench.link.read(address)
            assert read == dict(expected).get(address, 0), f"read of {address}: {read:#x}"


async def cycles_to(clock: Clock, signal: Any) -> int:
    """Cycles from now on until a signal is high."""
    for cycles in range(LIMIT):
        await clock.next_edge()
        if signal.value:
            return cycles
    raise AssertionError(f"nothing came within {LIMIT} cycles")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def cycles_of_a_transfer(dut: Any) -> None:
    """From the later half of a write to its response, whichever it is; from a read's address to its data."""
    clock = Clock(dut)
    model = RegisterModel(dut, clock, 0.0)
    for name in ("awvalid", "wvalid", "arvalid"):
        getattr(dut, f"s_axi_{name}").value = 0
    dut.s_axis_tvalid.value, dut.s_axi_bready.value, dut.s_axi_rready.value = 0, 1, 1
    await clock.start()
    model.start()
    for halves in (("awvalid", "wvalid"), ("wvalid", "awvalid"), ("awvalid wvalid",)):
        dut.s_axi_wstrb.value, dut.s_axi_awaddr.value = 0xF, 4 * WORD_BYTES
        for half in halves:
            for name in half.split():
                getattr(dut, f"s_axi_{name}").value = 1
            await clock.next_edge()
            for name in half.split():
                getattr(dut, f"s_axi_{name}").value = 0
        assert await cycles_to(clock, dut.s_axi_bvalid) == WRITE_CYCLES - 1
    dut.s_axi_arvalid.value = 1
    await clock.next_edge()
    dut.s_axi_arvalid.value = 0
    assert await cycles_to(clock, dut.s_axi_rvalid) == WRITE_CYCLES + MODEL_CYCLES - 1
    assert len(model.writes) == 3


async def watch_channels(dut: Any, clock: Clock) -> None:
    """Mark how many channels want the registers in the same cycle: writes, reads and words."""
    while True:
        await clock.next_edge()
        asking = sum(bool(port.value) for port in (dut.s_axi_wvalid, dut.s_axi_arvalid, dut.s_axis_tvalid))
        if asking > 1:
            mark(f"bus: {asking} of AXI's channels ask at once")


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def writes_and_reads_at_once(dut: Any) -> None:
    """Reads that are under way beside writes, words and pixels get their own answers."""
    bench = Bench(dut, 0.3, 0.3)
    await bench.start()
    bench.model.memory = {address: bench.word() for address in range(64, 128)}
    words = [bench.word() for _ in range(WORDS)]
    loading = cocotb.start_soon(bench.link.write_many(ADDRESSES["LOAD"], words))
    await bench.link.write(STREAM_PIXELS, MOST_PIXELS)
    writing = [cocotb.start_soon(bench.link.write(address, address)) for address in range(20, 50)]
    cocotb.start_soon(watch_channels(dut, bench.clock))
    for address in range(64, 128):
        assert await bench.link.read(address) == bench.model.memory[address], f"read of {address}"
    assert await bench.link.receive_pixels() == [pixel_value(index) for index in range(MOST_PIXELS)]
    for task in (*writing, loading):
        await task
    await bench.clock.wait_cycles(50)
    assert [value for address, value in bench.model.writes if address == ADDRESSES["LOAD"]] == words
    assert {address: bench.model.memory[address] for address in range(20, 50)} == {a: a for a in range(20, 50)}


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5], stall=[0.0, 0.7])
async def words(dut: Any, pause: float, stall: float) -> None:
    """Every word of the stream arrives once and in order; one every second cycle where nothing waits."""
    bench = Bench(dut, pause, stall)
    await bench.start()
    sent = [bench.word() for _ in range(WORDS)]
    await bench.link.write_many(ADDRESSES["LOAD"], sent)
    await bench.clock.wait_cycles(100)
    assert bench.model.writes == [(ADDRESSES["LOAD"], word) for word in sent], "words: lost, doubled or out of order"
    if not pause and not stall:
        cycles = bench.model.write_cycles
        assert cycles[-1] - cycles[1] == LOAD_INTERVAL * (WORDS - 2), f"{cycles[:9]}"


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5], stall=[0.0, 0.5])
async def pixels(dut: Any, pause: float, stall: float) -> None:
    """As many pixels as asked for, in frames of their own; a write while some are left does nothing."""
    bench = Bench(dut, pause, stall)
    await bench.start()
    first = 0
    for count in (1, 0, bench.random.randrange(2, MOST_PIXELS)):
        await bench.link.write(STREAM_PIXELS, count)
        if count > 1:
            await bench.link.write(STREAM_PIXELS, 3)
            assert 0 < await bench.link.read(STREAM_PIXELS) <= count
        if count:
            received = await bench.link.receive_pixels()
            assert received == [pixel_value(first + index) for index in range(count)], f"pixels: {received}"
        first += count
        assert await bench.link.read(STREAM_PIXELS) == 0
    assert bench.model.pixel == first, "pixels were read that nobody asked for"
    if not pause and not stall:
        cycles = bench.model.read_cycles[-4:]
        assert cycles == list(range(cycles[0], cycles[0] + 4 * PIXEL_INTERVAL, PIXEL_INTERVAL)), f"{cycles}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def writes_of_some_bytes(dut: Any) -> None:
    """They are refused and change nothing; the next whole write works."""
    bench = Bench(dut, 0.3, 0.3)
    await bench.start()
    for length, offset in ((1, 0), (2, 2), (3, 1)):
        answer = await bench.link.master.write(WORD_BYTES * 20 + offset, bytes(length))
        assert answer.resp == AxiResp.SLVERR, f"{length} bytes: {answer.resp.name}"
    assert not bench.model.writes
    await bench.link.write(20, 7)
    assert await bench.link.read(20) == 7
