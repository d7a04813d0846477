"""Array engine against ``golden.integer``: every write, its cycle, and every cycle's handshake."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cocotb
import numpy as np

from golden.integer.product import matrix_product, weight_planes
from golden.integer.requantise import requantise
from golden.spec import numbers
from golden.spec.descriptors import Destination, LeftMemory, MultiplierSource, Opcode
from golden.spec.latency import array_tail
from golden.spec.numbers import Format
from sim import seed as seeds
from sim.bench_engine import EngineDriver, bench_config, load, pack, random_masks
from sim.clock import Clock
from sim.scoreboard import Scoreboard

DESCRIPTORS = 70
WRITE_CYCLES = 10
"""From a group's last cycle in the front end to the write of its first token; the residual stream's come one later."""
LEFT_NAMES = {LeftMemory.NORMALISED: "normalised", LeftMemory.ACTIVATION: "activation",
              LeftMemory.PROBABILITY: "probability"}
RESIDUAL = (Destination.RESIDUAL_ADD, Destination.RESIDUAL_REPLACE)
KINDS = {Destination.ACTIVATION: (Format.INT4, Format.UINT4), Destination.VALUE: (Format.INT4,),
         Destination.KEY: (Format.INT4,), Destination.SCORE: (Format.SCORE,),
         Destination.RESIDUAL_ADD: (Format.WIDE,), Destination.RESIDUAL_REPLACE: (Format.WIDE,)}
MEMORIES = ("activation", "key_value", "score", "residual_0", "residual_1")


def passes(values):
    return 4 if values["nibble_passes"] else 1


@dataclass
class ArrayModel:
    """The timing contract of the array engine, one ``step`` a cycle; as ``sim.bench_engine.Model``, without gaps."""

    config: object
    current: dict | None = None
    waiting: bool = False
    left: int = 0
    group: int = 0
    tokens: int = 0           # of the tile in the transposer
    transposed: int = -1      # last cycle in which it writes
    pending: list = field(default_factory=list)
    starts: list = field(default_factory=list)
    stalls: dict = field(default_factory=dict)

    def step(self, cycle, offered, available):
        current = self.current
        outputs = {"take": 0, "give": 0, "busy": 0, "ready": 0,
                   "idle": int(current is None and not self.pending and cycle > self.transposed)}
        if self.pending and self.pending[0][0] == cycle:
            outputs["give"] = self.pending.pop(0)[1]
        ends = False
        if current and not self.waiting:
            outputs["busy"] = 1
            self.left -= 1
            ends = not self.left
        more = current is not None and self.group + 1 < current["count"]
        if ends:
            self.end(cycle, more)
        demand, upcoming = 0, None
        if (ends and more) or self.waiting:
            demand, upcoming = current["wait_each"], current
        elif (current is None or ends) and offered and not (ends and not offered["count"]):
            demand, upcoming = offered["wait_first"] | offered["wait_each"], offered
        free = current is None or (ends and not more and not (offered and not offered["count"]))
        self.stalls = {"waiting": demand & ~available, "starved": int(free and not offered)}
        if ends and not more:
            self.current = None
        self.waiting = (ends and more) or self.waiting
        if upcoming and not demand & ~available:
            outputs["take"] = demand
            outputs["ready"] = int(upcoming is offered)
            self.begin(cycle, upcoming, 0 if upcoming is offered else self.group + 1)
        return outputs

    def begin(self, cycle, values, group):
        self.waiting = False
        if not values["count"]:
            if values["signal_last"]:
                self.pending.append((cycle + array_tail(self.config), values["signal_last"]))
            return
        self.current, self.group = values, group
        self.left = passes(values) * values["words"] * self.config.width
        self.starts.append((values, group, cycle + 1))

    def end(self, cycle, more):
        values = self.current
        signals = values["signal_each"] | (0 if more else values["signal_last"])
        self.pending.append((cycle + array_tail(self.config), signals))
        if values["destination"] == Destination.KEY:
            self.tokens += self.config.lanes
            if self.tokens == self.config.width:
                self.tokens = 0
                self.transposed = cycle + WRITE_CYCLES + self.config.lanes - 1 + self.config.width


class Content:
    """What the memories hold."""

    def __init__(self, config, random):
        self.config = config
        width = config.width
        self.left = {memory: random.integers(0, 16, (config.memory_shapes[name][0], width))
                     for memory, name in LEFT_NAMES.items()}
        for values in self.left.values():  # some rows of zeros and extremes
            values[::7] = random.choice([0, 8, 15], values[::7].shape)
        self.tile = random.integers(-7, 8, (config.tile_rows, width))
        self.tile[::9] = random.choice([-7, 0, 7], self.tile[::9].shape)
        # One slot holds 8-bit weights: the passes of each group want high, low, high, low.
        self.wide_slot = int(random.integers(config.slots))
        longest = min(config.slot_rows // (4 * width), config.longest_dot_product // width)
        self.wide_words = int(random.integers(1, min(3, longest) + 1))
        terms = self.wide_words * width
        self.wide_groups = config.slot_rows // (4 * terms)
        high, low = random.integers(-7, 8, (2, self.wide_groups, width, terms))
        self.wide_weights = 16 * high + low
        self.wide_weights[0] = random.choice([-119, 119], self.wide_weights[0].shape)
        high, low = weight_planes(self.wide_weights)
        rows = np.concatenate([high, low, high, low], axis=2).transpose(0, 2, 1).reshape(-1, width)
        start = self.wide_slot * config.slot_rows
        self.tile[start:start + len(rows)] = rows
        self.residual = random.integers(-32768, 32768, (2, config.residual_words // 2, width))
        self.multipliers = random.integers(1 << 10, 1 << numbers.MULTIPLIER_BITS, (config.slots, width))
        self.biases = random.integers(-64, 65, (config.slots, width))
        extreme = random.random(self.biases.shape) < 0.1
        self.biases[extreme] = random.choice([-(1 << 17), (1 << 17) - 1], int(extreme.sum()))
        self.row_multipliers = random.integers(0, 1 << numbers.MULTIPLIER_BITS, 2 * config.lanes)
        self.row_exponents = random.integers(0, 12, 2 * config.lanes)

    async def load(self, dut, clock):
        tasks = [(f"load_{LEFT_NAMES[memory]}", [pack(row, 4) for row in values])
                 for memory, values in self.left.items()]
        tasks.append(("load_tile", [pack(row, 4) for row in self.tile]))
        tasks += [(f"load_residual_{bank}", [pack(row, 16) for row in self.residual[bank]]) for bank in range(2)]
        parameters = (self.biases & ((1 << numbers.BIAS_BITS) - 1)) << numbers.MULTIPLIER_BITS | self.multipliers
        dut.parameter_sets.value = pack(parameters.reshape(-1), numbers.PARAMETER_BITS)
        dut.row_multiplier.value = pack(self.row_multipliers, numbers.MULTIPLIER_BITS)
        dut.row_exponent.value = pack(self.row_exponents, 5)
        for task in [cocotb.start_soon(load(dut, clock, *task)) for task in tasks]:
            await task

    def accumulators(self, values, group):
        """(lanes, width) of one group."""
        config, words, width = self.config, values["words"], self.config.width
        base = values["left_base"] + group * values["left_step"]
        rows = base + np.arange(config.lanes) * values["lane_stride"]
        memory = self.left[values["left_memory"]]

        def plane(offset):
            return memory[rows[:, None] + offset + np.arange(words)].reshape(config.lanes, -1)

        def signed(nibbles):
            return nibbles - ((nibbles & 8) << 1)

        if values["nibble_passes"]:
            weights = self.wide_weights[group if values["tile_step"] else 0]
            return matrix_product(16 * signed(plane(0)) + plane(words), weights)
        left = signed(plane(0)) if values["left_signed"] else plane(0)
        start = values["slot"] * config.slot_rows + group * values["tile_step"]
        return matrix_product(left, self.tile[start:start + words * width].T)

    def outputs(self, values, group):
        """Requantised (lanes, width) of one group."""
        rows = values["row_slot"] * self.config.lanes + np.arange(self.config.lanes)
        multiplier, bias, shift = values["multiplier"], 0, values["shift"]
        if values["multiplier_source"] == MultiplierSource.COLUMN:
            multiplier, bias = self.multipliers[values["slot"]], self.biases[values["slot"]]
        elif values["multiplier_source"] == MultiplierSource.ROW:
            multiplier = self.row_multipliers[rows][:, None]
            shift = shift + self.row_exponents[rows][:, None]
        return requantise(self.accumulators(values, group), multiplier, bias, shift, Format(values["format"]))


class Generator:
    """Random descriptors within the memories' bounds."""

    def __init__(self, content, generator):
        self.content = content
        self.config = content.config
        self.random = generator
        self.lanes = self.config.lanes

    def descriptor(self):
        config, random = self.config, self.random
        masks = random_masks(random)
        destination = random.choice(list(Destination))
        groups = config.width // config.lanes if destination == Destination.KEY else 1
        if random.random() < 0.12:
            count = 0
        else:
            count = groups * random.randint(1, max(1, 5 // groups))
        nibble_passes = random.random() < 0.35
        # What is read back or shares a port needs two words a group, as the compiler's layouts have.
        least = 2 if destination in (Destination.VALUE, Destination.RESIDUAL_ADD, Destination.RESIDUAL_REPLACE) else 1
        words = self.content.wide_words if nibble_passes else random.randint(least, 4)
        values = {**masks, "count": count, "words": words, "nibble_passes": int(nibble_passes),
                  "destination": int(destination), "row_slot": random.randrange(2),
                  "multiplier_source": int(random.choice(list(MultiplierSource)))}
        values |= self.left(count, words * (2 if nibble_passes else 1))
        values |= self.tile(count, words, nibble_passes)
        values |= self.scale(values, destination)
        return values | self.target(count, destination)

    def left(self, count, extent):
        random = self.random
        memory = random.choice(list(LeftMemory))
        depth = len(self.content.left[memory])
        stride = random.choice([extent, random.randint(0, 2 * extent)])
        step = random.choice([0, self.lanes * stride, random.randint(0, 8)])
        reach = max(0, count - 1) * step + (self.lanes - 1) * stride + extent
        if reach > depth:
            step, reach = 0, (self.lanes - 1) * stride + extent
        base = random.choice([0, depth - reach, random.randint(0, depth - reach)])
        return {"left_memory": int(memory), "left_signed": random.randrange(2), "left_base": base, "left_step": step,
                "lane_stride": stride}

    def tile(self, count, words, nibble_passes):
        random, config = self.random, self.config
        rows = words * config.width
        if nibble_passes:
            step = random.choice([0, 4 * rows]) if count <= self.content.wide_groups else 0
            return {"slot": self.content.wide_slot, "tile_step": step}
        slot = random.randrange(config.slots)
        most = (config.slot_rows - rows) // max(1, count - 1)
        return {"slot": slot, "tile_step": random.choice([0, min(rows, most), random.randint(0, most)])}

    def scale(self, values, destination):
        """A shift that brings sums near the format's limits, and constants to go with it."""
        random = self.random
        kind = random.choice(KINDS[destination]) if random.random() < 0.9 else random.choice(list(Format))
        terms = values["words"] * self.config.width
        size = (5000 if values["nibble_passes"] else 30) * math.sqrt(terms) * (1 << 13) / 16
        exact = math.log2(size / numbers.LIMITS[kind][1]) + random.randint(-2, 2)
        if values["multiplier_source"] == MultiplierSource.ROW:
            exact -= 6
        return {"multiplier": random.randrange(1 << numbers.MULTIPLIER_BITS), "format": int(kind),
                "shift": min(max(0, round(exact)), 40)}

    def target(self, count, destination):
        random, config, lanes = self.random, self.config, self.lanes
        memory = {Destination.ACTIVATION: "activation", Destination.SCORE: "score"}.get(destination, "key_value")
        depth = config.memory_shapes[memory][0]
        if destination in RESIDUAL:
            depth = config.residual_words // 2
        stride = random.randint(1, 3)
        step = random.choice([1, lanes * stride])
        steps = (count - 1) // 2 if destination in RESIDUAL else count - 1
        reach = max(0, steps) * step + max((lanes - 1) * stride + 1, config.width)
        assert reach <= depth
        base = random.choice([0, depth - reach, random.randint(0, depth - reach)])
        return {"destination_base": base, "destination_step": step, "vector_stride": stride}


def expected_writes(content, starts):
    """Memory -> [(cycle, address, data, score's lane, slot and first)]."""
    config = content.config
    writes = {name: [] for name in MEMORIES}
    residual = content.residual.copy()
    keys = []
    low, high = numbers.LIMITS[Format.WIDE]
    for values, group, start in starts:
        destination = values["destination"]
        last = start + passes(values) * values["words"] * config.width - 1
        steps = group >> 1 if destination in RESIDUAL else group
        for lane, output in enumerate(content.outputs(values, group)):
            cycle = last + WRITE_CYCLES + lane
            address = values["destination_base"] + steps * values["destination_step"] + lane * values["vector_stride"]
            if destination == Destination.ACTIVATION:
                writes["activation"].append((cycle, address, pack(output, 4)))
            elif destination == Destination.VALUE:
                writes["key_value"].append((cycle, address, pack(output, 4)))
            elif destination == Destination.SCORE:
                writes["score"].append((cycle, address, pack(output, 9), lane, values["row_slot"], int(group == 0)))
            elif destination == Destination.KEY:
                keys.append((address, output))
                if len(keys) == config.width:
                    tile = np.array([vector for _, vector in keys])
                    writes["key_value"] += [(cycle + 1 + i, keys[0][0] + i, pack(tile[:, i], 4))
                                            for i in range(config.width)]
                    keys = []
            else:
                bank = group & 1
                before = residual[bank, address] if destination == Destination.RESIDUAL_ADD else 0
                residual[bank, address] = np.clip(before + output, low, high)
                writes[f"residual_{bank}"].append((cycle + 1, address, pack(residual[bank, address], 16)))
    assert not keys
    return {name: sorted(entries) for name, entries in writes.items()}


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("credit", "bubble"), [(1.0, 0.0), (0.15, 0.0), (0.01, 0.3)]))
async def matches_golden(dut, credit, bubble):
    """Random semaphores and pauses change timing as the contract says, never a bit."""
    config = bench_config()
    clock = Clock(dut)
    name = f"array {credit} {bubble}"
    random = seeds.numpy_generator(name)
    generator = seeds.generator(name)
    content = Content(config, random)
    model = ArrayModel(config)
    driver = EngineDriver(dut, clock, Opcode.ARRAY, model, generator, credit=credit, bubble=bubble)
    await clock.start()
    await content.load(dut, clock)
    writes = {memory: [] for memory in MEMORIES}
    ports = [(memory, *(getattr(dut, f"written_{memory}__{part}") for part in ("enable", "address", "data")))
             for memory in MEMORIES]

    def watch(cycle):
        got = {"waiting": int(dut.waiting.value), "starved": int(dut.starved.value)}
        assert got == model.stalls, f"array: stalls at cycle {cycle}: expected {model.stalls}, got {got}"
        for memory, enable, address, data in ports:
            if int(enable.value):
                entry = (cycle, int(address.value), int(data.value))
                if memory == "score":
                    entry += (int(dut.score_lane.value), int(dut.score_slot.value), int(dut.score_first.value))
                writes[memory].append(entry)

    make = Generator(content, generator)
    descriptors = [make.descriptor() for _ in range(DESCRIPTORS)]
    await driver.run(descriptors, timeout=200_000, on_cycle=watch)
    expected = expected_writes(content, model.starts)
    board = Scoreboard("array")
    for memory in MEMORIES:
        parts = ("cycle", "address", "data", *(("lane", "slot", "first") if memory == "score" else ()))
        for index, part in enumerate(parts):
            board.compare(f"{memory} {part}", np.array([entry[index] for entry in expected[memory]], dtype=object),
                          np.array([entry[index] for entry in writes[memory]], dtype=object),
                          [entry[0] for entry in expected[memory]])
    groups = sum(values["count"] for values in descriptors)
    dut._log.info(board.finish(least=3 * config.lanes * groups))
    if credit == 1.0 and not bubble:
        dut._log.info(f"array: {groups} groups, {sum(v['count'] == 0 for v in descriptors)} empty descriptors")
