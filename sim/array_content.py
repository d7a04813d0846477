"""What the array engine's bench works on: random memories, and random descriptors within their bounds."""

from __future__ import annotations

import math

import cocotb
import numpy as np

from golden.integer.product import matrix_product, weight_planes
from golden.integer.requantise import requantise
from golden.spec import numbers
from golden.spec.descriptors import WIDTHS, Destination, LeftMemory, MultiplierSource, Opcode
from golden.spec.latency import LINES_HELD
from golden.spec.numbers import Format
from sim.bench_engine import load, pack, random_masks
from sim.coverage.marks import mark, mark_all

LEFT_NAMES = {LeftMemory.NORMALISED: "normalised", LeftMemory.ACTIVATION: "activation",
              LeftMemory.PROBABILITY: "probability"}
RESIDUAL = (Destination.RESIDUAL_ADD, Destination.RESIDUAL_REPLACE)
KINDS = {Destination.ACTIVATION: (Format.INT4, Format.UINT4), Destination.VALUE: (Format.INT4,),
         Destination.KEY: (Format.INT4,), Destination.SCORE: (Format.SCORE,),
         Destination.RESIDUAL_ADD: (Format.WIDE,), Destination.RESIDUAL_REPLACE: (Format.WIDE,)}
SELDOM = 0.1
"""Share of the descriptors that have an extreme value, of each kind."""
MOST = {name: (1 << bits) - 1 for name, bits in WIDTHS[Opcode.ARRAY].items()}
DENSITIES = (0.0, 0.03, 0.3, 0.6, 1.0)
"""Shares of channels that are not zero."""


def left_memory(random, depth, width):
    """Nibbles in stretches of words of one density, so that whole lines are zero, or full, or something between."""
    values = random.integers(0, 16, (depth, width))
    values[::7] = random.choice([0, 8, 15], values[::7].shape)
    place = 0
    while place < depth:
        end = place + int(random.integers(1, 13))
        density = random.choice(DENSITIES)
        stretch = values[place:end]
        stretch[random.random(stretch.shape) >= density] = 0
        if density == 1.0:
            stretch[stretch == 0] = 1
        place = end
    return values


