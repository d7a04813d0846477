"""Weight loader against its descriptors: rows, parameters, cycles and handshake."""

from __future__ import annotations

from dataclasses import dataclass

import cocotb
import numpy as np

from golden.compile.words import parameter_words
from golden.spec import numbers
from golden.spec.descriptors import LoadSource, Opcode
from golden.spec.latency import LOAD_TAIL
from sim import seed as seeds
from sim.bench_engine import EngineDriver, Model, bench_config, load, pack, random_masks
from sim.clock import Clock
from sim.scoreboard import Scoreboard

DESCRIPTORS = 60
READ_LATENCY = 2


def cycles_of(values):
    return values["rows"] + (numbers.PARAMETER_ROWS if values["parameters"] else 0)


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
    return {**values, "base": max(0, min(base, depths[source] - cycles_of(values)))}


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(credit=[1.0, 0.1, 0.02])
async def loads(dut, credit):
    """Each word arrives in its row of its slot or among its parameters, in its cycle."""
    config = bench_config()
    clock = Clock(dut)
    random = seeds.numpy_generator(f"loader {credit}")
    generator = seeds.generator(f"loader {credit}")
    bits = config.word_bits
    depths = {LoadSource.WEIGHT: 4096, LoadSource.KEY_VALUE: config.key_value_words}
    content = {source: random.integers(0, 16, (depth, config.width)) for source, depth in depths.items()}
    # Some stretches hold parameters as the compiler packs them.
    known = {}
    for base in range(0, depths[LoadSource.WEIGHT], 64):
        multipliers = random.integers(0, 1 << numbers.MULTIPLIER_BITS, config.width)
        biases = random.integers(-(1 << 17), 1 << 17, config.width)
        rows = parameter_words(multipliers, biases, config.width)
        known[base] = pack([int(m) | (int(b) & 0x3FFFF) << numbers.MULTIPLIER_BITS
                            for m, b in zip(multipliers, biases, strict=True)], numbers.PARAMETER_BITS)
        for row, word in enumerate(rows):
            content[LoadSource.WEIGHT][base + row] = [word >> (4 * i) & 15 for i in range(config.width)]
    words = {source: [pack(row, 4) for row in values] for source, values in content.items()}
    model = LoadModel(cycles_of, lambda values: LOAD_TAIL, overlap=True)
    driver = EngineDriver(dut, clock, Opcode.LOAD, model, generator, credit=credit,
                          bubble=0.0 if credit == 1.0 else 0.2)
    dut.parameter_slot.value = 0
    await clock.start()
    loads_of = [cocotb.start_soon(load(dut, clock, f"load_{source.name.lower()}", words[source])) for source in words]
    for task in loads_of:
        await task
    descriptors = [random_descriptor(config, generator, depths) for _ in range(DESCRIPTORS)]
    for values in descriptors[::3]:  # parameters as the compiler packs them
        values.update(source=int(LoadSource.WEIGHT), parameters=1, base=generator.choice(list(known)[:-8]),
                      rows=min(values["rows"], 200))
    writes = []
    slots = {}
    compared = dict.fromkeys(("any", "packed"), 0)
    state = {"slot": 0, "started": 0, "due": []}

    def watch(cycle):
        if int(dut.written__enable.value):
            writes.append((cycle, int(dut.written__address.value), int(dut.written__data.value)))
        while state["started"] < len(model.starts):
            values, _, start = model.starts[state["started"]]
            state["started"] += 1
            if values["parameters"]:
                state["due"] += [(start + row + READ_LATENCY + 1, values, row) for row in range(numbers.PARAMETER_ROWS)]
        while state["due"] and state["due"][0][0] <= cycle:
            _, values, row = state["due"].pop(0)
            word = words[LoadSource(values["source"])][values["base"] + row]
            slots.setdefault(values["slot"], {})[row] = (word, values)
        rows = slots.get(state["slot"], {})
        if len(rows) == numbers.PARAMETER_ROWS:
            got = int(dut.parameters.value)
            want = pack([sum((rows[row][0] >> (4 * i) & 15) << (4 * row) for row in rows) for i in range(config.width)],
                        numbers.PARAMETER_BITS)
            where = f"loader: parameters of slot {state['slot']} at cycle {cycle}"
            assert got == want, f"{where}: expected {want:x}, got {got:x}"
            compared["any"] += 1
            last = rows[numbers.PARAMETER_ROWS - 1][1]
            if all(entry[1] is last for entry in rows.values()) and last["base"] in known and not last["source"]:
                assert got == known[last["base"]], f"loader: parameters of slot {state['slot']} are not as compiled"
                compared["packed"] += 1
        state["slot"] = generator.randrange(config.slots)
        dut.parameter_slot.value = state["slot"]

    await driver.run(descriptors, timeout=100_000, on_cycle=watch)
    expected = []
    for values, _, start in model.starts:
        first = numbers.PARAMETER_ROWS if values["parameters"] else 0
        for row in range(values["rows"]):
            word = words[LoadSource(values["source"])][values["base"] + first + row]
            expected.append((start + first + row + READ_LATENCY, values["slot"] * config.slot_rows + row, word))
    board = Scoreboard("loader")
    for index, name in enumerate(("cycle", "address", "data")):
        board.compare(name, np.array([entry[index] for entry in expected], dtype=object),
                      np.array([entry[index] for entry in writes], dtype=object), [entry[0] for entry in expected])
    assert bits == len(dut.written__data)
    assert compared["packed"] > DESCRIPTORS
    dut._log.info(board.finish(least=3 * DESCRIPTORS) + f"; parameters compared {compared}")
