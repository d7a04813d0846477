"""Bench of what the core itself wires up: errors name their memory, a full queue loses nothing, STATUS is at its port.

Its top level can flip stored bits (``sim.faults.stores``).
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import DeviceError, Driver
from golden.spec.check import LEAST_CHECK_BITS
from golden.spec.descriptors import Engine, Opcode, encode
from golden.spec.hardware import CHECKED_MEMORIES, HardwareConfig, load_hardware
from golden.spec.image import Kind, Memory, Section, build_segment
from golden.spec.registers import BUSY_COUNTERS, ErrorCode, Status
from golden.spec.split import line_channels
from golden.spec.timing import predict
from sim import seed as seeds
from sim.bench_engine import CONFIG_VARIABLE
from sim.clock import Clock
from sim.faults.stores import find_stores
from sim.link import SimulatedLink
from sim.units import config_file
from sim.wiring_programs import HALT, Case, collisions, faults, last_words, queues, readers

CORE_VARIABLE = "HALFTONE_BENCH_CORE"
"""The core's Verilog, in which the bench finds the memories."""
REST_CYCLES = 50
POLLS = 2000
BEGIN_CYCLES, TELL_CYCLES = 1, 3
"""From RUNNING to the first cycle that counts; from the last one that does to what the host is told."""


