"""Weight loader against its descriptors: rows, parameters, cycles and handshake."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb

from golden.compile.words import parameter_words
from golden.spec import numbers
from golden.spec.descriptors import LoadSource, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import LOAD_TAIL
from golden.spec.sdram import POWER_UP_CYCLES, arrivals
from sim import seed as seeds
from sim.bench_engine import EngineDriver, Model, bench_config, issue, load, pack, random_masks
from sim.clock import Clock
from sim.scoreboard import Scoreboard

DESCRIPTORS = 60
READ_LATENCY = 2
ADDRESS_BITS = 20
MOST_ROWS = 4000
"""Of one load, so that the rows of the last slot pass the largest address of the tile's port."""
SDRAM_WORDS = 1024
"""Weights of a bench whose words take WRITE_CYCLES to be written."""
WRITE_CYCLES = 40
PACKED_EVERY = 64
"""Distance of the weight rows from which on there are parameters as the compiler packs them."""


def words_of(values):
    return values["rows"] + (numbers.PARAMETER_ROWS if values["parameters"] else 0)


def reads_of(config, values):
    """When each word is read, in cycles from the first one of work: one a cycle, or as an SDRAM gives them."""
    if config.sdram_weights and values["source"] == LoadSource.WEIGHT:
        return [arrival - 1 for arrival in arrivals(config, values["base"], words_of(values))]
    return list(range(words_of(values)))


def cycles_of(config, values):
    """Cycles of work."""
    return max(reads_of(config, values), default=-1) + 1


@dataclass
class LoadModel(Model):
    """An empty load takes no cycle of work and tells so LOAD_TAIL cycles after it was accepted."""

    def step(self, cycle, offered, available):
        outputs = super().step(cycle, offered, available)
        if outputs["ready"] and not self.left:
            self.current = None
            self.starts.pop()
            signals = offered["signal_each"] | offered["signal_last"]
            if signals:
                self.pending.append((cycle + LOAD_TAIL, signals))
        return outputs


def random_descriptor(config, generator, depths):
    source = generator.choice(list(LoadSource))
    parameters = int(generator.random() < 0.5)
    rows = generator.choice([0, 1, generator.randint(2, 40)])
    if generator.random() < 0.05:
        rows = config.slot_rows
    base = generator.choice([0, depths[source], generator.randint(0, depths[source])])
    values = {**random_masks(generator), "source": int(source), "rows": rows, "slot": generator.randrange(config.slots),
              "parameters": parameters}
    if generator.random() < 0.2:
        values |= {"signal_each": 0, "signal_last": 0}      # nobody is told, and yet the loader is not idle before
    return {**values, "base": max(0, min(base, depths[source] - words_of(values)))}


def random_parameters(config, generator):
    """Parameters of a tile: what the array is to see, and the rows that the compiler makes of them."""
    multipliers = generator.integers(0, 1 << numbers.MULTIPLIER_BITS, config.width)
    biases = generator.integers(-(1 << 17), 1 << 17, config.width)
    channels = [int(multiplier) | (int(bias) & 0x3FFFF) << numbers.MULTIPLIER_BITS
                for multiplier, bias in zip(multipliers, biases, strict=True)]
    return pack(channels, numbers.PARAMETER_BITS), parameter_words(multipliers, biases, config.width)


def random_memories(config, generator, depths):
    """Words of each memory, and the parameters that are packed among the weights, by their first row."""
    content = {source: generator.integers(0, 16, (depth, config.width)) for source, depth in depths.items()}
    packed = {}
    for base in range(0, depths[LoadSource.WEIGHT], PACKED_EVERY):
        packed[base], rows = random_parameters(config, generator)
        for row, word in enumerate(rows):
            content[LoadSource.WEIGHT][base + row] = [word >> (4 * i) & 15 for i in range(config.width)]
    return {source: [pack(row, 4) for row in rows] for source, rows in content.items()}, packed


def random_descriptors(config, generator, depths, packed):
    """Any descriptors, every third with packed parameters."""
    descriptors = [random_descriptor(config, generator, depths) for _ in range(DESCRIPTORS)]
    full = depths[LoadSource.KEY_VALUE] - config.slot_rows
    descriptors[1].update(source=int(LoadSource.KEY_VALUE), parameters=0, rows=config.slot_rows, base=max(0, full))
    for values in descriptors[::3]:
        values.update(source=int(LoadSource.WEIGHT), parameters=1, base=generator.choice(list(packed)[:-8]),
                      rows=min(values["rows"], 200))
    return descriptors


