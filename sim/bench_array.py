"""Array engine against ``golden.integer``: every write, its cycle, and what the ports show in every cycle."""

from __future__ import annotations

import functools
import os

import cocotb
import numpy as np

from golden.spec import numbers
from golden.spec.descriptors import Destination, MultiplierSource, Opcode
from golden.spec.numbers import Format
from sim import seed as seeds
from sim.array_content import MOST, Content, Generator
from sim.array_model import LANE_COUNTS, WRITE_LATENCY, ArrayModel
from sim.bench_engine import EngineDriver, bench_config, pack
from sim.clock import Clock
from sim.coverage.marks import mark_all
from sim.scoreboard import Scoreboard

DESCRIPTORS_VARIABLE = "HALFTONE_BENCH_DESCRIPTORS"
DESCRIPTORS = 80
KEY_DESCRIPTORS, KEY_WORDS, KEY_SHIFT = 8, 16, 15
"""Of the keys one of which is slow: descriptors, words of a token, and a shift that leaves something of the sums."""
BLANK = dict.fromkeys(MOST, 0)
MEMORIES = ("activation", "key_value", "score", "residual")
SHOWN = ("waiting", "starved", "windowed", "offered", *LANE_COUNTS)
MET = ("issued", "nothing", "waiting_line", "waiting_drain", "waiting_token", "overtaken")
"""What random descriptors must have led to, or they prove too little."""
BINS = {"waiting_line": "lane waits for a line", "waiting_drain": "lane waits for the drain", "full": "window full",
        "waiting_token": "lane waits for a token", "fenced": "fence waits", "empty": "product without groups"}
"""What the model met, in step with the hardware -> its bin."""


class ExpectedWrites:
    """What the drained tokens become: memory -> [(cycle, address, data, score's token and slot)]."""

    def __init__(self, content, model):
        self.content = content
        self.writes = {name: [] for name in MEMORIES}
        self.residual = content.residual.copy()
        self.tiles = {}            # transposer tile -> (base, vectors by place)
        self.begins = model.transposer.begins
        self.outputs = functools.cache(lambda group: content.outputs(group.values, group.index))
        for drained in model.drained:
            self.write(*drained)
        assert not self.tiles, "keys are left in the transposer"
        self.writes = {name: sorted(entries) for name, entries in self.writes.items()}

    def write(self, cycle, group, token):
        values, output = group.values, self.outputs(group)[token]
        destination = values["destination"]
        address = values["destination_base"] + group.index * values["destination_step"]
        address += token * values["vector_stride"]
        if destination == Destination.ACTIVATION:
            self.writes["activation"].append((cycle + WRITE_LATENCY, address, pack(output, 4)))
        elif destination == Destination.VALUE:
            self.writes["key_value"].append((cycle + WRITE_LATENCY, address, pack(output, 4)))
        elif destination == Destination.SCORE:
            self.writes["score"].append((cycle + WRITE_LATENCY, address, pack(output, 9), token, values["row_slot"]))
        elif destination == Destination.KEY:
            self.key(group, token, output)
        else:
            before = self.residual[address] if destination == Destination.RESIDUAL_ADD else 0
            self.residual[address] = np.clip(before + output, *numbers.LIMITS[Format.WIDE])
            self.writes["residual"].append((cycle + WRITE_LATENCY + 1, address, pack(self.residual[address], 16)))

    def key(self, group, token, output):
        """Into its place in the tile, which leaves by columns once it is full."""
        width = self.content.config.width
        place = group.index * self.content.config.lanes + token
        base = group.values["destination_base"] + place // width * group.values["destination_step"]
        tile = self.tiles.setdefault(group.tile, {})
        assert place % width not in tile
        tile[place % width] = output
        if len(tile) == width:
            columns = np.array([tile[row] for row in range(width)]).T
            begin = self.begins[group.tile]
            self.writes["key_value"] += [(begin + i, base + i, pack(column, 4)) for i, column in enumerate(columns)]
            del self.tiles[group.tile]


class Watch:
    """Compares the outputs that are no handshake with the model, and keeps every write."""

    def __init__(self, dut, model):
        self.dut = dut
        self.model = model
        self.writes = {memory: [] for memory in MEMORIES}
        self.ports = [(memory, *(getattr(dut, f"written_{memory}__{part}") for part in ("enable", "address", "data")))
                      for memory in MEMORIES]
        self.shown = {name: getattr(dut, name) for name in SHOWN}

    def __call__(self, cycle):
        got = {name: int(port.value) for name, port in self.shown.items()}
        expected = {name: self.model.shown[name] for name in SHOWN}
        assert got == expected, f"array: counted at cycle {cycle}: expected {expected}, got {got}"
        assert not int(self.dut.conflict.value), f"array: keys and values meet at cycle {cycle}"
        for memory, enable, address, data in self.ports:
            if int(enable.value):
                entry = (cycle, int(address.value), int(data.value))
                if memory == "score":
                    entry += (int(self.dut.score_lane.value), int(self.dut.score_slot.value))
                self.writes[memory].append(entry)