class Bench:
    """One core and its driver, with nothing but programs in it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.clock = Clock(dut)
        self.driver = Driver(SimulatedLink(dut, self.clock, REST_CYCLES))
        self.config: HardwareConfig = load_hardware(config_file(os.environ[CONFIG_VARIABLE]))
        self.memories = [name for name in self.config.memory_shapes if name != "split" or self.config.dense_lanes]
        self.random = seeds.generator("wiring")

    async def start(self) -> None:
        self.dut.flip.value = 0
        await self.clock.start()
        await self.driver.identify(self.config)
        await self.driver.seed(1 + self.random.getrandbits(32))

    async def load(self, *descriptors: int) -> None:
        """A program, and what a start asks for beside it, up to the last word of a memory.

        Of the first line of operands every channel is dense.
        """
        conditioning = [Section(Memory.MODULATION, 0, [0])]
        if self.config.dense_lanes:
            none = [0] * (self.config.split_lines - 1)
            conditioning.append(Section(Memory.SPLIT, 0, [(1 << line_channels(self.config)) - 1, *none]))
        for kind, sections in ((Kind.PROGRAM, [Section(Memory.PROGRAM, 0, descriptors)]),
                               (Kind.CONDITIONING, conditioning)):
            await self.driver.load(build_segment(self.config, kind, sections))

    async def error(self) -> tuple[ErrorCode, int]:
        """Start, and wait for the error that ends it: code and detail."""
        try:
            await self.driver.start()
            await self.driver.wait(polls=POLLS)
        except DeviceError as error:
            assert error.code is not None, str(error)
            await self.compare_status(Status.ERROR, Status.DONE | Status.RUNNING)
            return error.code, await self.driver.read("ERROR_DETAIL")
        raise AssertionError("the program ended without an error")

    async def ends(self, started: bool = False) -> None:
        """The program ends as it should."""
        if not started:
            await self.driver.start()
        await self.driver.wait(polls=POLLS)
        await self.compare_status(Status.DONE, Status.RUNNING | Status.PAUSED | Status.ERROR)

    async def expect(self, case: Case, loaded: bool = False) -> None:
        """The case ends in its error, which names its memories."""
        if not loaded:
            await self.load(*case.program)
        code, detail = await self.error()
        named = tuple(name for place, name in enumerate(self.memories) if detail >> place & 1)
        assert (code, set(named)) == (case.code, set(case.memories)), (
            f"{case.name}: expected {case.code.name} of {case.memories}, got {code.name} of {named} ({detail:#x})")

    async def compare_status(self, high: Status, low: Status) -> None:
        """The register and the port show the same, with these bits high and these low."""
        status, port = await self.driver.status(), Status(int(self.dut.status.value))
        assert status & high == high and not status & low, f"status {status!r}; expected {high!r}, not {low!r}"
        assert port == status, f"the port shows status {port!r}, the register {status!r}"

    async def until(self, bit: Status, low: bool = False) -> int:
        """The first cycle in which a bit of STATUS is high at the port, or low."""
        while bool(int(self.dut.status.value) & bit) == low:
            await self.clock.next_edge()
        return self.clock.cycle

    async def flip(self, place: int, index: int, mask: int) -> None:
        """Turn bits of a stored word."""
        self.dut.flip_store.value, self.dut.flip_index.value = place, index
        self.dut.flip_mask.value, self.dut.flip.value = mask, 1
        await self.clock.next_edge()
        self.dut.flip.value = 0
        await self.clock.next_edge()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def an_access_past_an_end_names_its_memory(dut: Any) -> None:
    """ADDRESS, with the one bit of the memory whose end was passed."""
    bench = Bench(dut)
    await bench.start()
    for case in faults(bench.config):
        await bench.expect(case)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def the_last_word_of_a_memory_can_be_used(dut: Any) -> None:
    """By every engine that reaches it, one after the other, without an error."""
    bench = Bench(dut)
    await bench.start()
    descriptors = [(word, encode(Opcode.SYNC, {})) for word in last_words(bench.config)]
    await bench.load(*(word for pair in descriptors for word in pair), HALT)
    await bench.ends()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def pause_and_end_are_told_in_their_cycle(dut: Any) -> None:
    """TELL_CYCLES after the last cycle that counts, once what it read last is verified; STEP counts the pauses."""
    bench = Bench(dut)
    await bench.start()
    program = [encode(Opcode.NORM, {"count": 1, "words": 1, "table_groups": 1}),
               encode(Opcode.SYNC, {"step_end": 1}), HALT]
    foretold = predict(program, bench.config)
    await bench.load(*program)
    begun = cocotb.start_soon(bench.until(Status.RUNNING))
    paused = cocotb.start_soon(bench.until(Status.PAUSED))
    await bench.driver.start(pause=True)
    await bench.driver.wait(polls=POLLS)
    await bench.compare_status(Status.RUNNING | Status.PAUSED, Status.DONE | Status.ERROR)
    assert await bench.driver.read("STEP") == 1
    begin = await begun
    last = BEGIN_CYCLES + foretold.step_cycles[0] - 1
    assert await paused - begin == last + TELL_CYCLES, "the pause"
    resumed = bench.clock.cycle
    stood = cocotb.start_soon(bench.until(Status.PAUSED, low=True))
    rested = cocotb.start_soon(bench.until(Status.RUNNING, low=True))
    ended = cocotb.start_soon(bench.until(Status.DONE))
    await bench.driver.resume()
    await bench.ends(started=True)
    last = await stood + foretold.cycles - foretold.step_cycles[0] - 1
    assert await stood > resumed and await ended == last + TELL_CYCLES == await rested, "the end"


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def units_that_meet_name_their_memory(dut: Any) -> None:
    """SCHEDULE, with the one bit of the memory at which they met."""
    bench = Bench(dut)
    await bench.start()
    for case in collisions(bench.config):
        await bench.expect(case)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def damage_names_its_memory(dut: Any) -> None:
    """MEMORY, with the one bit of the memory of which a check bit was flipped, in every copy that it has."""
    bench = Bench(dut)
    await bench.start()
    stores = find_stores(Path(os.environ[CORE_VARIABLE]).read_text(encoding="utf-8"))
    programs = {name: (reader, HALT) for name, reader in readers(bench.config).items()} | {"program": (HALT,)}
    assert set(programs) == set(CHECKED_MEMORIES) & set(bench.memories)
    for name, program in programs.items():
        copies = [place for place, store in enumerate(stores) if store.memory == name]
        assert copies, f"the bench finds no array of the memory {name}"
        parts = range(2 if name == "program" else 1)    # of a descriptor, the last of which is read a cycle later
        for place, part in product(copies, parts):
            await bench.load(*program)
            mask = 1 << stores[place].bits - 1 - bench.random.randrange(LEAST_CHECK_BITS)
            await bench.flip(place, part, mask)
            await bench.expect(Case(f"{name} damaged", ErrorCode.MEMORY, (name,), program), loaded=True)
            if name != "program":       # what is not read is not told
                await bench.load(HALT)
                await bench.ends()
            await bench.flip(place, part, mask)
            await bench.load(*program)
            await bench.ends()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_full_queue_loses_nothing(dut: Any) -> None:
    """The cycles and the work of each engine that the timing model foretells; STATUS in every state on the way."""
    bench = Bench(dut)
    await bench.start()
    await bench.compare_status(Status(0), ~Status(0))
    loaded = Status.PROGRAM_LOADED | Status.CONDITIONING_LOADED
    for name, program in queues(bench.config):
        await bench.load(*program)
        await bench.compare_status(loaded, ~loaded & ~Status.DONE)
        await bench.driver.start()
        await bench.compare_status(loaded | Status.RUNNING, ~(loaded | Status.RUNNING))
        await bench.ends(started=True)
        foretold, counted = predict(program, bench.config), await bench.driver.counters()
        expected = {"CYCLES": foretold.cycles, "MACS": foretold.macs,
                    **{counter: foretold.busy[engine] for engine, counter in zip(Engine, BUSY_COUNTERS, strict=True)}}
        got = {counter: counted[counter] for counter in expected}
        assert got == expected, f"{name}: expected {expected}, got {got}"