class Content:
    """What the memories hold."""

    def __init__(self, config, random):
        self.config = config
        width = config.width
        self.left = {memory: left_memory(random, config.memory_shapes[name][0], width)
                     for memory, name in LEFT_NAMES.items()}
        self.tile = random.integers(-7, 8, (config.tile_rows, width))
        self.tile[::9] = random.choice([-7, 0, 7], self.tile[::9].shape)
        self.fill_wide_slot(random)
        self.residual = random.integers(-32768, 32768, (config.residual_words, width))
        self.multipliers = random.integers(1 << 10, 1 << numbers.MULTIPLIER_BITS, (config.slots, width))
        self.biases = random.integers(-64, 65, (config.slots, width))
        extreme = random.random(self.biases.shape) < 0.1
        self.biases[extreme] = random.choice([-(1 << 17), (1 << 17) - 1], int(extreme.sum()))
        self.row_multipliers = random.integers(0, 1 << numbers.MULTIPLIER_BITS, 2 * config.lanes)
        self.row_exponents = random.integers(0, 12, 2 * config.lanes)

    def fill_wide_slot(self, random):
        """One slot holds 8-bit weights: the passes of each group want high, low, high, low."""
        config, width = self.config, self.config.width
        self.wide_slot = int(random.integers(config.slots))
        longest = min(config.slot_rows // (4 * width), config.longest_dot_product // width)
        self.wide_words = int(random.integers(1, min(2 * config.line_words + 1, longest) + 1))
        terms = self.wide_words * width
        self.wide_groups = config.slot_rows // (4 * terms)
        high, low = random.integers(-7, 8, (2, self.wide_groups, width, terms))
        self.wide_weights = 16 * high + low
        self.wide_weights[0] = random.choice([-119, 119], self.wide_weights[0].shape)
        high, low = weight_planes(self.wide_weights)
        rows = np.concatenate([high, low, high, low], axis=2).transpose(0, 2, 1).reshape(-1, width)
        start = self.wide_slot * config.slot_rows
        self.tile[start:start + len(rows)] = rows

    async def load(self, dut, clock):
        tasks = [(f"load_{LEFT_NAMES[memory]}", [pack(row, 4) for row in values])
                 for memory, values in self.left.items()]
        tasks.append(("load_tile", [pack(row, 4) for row in self.tile]))
        tasks.append(("load_residual", [pack(row, 16) for row in self.residual]))
        parameters = (self.biases & ((1 << numbers.BIAS_BITS) - 1)) << numbers.MULTIPLIER_BITS | self.multipliers
        dut.parameter_sets.value = pack(parameters.reshape(-1), numbers.PARAMETER_BITS)
        dut.row_multiplier.value = pack(self.row_multipliers, numbers.MULTIPLIER_BITS)
        dut.row_exponent.value = pack(self.row_exponents, 5)
        for task in [cocotb.start_soon(load(dut, clock, *task)) for task in tasks]:
            await task

    def lines(self, values, group, token):
        """(words, channels to multiply) of each line of a token, in the order in which they are fetched."""
        memory, words = self.left[values["left_memory"]], values["words"]
        base = values["left_base"] + group * values["left_step"] + token * values["lane_stride"]
        result = []
        for plane in (0, 0, words, words) if values["nibble_passes"] else (0,):
            addresses = np.arange(base + plane, base + plane + words)
            for line in np.unique(addresses // self.config.line_words):
                used = memory[addresses[addresses // self.config.line_words == line]]
                result.append((len(used), int(np.count_nonzero(used)) if values["skip"] else used.size))
        return result

    def mark_rows(self, drained):
        """The bins of tokens that were drained and found equal, each (descriptor, group, token)."""
        for values, group, token in drained:
            extent = values["words"] * (2 if values["nibble_passes"] else 1)
            base = values["left_base"] + group * values["left_step"] + token * values["lane_stride"]
            row = self.left[values["left_memory"]][base:base + extent]
            filled = np.count_nonzero(row)
            kind = "all zero" if not filled else "without a zero" if filled == row.size else "with some zeros"
            mark(f"row {kind}")
            lines = np.arange(base, base + extent) // self.config.line_words
            mark_all(name for name, met in {
                "line all zero": any(not row[lines == line].any() for line in np.unique(lines)),
                "zeros not skipped": not values["skip"] and filled < row.size,
                "row all zero in four passes": values["nibble_passes"] and not filled,
                "row in more lines than a lane holds": len(np.unique(lines)) > LINES_HELD}.items() if met)

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
    """Random descriptors within the memories' bounds; a fence where the contract wants one."""

    def __init__(self, content, generator):
        self.content = content
        self.config = content.config
        self.random = generator
        self.lanes = self.config.lanes
        self.destinations = set()  # since the last fence
        self.residuals = set()     # words of the residual stream, too

    def descriptor(self):
        config, random = self.config, self.random
        masks = random_masks(random)
        destination = random.choice(list(Destination))
        groups = config.width // config.lanes if destination == Destination.KEY else 1
        count = 0 if random.random() < 0.12 else groups * random.randint(1, max(1, 6 // groups))
        nibble_passes = random.random() < 0.3
        longest = min(3 * config.line_words + 1, config.slot_rows // config.width)
        words = self.content.wide_words if nibble_passes else random.choice([1, random.randint(1, longest)])
        if not nibble_passes and random.random() < SELDOM:
            words = config.slot_rows // config.width
        values = {**masks, "count": count, "words": words, "nibble_passes": int(nibble_passes),
                  "skip": int(random.random() < 0.8), "destination": int(destination), "row_slot": random.randrange(2),
                  "multiplier_source": int(random.choice(list(MultiplierSource)))}
        values |= self.left(count, words * (2 if nibble_passes else 1))
        values |= self.tile(count, words, nibble_passes)
        values |= self.scale(values, destination)
        values |= self.target(count, destination)
        values |= self.unused(values, destination)
        return values | {"fence": self.fence(values, destination)}

    def left(self, count, extent):
        random = self.random
        memory = random.choice(list(LeftMemory))
        depth = len(self.content.left[memory])
        most = min(1023, (depth - extent) // (self.lanes - 1))
        stride = random.choice([min(most, extent), random.randint(0, min(most, 2 * extent))])
        stride = most if random.random() < SELDOM else stride
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
        exact = math.log2(size / numbers.LIMITS[kind][1]) + random.randint(-3, 1)
        if values["multiplier_source"] == MultiplierSource.ROW:
            exact -= 6
        largest = (1 << numbers.MULTIPLIER_BITS) - 1
        shift = min(max(0, round(exact)), 40)
        if values["multiplier_source"] != MultiplierSource.ROW and random.random() < SELDOM:
            shift = (1 << numbers.SHIFT_BITS) - 1      # for ROW an exponent is still to be added
        multiplier = random.choice([0, largest]) if random.random() < SELDOM else random.randint(0, largest)
        return {"multiplier": multiplier, "format": int(kind), "shift": shift}

    def target(self, count, destination):
        """Where results go: group after group, or their words between each other's, as outputs of a token lie."""
        random, config, lanes = self.random, self.config, self.lanes
        memory = {Destination.ACTIVATION: "activation", Destination.SCORE: "score"}.get(destination, "key_value")
        depth = config.memory_shapes["residual" if destination in RESIDUAL else memory][0]
        stride = random.randint(1, 3)
        step = lanes * stride
        if random.random() < 0.5:
            stride, step = max(count, stride), 1
        reach = max(0, count - 1) * step + max((lanes - 1) * stride + 1, config.width)
        assert reach <= depth
        base = random.choice([0, depth - reach, random.randint(0, depth - reach)])
        return {"destination_base": base, "destination_step": step, "vector_stride": stride}

    def unused(self, values, destination):
        """What a single group does not use may be anything; now and then its tokens lie as far apart as they can."""
        random, config = self.random, self.config
        found = {}
        if values["count"] <= 1:
            found = {name: random.choice([values[name], MOST[name]]) for name in ("left_step", "tile_step")}
        if destination == Destination.KEY:
            found["vector_stride"] = random.choice([0, values["vector_stride"], MOST["vector_stride"]])
            return found
        if values["count"] == 1 and random.random() < SELDOM:
            memory = {Destination.ACTIVATION: "activation", Destination.SCORE: "score", Destination.VALUE: "key_value"}
            depth = config.memory_shapes[memory.get(destination, "residual")][0]
            stride = min((depth - 1) // (self.lanes - 1), MOST["vector_stride"])
            found |= {"vector_stride": stride, "destination_base": depth - 1 - (self.lanes - 1) * stride}
        if values["count"] <= 1:
            found["destination_step"] = random.choice([values["destination_step"], MOST["destination_step"]])
        return found

    def fence(self, values, destination):
        """Keys and values share a port, and a word of the residual stream is updated by one token at a time."""
        if not values["count"]:
            return int(self.random.random() < 0.1)
        words = residual_words(self.config, values) if destination in RESIDUAL else set()
        other = {Destination.KEY: Destination.VALUE, Destination.VALUE: Destination.KEY}.get(destination)
        fence = other in self.destinations or bool(words & self.residuals) or self.random.random() < 0.1
        if fence:
            self.destinations, self.residuals = set(), set()
        self.destinations.add(destination)
        self.residuals |= words
        return int(fence)


def residual_words(config, values):
    """Addresses that a descriptor updates."""
    return {values["destination_base"] + group * values["destination_step"] + token * values["vector_stride"]
            for group in range(values["count"]) for token in range(config.lanes)}