async def run(dut, content, descriptors, name, credit, bubble):
    """Run descriptors on what the memories hold; every write, cycle and port is the model's. Returns the model."""
    config, clock = content.config, Clock(dut)
    model = ArrayModel(config, content.lines)
    driver = EngineDriver(dut, clock, Opcode.ARRAY, model, seeds.generator(f"{name} driver"), credit=credit,
                          bubble=bubble)
    await clock.start()
    await content.load(dut, clock)
    watch = Watch(dut, model)
    await driver.run([{**BLANK, **values} for values in descriptors], timeout=200_000, on_cycle=watch)
    expected = ExpectedWrites(content, model).writes
    board = Scoreboard("array")
    for memory in MEMORIES:
        parts = ("cycle", "address", "data", *(("token", "slot") if memory == "score" else ()))
        for index, part in enumerate(parts):
            board.compare(f"{memory} {part}", *(np.array([entry[index] for entry in entries[memory]], dtype=object)
                                                for entries in (expected, watch.writes)),
                          [entry[0] for entry in expected[memory]])
    content.mark_rows([(group.values, group.index, token) for _, group, token in model.drained])
    mark_all(name for what, name in BINS.items() if model.seen[what])
    groups = sum(values["count"] for values in descriptors)
    dut._log.info(board.finish(least=3 * config.lanes * groups))
    dut._log.info(f"array: {groups} groups, met {dict(model.seen)}")
    return model


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("credit", "bubble"), [(1.0, 0.0), (0.15, 0.0), (0.01, 0.3)]))
async def matches_golden(dut, credit, bubble):
    """Random semaphores and pauses change timing as the contract says, never a bit."""
    config = bench_config()
    name = f"array {credit} {bubble}"
    content = Content(config, seeds.numpy_generator(name))
    make = Generator(content, seeds.generator(name))
    descriptors = [make.descriptor() for _ in range(int(os.environ.get(DESCRIPTORS_VARIABLE, DESCRIPTORS)))]
    if credit == 1.0 and config.lanes == 2:     # as few cycles as so many groups can take
        descriptors.append({"count": MOST["count"], "words": 1, "skip": 1, "fence": 1, "multiplier": 1})
    model = await run(dut, content, descriptors, name, credit, bubble)
    missing = [what for what in MET if not model.seen[what]]
    assert credit < 1 or not missing, f"array: the descriptors never led to {missing}"


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def tiles_of_keys_wait_for_each_other(dut):
    """A token of one tile that is slower than the next tile: both leave whole, one after the other, to their places."""
    config = bench_config()
    content = Content(config, seeds.numpy_generator("keys"))
    width, lanes = config.width, config.lanes
    tokens, slow = 2 * width, width - 1
    extent = tokens * KEY_WORDS
    blocks = [(memory, base) for memory, values in content.left.items()
              for base in range(0, len(values) - extent + 1, extent)][:KEY_DESCRIPTORS]
    descriptors = []
    for number, (memory, base) in enumerate(blocks):
        rows = content.left[memory][base:base + extent]
        rows[:] = 0
        filled = KEY_WORDS * (width - number)       # about as long as all tokens of the next tile
        rows[slow * KEY_WORDS:(slow + 1) * KEY_WORDS].reshape(-1)[:filled] = 1
        descriptors.append({
            "count": tokens // lanes, "words": KEY_WORDS, "skip": 1, "left_memory": int(memory), "left_base": base,
            "left_step": lanes * KEY_WORDS, "lane_stride": KEY_WORDS, "destination": int(Destination.KEY),
            "destination_base": number * tokens % config.key_value_words, "destination_step": width,
            "multiplier_source": int(MultiplierSource.CONSTANT), "multiplier": 1 << numbers.MULTIPLIER_BITS - 1,
            "shift": KEY_SHIFT, "fence": 1})
    model = await run(dut, content, descriptors, "keys", credit=1.0, bubble=0.0)
    dut._log.info(f"array: {model.transposer.waited} tiles of keys waited")
    assert lanes < width or model.transposer.waited, "array: no tile of keys waited for another"