@dataclass
class Watch:
    """What the loader does in each cycle: rows recorded, parameters of a random slot compared.

    Args:
        words: of each memory.
        packed: parameters among the weights, by their first row.
    """

    dut: Any
    config: HardwareConfig
    generator: random.Random
    model: LoadModel
    words: dict[LoadSource, list[int]]
    packed: dict[int, int]
    writes: list = field(default_factory=list)      # (cycle, address, data)
    started: int = 0                                # descriptors whose parameters are in ``due`` or were
    due: list = field(default_factory=list)         # parameter rows to come: (cycle, descriptor, row)
    slots: dict = field(default_factory=dict)       # slot -> row -> (word, descriptor)
    slot: int = 0
    compared: dict = field(default_factory=lambda: dict.fromkeys(("any", "packed"), 0))

    def cycle(self, cycle: int) -> None:
        self.record(cycle)
        self.follow(cycle)
        self.compare(cycle)
        self.slot = self.generator.randrange(self.config.slots)
        self.dut.parameter_slot.value = self.slot

    def record(self, cycle: int) -> None:
        """The row that is written."""
        if int(self.dut.written__enable.value):
            self.writes.append((cycle, int(self.dut.written__address.value), int(self.dut.written__data.value)))

    def follow(self, cycle: int) -> None:
        """Which parameter rows each slot holds in this cycle."""
        for values, _, start in self.model.starts[self.started:]:
            if values["parameters"]:
                reads = reads_of(self.config, values)[:numbers.PARAMETER_ROWS]
                self.due += [(start + read + READ_LATENCY + 1, values, row) for row, read in enumerate(reads)]
        self.started = len(self.model.starts)
        while self.due and self.due[0][0] <= cycle:
            _, values, row = self.due.pop(0)
            word = self.words[LoadSource(values["source"])][values["base"] + row]
            self.slots.setdefault(values["slot"], {})[row] = (word, values)

    def compare(self, cycle: int) -> None:
        """The chosen slot's parameters with its rows, and with what the compiler packed where all are of one load."""
        rows = self.slots.get(self.slot, {})
        if len(rows) < numbers.PARAMETER_ROWS:
            return
        got = int(self.dut.parameters.value)
        channels = [sum((rows[row][0] >> (4 * i) & 15) << (4 * row) for row in rows) for i in range(self.config.width)]
        want = pack(channels, numbers.PARAMETER_BITS)
        assert got == want, f"loader: parameters of slot {self.slot} at cycle {cycle}: expected {want:x}, got {got:x}"
        self.compared["any"] += 1
        last = rows[numbers.PARAMETER_ROWS - 1][1]
        is_whole = all(values is last for _, values in rows.values())
        if is_whole and last["base"] in self.packed and last["source"] == LoadSource.WEIGHT:
            assert got == self.packed[last["base"]], f"loader: parameters of slot {self.slot} are not as compiled"
            self.compared["packed"] += 1


def expected_writes(config, model, words):
    """(cycle, address, data) of every row, in order."""
    expected = []
    for values, _, start in model.starts:
        first = numbers.PARAMETER_ROWS if values["parameters"] else 0
        for row, read in enumerate(reads_of(config, values)[first:]):
            word = words[LoadSource(values["source"])][values["base"] + first + row]
            expected.append((start + read + READ_LATENCY, values["slot"] * config.slot_rows + row, word))
    return expected


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(credit=[1.0, 0.1, 0.02])
async def loads(dut, credit):
    """Each word arrives in its row of its slot or among its parameters, in its cycle."""
    config = bench_config()
    clock = Clock(dut)
    generator = seeds.generator(f"loader {credit}")
    weights = SDRAM_WORDS if config.sdram_weights else 4096
    depths = {LoadSource.WEIGHT: weights, LoadSource.KEY_VALUE: config.key_value_words}
    words, packed = random_memories(config, seeds.numpy_generator(f"loader {credit}"), depths)
    model = LoadModel(lambda values: cycles_of(config, values), lambda values: LOAD_TAIL, overlap=True)
    driver = EngineDriver(dut, clock, Opcode.LOAD, model, generator, credit=credit,
                          bubble=0.0 if credit == 1.0 else 0.2)
    dut.parameter_slot.value = 0
    await clock.start()
    if config.sdram_weights:
        await clock.wait_cycles(POWER_UP_CYCLES + 200)
    filling = [cocotb.start_soon(load(dut, clock, f"load_{source.name.lower()}", words[source],
                                      WRITE_CYCLES if config.sdram_weights else 1)) for source in words]
    for task in filling:
        await task
    watch = Watch(dut, config, generator, model, words, packed)
    descriptors = random_descriptors(config, generator, depths, packed)
    await driver.run(descriptors, timeout=100_000, on_cycle=watch.cycle)
    expected = expected_writes(config, model, words)
    board = Scoreboard("loader")
    board.compare_writes(expected, watch.writes)
    assert len(dut.written__data) == config.word_bits
    assert watch.compared["packed"] > DESCRIPTORS
    dut._log.info(board.finish(least=3 * DESCRIPTORS) + f"; parameters compared {watch.compared}")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def what_lies_past_an_end_stays_there(dut):
    """An address with more bits than its memory's port becomes all ones: a read faults, a row goes past the tile."""
    config = bench_config()
    if config.sdram_weights:
        return      # the store looks at a fetch's end itself
    clock = Clock(dut)
    generator = seeds.generator("loader past the end")
    dut.parameter_slot.value = dut.descriptor__valid.value = dut.available.value = 0
    await clock.start()
    for source, depth in ((LoadSource.WEIGHT, config.weight_words), (LoadSource.KEY_VALUE, config.key_value_words)):
        for bit in range((2 * depth - 1).bit_length(), ADDRESS_BITS):
            await begin(dut, clock, {"source": int(source), "rows": 1, "base": 1 << bit | generator.randrange(depth)})
            assert int(dut.fault.value), f"loader: a read at 2^{bit} of {depth} words is no fault"
    largest = (1 << len(dut.written__address)) - 1
    slot = config.slots - 1
    await begin(dut, clock, {"source": int(LoadSource.WEIGHT), "rows": MOST_ROWS, "slot": slot})
    targets = []
    for _ in range(MOST_ROWS + READ_LATENCY + 1):
        await clock.next_edge()
        if int(dut.written__enable.value):
            targets.append(int(dut.written__address.value))
    assert targets == [min(slot * config.slot_rows + row, largest) for row in range(MOST_ROWS)]
    assert targets[-1] == largest, "loader: the slot's rows end before the port's addresses do"


async def begin(dut, clock, values):
    """Hand over a descriptor; returns in the cycle of its first read."""
    while not int(dut.idle.value):
        await clock.next_edge()
    dut.descriptor__payload.value, dut.descriptor__valid.value = issue(Opcode.LOAD, values), 1
    await clock.next_edge()
    dut.descriptor__valid.value = 0
    await clock.next_edge()
