"""Memories with a line port, with two readers, or kept in parts, against a plain list, in every cycle."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb

from golden.spec.check import stored_bits
from golden.spec.step import STEP_FIELDS, STEP_SLOT_BITS, STEP_WORD_BITS
from sim import seed as seeds
from sim.bench_engine import bench_config, load
from sim.clock import Clock
from sim.coverage.marks import mark
from sim.units import unit_description

PAST_END = 16
"""Words past the end that are tried: the first one of each bank of a line is among them."""
CYCLES = 4000
READ_LATENCY, DAMAGE_LATENCY = 2, 3
DAMAGED_SHARE = 0.2
"""Of the words that are written."""


def near(generator: random.Random, depth: int, last: int) -> int:
    """An address near another one, anywhere, or past the end."""
    kind = generator.random()
    if kind < 0.1:
        largest = (2 << (depth - 1).bit_length()) - 1
        return generator.choice([depth, min(depth + generator.randrange(PAST_END), largest), largest])
    return min(depth - 1, max(0, last + generator.randint(-2, 2))) if kind < 0.6 else generator.randrange(depth)


class Content:
    """What a memory holds, and what each reader is to see of it.

    A reader's places are the addresses that it uses in a cycle, by their position in what it gets. Bits of a word that
    are not in ``mask`` are not kept.
    """

    def __init__(self, dut: Any, shape: tuple[int, int], readers: int, mask: int = -1) -> None:
        self.dut = dut
        self.depth, self.bits = shape
        self.random = seeds.generator("memory")
        self.mask = mask
        self.words = [self.random.getrandbits(self.bits) & mask for _ in range(self.depth)]
        self.coming: list[deque[dict[int, int]]] = [deque([{}] * READ_LATENCY) for _ in range(readers)]
        self.write: tuple[int, int] | None = None
        self.compared = self.collisions = self.faults = self.found = 0
        self.is_checked = hasattr(dut, "flips")
        kept = len(dut.flips) if self.is_checked else 0
        self.word_bits = next((bits for bits in range(kept) if stored_bits(bits) == kept), 0)   # below the check bits
        self.flipped = 0                                        # check bits, in what is written in this cycle
        self.damaged: set[int] = set()                          # words that do not match their check bits
        self.verdicts: deque[bool | None] = deque([False] * DAMAGE_LATENCY)
        self.unit = unit_description()["top"]

    def drive_write(self, last: int) -> None:
        """A write near another address, or none."""
        address, word = near(self.random, self.depth, last), self.random.getrandbits(self.bits)
        self.write = (address, word & self.mask) if self.random.random() < 0.7 else None
        self.dut.write__enable.value = int(self.write is not None)
        self.dut.write__address.value = address
        self.dut.write__data.value = word

    def drive_flips(self) -> None:
        """Flip check bits of what is written in this cycle, or none."""
        if self.is_checked:
            count = len(self.dut.flips) - self.word_bits
            some = self.random.choice([1 << self.random.randrange(count), self.random.getrandbits(count)])
            self.flipped = some if self.random.random() < DAMAGED_SHARE else 0
            self.dut.flips.value = self.flipped << self.word_bits

    def check_damage(self, cycle: int, places: dict[int, int], written: int) -> None:
        """The verdict on what was read before; any will do for a word that block RAM did not have."""
        if not self.is_checked:
            return
        place = places.get(0, -1)
        undefined = place >= self.depth or (place >= 0 and place == written)
        self.verdicts.append(None if undefined else place in self.damaged)
        want, got = self.verdicts.popleft(), int(self.dut.damaged.value)
        assert want is None or got == want, f"memory: cycle {cycle}: expected damaged {int(want)}, got {got}"
        self.found += bool(want)

    def check(self, cycle: int, places: list[dict[int, int]], data: list[int]) -> None:
        """Everything that is shown in a cycle, ``places`` and ``data`` of each reader."""
        address, word = self.write or (-1, 0)
        used = {place for reader in places for place in reader.values()}
        fault = address >= self.depth or any(place >= self.depth for place in used)
        flags = {"fault": fault, "collision": address in used}
        for name, flag in flags.items():
            assert int(getattr(self.dut, name).value) == flag, f"memory: cycle {cycle}: expected {name} {int(flag)}"
            if flag:
                mark(f"{self.unit} {name}")
        for reader, queue, got in zip(places, self.coming, data, strict=True):
            queue.append({position: self.words[place] for position, place in reader.items()
                          if place < self.depth and place != address})
            for position, want in queue.popleft().items():
                have = got >> self.bits * position & (1 << self.bits) - 1
                assert have == want, f"memory: cycle {cycle}: word {position}: expected {want}, got {have}"
                self.compared += 1
        self.check_damage(cycle, places[0], address)
        if self.write and address < self.depth:
            self.words[address] = word
            (self.damaged.add if self.flipped else self.damaged.discard)(address)
        self.faults += fault
        self.collisions += address in used

    def finish(self) -> str:
        assert self.compared > CYCLES // 2 and self.collisions and self.faults and (self.found or not self.is_checked)
        return (f"memory: {self.compared} words equal, {self.collisions} collisions, {self.faults} faults, "
                f"{self.found} found damaged")


async def start(content: Content, *readers: str) -> Clock:
    """Start the clock and fill the memory."""
    clock = Clock(content.dut)
    for name in (*readers, "write"):
        getattr(content.dut, f"{name}__enable").value = 0
    if content.is_checked:
        content.dut.flips.value = 0
    await clock.start()
    await load(content.dut, clock, "write", content.words)
    return clock


async def read_lines(dut: Any) -> None:
    """Lines, of which the reader uses any words; a collision is a write of one of these."""
    config = bench_config()
    content = Content(dut, config.memory_shapes["probability"], 1)
    clock = await start(content, "read")
    random = content.random
    last = 0
    for _ in range(CYCLES):
        content.drive_write(last)
        last = near(random, content.depth, last)
        line, words, enable = last // config.line_words, random.getrandbits(config.line_words), random.random() < 0.8
        dut.read__enable.value = int(enable)
        dut.read__address.value = line
        dut.read__words.value = words
        await clock.next_edge()
        places = {i: line * config.line_words + i for i in range(config.line_words) if enable and words >> i & 1}
        content.check(clock.cycle, [places], [int(dut.read__data.value)])
    dut._log.info(content.finish())


async def read_twice(dut: Any) -> None:
    """Two readers, each with its own address."""
    content = Content(dut, bench_config().memory_shapes["residual"], 2)
    clock = await start(content, "read_0", "read_1")
    random = content.random
    last = 0
    for _ in range(CYCLES):
        content.drive_write(last)
        places = []
        for number in range(2):
            last = near(random, content.depth, last)
            enable = random.random() < 0.8
            getattr(dut, f"read_{number}__enable").value = int(enable)
            getattr(dut, f"read_{number}__address").value = last
            places.append({0: last} if enable else {})
        await clock.next_edge()
        content.check(clock.cycle, places, [int(dut.read_0__data.value), int(dut.read_1__data.value)])
    dut._log.info(content.finish())


async def read_steps(dut: Any) -> None:
    """Step words, of whose slots only the fields count."""
    mask = sum((1 << field.bits) - 1 << STEP_SLOT_BITS * place for place, field in enumerate(STEP_FIELDS))
    content = Content(dut, bench_config().memory_shapes["step"], 1, mask)
    clock = await start(content, "read")
    last = 0
    for _ in range(CYCLES):
        content.drive_write(last)
        content.drive_flips()
        last = near(content.random, content.depth, last)
        enable = content.random.random() < 0.8
        dut.read__enable.value = int(enable)
        dut.read__address.value = last
        await clock.next_edge()
        content.check(clock.cycle, [{0: last} if enable else {}], [int(dut.read__data.value)])
    dut._log.info(content.finish())


async def read_parts(dut: Any) -> None:
    """Halves of words; a word's upper half is written in the cycle after its lower one."""
    depth, bits = bench_config().memory_shapes["program"]
    content = Content(dut, (2 * depth, bits // 2), 1)
    clock = Clock(dut)
    dut.read__enable.value = dut.write__enable.value = dut.flips.value = 0
    await clock.start()
    words = [low | high << bits // 2 for low, high in zip(content.words[::2], content.words[1::2], strict=True)]
    await load(dut, clock, "write", words, period=2)
    random = content.random
    last = 0
    pending: tuple[int, int] | None = None      # the upper half that is written in the coming cycle
    for _ in range(CYCLES):
        content.write, pending = pending, None
        content.drive_flips()
        dut.write__enable.value = 0
        if content.write is None and random.random() < 0.6:
            address, halves = near(random, depth, last // 2), [random.getrandbits(bits // 2) for _ in range(2)]
            content.write, pending = (2 * address, halves[0]), (2 * address + 1, halves[1])
            dut.write__enable.value = 1
            dut.write__address.value = address
            dut.write__data.value = halves[0] | halves[1] << bits // 2
        last = near(random, content.depth, last)
        enable = random.random() < 0.8
        dut.read__enable.value = int(enable)
        dut.read__address.value = last
        await clock.next_edge()
        content.check(clock.cycle, [{0: last} if enable else {}], [int(dut.read__data.value)])
    dut._log.info(content.finish())


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def matches_list(dut: Any) -> None:
    """Every word that is read, every fault and every collision."""
    if hasattr(dut, "read__words"):
        await read_lines(dut)
    elif hasattr(dut, "read_0__data"):
        await read_twice(dut)
    else:
        await (read_steps(dut) if len(dut.read__data) == STEP_WORD_BITS else read_parts(dut))
