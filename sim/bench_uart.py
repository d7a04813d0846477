"""UART: every byte both ways in bits of two lengths; a crooked clock, breaks, spikes; latency and throughput."""

from __future__ import annotations

import cocotb

from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark_all
from sim.units import unit_description

BITS = 10
SIXTEENTHS = 16


class Bench:
    """Lines of one bit length."""

    def __init__(self, dut, index: int) -> None:
        parameters = unit_description()["parameters"]
        self.cycles = parameters["bit_cycles"][index]
        self.latency = parameters["latencies"][index]
        self.random = seeds.generator(f"uart {index}")
        self.clock = Clock(dut)
        self.dut = dut
        for each in parameters["bit_cycles"]:
            getattr(dut, f"rx_{each}").value = 1
            getattr(dut, f"sent_{each}__valid").value = 0
        self.rx, self.tx, self.broken = (getattr(dut, f"{name}_{self.cycles}") for name in ("rx", "tx", "broken"))
        self.received: list[tuple[int, int]] = []      # cycle and byte
        self.breaks = 0

    async def start(self) -> None:
        await self.clock.start()
        cocotb.start_soon(self.watch())

    async def watch(self) -> None:
        valid, payload = (getattr(self.dut, f"{name}_{self.cycles}") for name in ("valid", "received"))
        while True:
            await self.clock.next_edge()
            self.breaks += int(self.broken.value)
            if int(valid.value):
                self.received.append((self.clock.cycle, int(payload.value)))

    async def send(self, value: int, bit_sixteenths: int, stop: int = 1) -> int:
        """Put a byte on the line, in bits of so many sixteenths of a cycle; returns the cycle in which it fell."""
        fell, time = self.clock.cycle + 1, 0     # a cycle has the number of the edge that ends it
        for bit in (0, *(value >> place & 1 for place in range(8)), stop):
            self.rx.value = bit
            before = time // SIXTEENTHS
            time += bit_sixteenths
            await self.clock.wait_cycles(time // SIXTEENTHS - before)
        self.rx.value = 1
        return fell

    async def transmit(self, values: list[int]) -> list[int]:
        """Offer bytes without a pause; returns the cycle in which each was taken."""
        valid, ready, payload = (getattr(self.dut, f"sent_{self.cycles}__{part}")
                                 for part in ("valid", "ready", "payload"))
        taken = []
        for value in values:
            valid.value, payload.value = 1, value
            await self.clock.next_edge()
            while not int(ready.value):
                await self.clock.next_edge()
            taken.append(self.clock.cycle)
        valid.value = 0
        return taken

    async def line(self, cycles: int) -> list[int]:
        """The transmitter's line in so many cycles."""
        levels = []
        for _ in range(cycles):
            await self.clock.next_edge()
            levels.append(int(self.tx.value))
        return levels


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(index=[0, 1], error=[0, -2, 2])
async def every_byte_arrives(dut, index, error):
    """All bytes, back to back and apart, from a sender whose bits are 2 % off; after as many cycles as stated."""
    bench = Bench(dut, index)
    await bench.start()
    values = bench.random.sample(range(256), 256)
    sixteenths = round(SIXTEENTHS * bench.cycles * (1 + error / 100))
    fell = []
    for value in values:
        fell.append(await bench.send(value, sixteenths))
        await bench.clock.wait_cycles(bench.random.choice([0, 0, 1, 7, 40]))
    await bench.clock.wait_cycles(20)
    assert [value for _, value in bench.received] == values
    assert not bench.breaks
    if not error:
        assert {arrived - low for (arrived, _), low in zip(bench.received, fell, strict=True)} \
            == {bench.latency + (BITS - 1) * bench.cycles}
    bits = {-1: "short", 0: "exact", 1: "long"}[(error > 0) - (error < 0)]
    mark_all((f"bytes of {bits} bits received", "byte received right behind another", "byte received after a rest"))


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(index=[0, 1])
async def nothing_but_bytes_arrives(dut, index):
    """A low stop bit, a long break and short spikes: told as broken or not at all, and the next byte arrives."""
    bench = Bench(dut, index)
    await bench.start()
    for round_ in range(1, 20):
        await bench.send(bench.random.randrange(256), SIXTEENTHS * bench.cycles, stop=0)
        bench.rx.value = 0
        await bench.clock.wait_cycles(bench.random.choice([1, 5, 200]))
        bench.rx.value = 1
        await bench.clock.wait_cycles(2 * bench.cycles)
        bench.rx.value = 0
        await bench.clock.wait_cycles(bench.cycles // 2)
        bench.rx.value = 1
        await bench.clock.wait_cycles(2 * bench.cycles)
        value = bench.random.randrange(256)
        await bench.send(value, SIXTEENTHS * bench.cycles)
        await bench.clock.wait_cycles(10)
        assert bench.breaks == round_, f"{bench.breaks} breaks told after {round_}"
        assert [got for _, got in bench.received] == [value], "another byte"
        bench.received.clear()
    mark_all(("low stop bit", "break longer than a byte", "spike shorter than half a bit"))


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(index=[0, 1])
async def bytes_leave_without_a_pause(dut, index):
    """Start bit, bits, stop bit, each of the right length; a byte every ten bits; the line rests high."""
    bench = Bench(dut, index)
    await bench.start()
    values = [bench.random.randrange(256) for _ in range(40)]
    watching = cocotb.start_soon(bench.line((len(values) + 1) * BITS * bench.cycles))
    begun = bench.clock.cycle
    taken = await bench.transmit(values)
    levels = await watching
    assert {later - earlier for earlier, later in zip(taken, taken[1:], strict=False)} == {BITS * bench.cycles}
    expected = [bit for value in values for bit in (0, *(value >> place & 1 for place in range(8)), 1)
                for _ in range(bench.cycles)]
    rest = levels[:taken[0] - begun]
    levels = levels[len(rest):]
    assert all(rest) and levels[:len(expected)] == expected, "another line"
    assert all(levels[len(expected):])
    mark_all(("byte sent right behind another", "line rests behind the last byte"))
