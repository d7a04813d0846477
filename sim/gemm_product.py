"""One matrix product of any shape: its operands, the hardware that holds it, its program, and what must come out."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.compile.builder import Builder, engines
from golden.compile.words import pack, tile_words
from golden.integer.model import IntegerLinear
from golden.integer.product import matrix_product
from golden.integer.requantise import requantise
from golden.integer.split import decide
from golden.spec import numbers
from golden.spec.array_timing import ArrayClock, Group
from golden.spec.descriptors import Destination, Engine, LeftMemory, LoadSource, MultiplierSource, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.numbers import Format
from golden.spec.split import line_channels
from golden.spec.timing import Prediction, TimingModel
from golden.spec.validation import require
from sim.array_model import WRITE_LATENCY

MOST_WORDS = 1 << 20
MOST_ROWS, MOST_TOKEN_WORDS, MOST_GROUPS = (1 << 12) - 1, (1 << 8) - 1, (1 << 12) - 1
"""What the fields rows, words and count of a descriptor hold."""
SPLIT_LINES = 256
"""Entries of the split table, which is enough for every row."""
MOST_STRIDE, MOST_STEP = (1 << 12) - 1, (1 << 16) - 1
"""The same of vector_stride and destination_step."""
LEAST_WORDS = {"slot_rows": 256, "program_words": 64, "weight_words": 4096, "normalised_words": 1024,
               "residual_words": 1024}
"""Depths that no product goes below, so that products of many shapes share a simulator."""
MOST_BIAS = 1 << 14
"""Of a column's bias, in sixteenths: parameters are compared too, and no sum gets near its limit by them."""
HEADROOM = 2 * MOST_BIAS >> numbers.BIAS_FRACTION_BITS


@dataclass(frozen=True)
class Shape:
    """Tokens, channels, outputs: (T, K) x (O, K)."""

    tokens: int
    channels: int
    outputs: int

    def __str__(self) -> str:
        return f"{self.tokens}x{self.channels}x{self.outputs}"


@dataclass(frozen=True)
class Request:
    """A product to run. ``zeros``: probability of a zero, value by value; ``dense``: zeros take their cycles too."""

    shape: Shape
    zeros: float
    seed: int
    signed: bool = False
    dense: bool = False
    bug: str | None = None

    def __post_init__(self) -> None:
        for name in ("tokens", "channels", "outputs"):
            value = getattr(self.shape, name)
            require(value >= 1, f"--{name} is {value}; expected at least 1")
        require(0 <= self.zeros <= 1, f"--zeros is {self.zeros}; expected a share from 0 to 1")
        require(self.seed >= 0, f"--seed is {self.seed}; expected at least 0")


def up(value: int, unit: int) -> int:
    """The next multiple of ``unit``."""
    return value + -value % unit


def row_unit(hardware: HardwareConfig) -> int:
    """Channels that a token's row is a multiple of: a word's; with dense lanes a line's, which has one mask."""
    return line_channels(hardware) if hardware.dense_lanes else hardware.width


def depths(shape: Shape, hardware: HardwareConfig, signed: bool) -> dict[str, int]:
    """Words of each memory that a product takes; raises ``ConfigError`` for one that no program can run."""
    lanes, width = hardware.lanes, hardware.width
    unit = row_unit(hardware)
    tokens, channels, outputs = up(shape.tokens, lanes), up(shape.channels, unit), up(shape.outputs, width)
    most = min(MOST_ROWS, MOST_TOKEN_WORDS * width) // unit * unit
    require(channels <= most, f"--channels is {shape.channels}; expected at most {most}, which one weight tile holds "
                              f"for a width of {width}")
    largest = (8 if signed else numbers.UNSIGNED_NIBBLE_MAXIMUM) * numbers.NIBBLE_MAXIMUM
    exact = ((1 << hardware.accumulator_bits - 1) - 1) // largest
    require(shape.channels <= exact, f"--channels is {shape.channels}; expected at most {exact}, for which an "
                                     f"accumulator of {hardware.accumulator_bits} bits is exact")
    require(tokens <= MOST_GROUPS * lanes, f"--tokens is {shape.tokens}; expected at most {MOST_GROUPS * lanes}, "
                                           f"which one descriptor counts for {lanes} lanes")
    tiles = outputs // width
    most = min(MOST_STRIDE, MOST_STEP // lanes) * width
    require(outputs <= most, f"--outputs is {shape.outputs}; expected at most {most}, which a descriptor's strides "
                             f"reach for {lanes} lanes of width {width}")
    needs = {"slot_rows": channels, "program_words": 2 * tiles + 3,
             "weight_words": tiles * (numbers.PARAMETER_ROWS + channels),
             "normalised_words": tokens * channels // width, "residual_words": tokens * tiles}
    for name, words in needs.items():
        require(words <= MOST_WORDS, f"a product of {shape} takes {words:,} words of hardware.{name}; "
                                     f"expected at most {MOST_WORDS:,}, so choose a smaller shape")
    return needs


def fitted(hardware: HardwareConfig, shapes: list[Shape], signed: bool) -> HardwareConfig:
    """The configuration with memories that hold each of these products, every depth a power of two.

    Memories that no product uses are as small as can be.
    """
    needs = [depths(shape, hardware, signed) for shape in shapes]
    deep = {name: 1 << (max(least, *(need[name] for need in needs)) - 1).bit_length()
            for name, least in LEAST_WORDS.items()}
    unused = dict.fromkeys(("activation_words", "score_words"), 2 * hardware.line_words)
    unused |= dict.fromkeys(("key_value_words", "modulation_words"), hardware.width)
    made = dataclasses.replace(hardware, **deep, **unused, split_lines=SPLIT_LINES, name="gemm")
    return dataclasses.replace(made, name=f"gemm-{made.fingerprint:08x}")


def write_config(hardware: HardwareConfig, folder: Path) -> Path:
    """The TOML file of a configuration, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / f"{hardware.name}.toml", folder / f".{hardware.name}.partial"
    fields = {name: value for name, value in dataclasses.asdict(hardware).items() if name != "name"}
    partial.write_text("\n".join(["[hardware]", *(f"{name} = {value}" for name, value in fields.items()), ""]),
                       encoding="utf-8")
    partial.replace(path)
    return path


class WritesClock(ArrayClock):
    """The array's clock, which also keeps the cycle in which the last sums are drained.

    They need not be of the last group: tokens of a group may overtake some of the group before it.
    """

    last_drained = 0

    def drained(self, first: int, group: Group) -> int:
        """As it is, and kept."""
        cycle = super().drained(first, group)
        self.last_drained = max(self.last_drained, cycle)
        return cycle

    @property
    def last_write(self) -> int:
        """Cycle in which the last result is written to the residual stream, a cycle later than to other memories."""
        return self.last_drained + WRITE_LATENCY + 1


class Product:
    """The operands of a request, padded with zeros to whole groups and words, and everything that follows from them.

    With dense lanes rows are padded to whole lines, and each line's channels are split by the balanced rule with the
    product's own counts; where zeros are multiplied too, as if there were none.
    """

    def __init__(self, request: Request, hardware: HardwareConfig) -> None:
        self.request, self.hardware = request, hardware
        shape, width = request.shape, hardware.width
        random = np.random.default_rng(request.seed)
        self.left = self.draw_left(random)
        weight = random.integers(-numbers.NIBBLE_MAXIMUM, numbers.NIBBLE_MAXIMUM + 1, (shape.outputs, shape.channels))
        bias = random.integers(-MOST_BIAS, MOST_BIAS + 1, shape.outputs)
        self.sums = matrix_product(self.left, weight)
        multiplier = np.full(shape.outputs, 1 << numbers.BIAS_FRACTION_BITS)
        columns = 0, -shape.channels % row_unit(hardware)
        self.layer = IntegerLinear(np.pad(weight, ((0, 0), columns)), multiplier, bias, self.shift())
        self.padded = np.pad(self.left, ((0, -shape.tokens % hardware.lanes), columns))
        self.tiles = -(-shape.outputs // width)

    def draw_left(self, random: np.random.Generator) -> np.ndarray:
        """(T, K): zero with the probability asked for, else any other value of the format alike."""
        shape = self.request.shape
        size = shape.tokens, shape.channels
        if self.request.signed:
            values = random.integers(-8, numbers.NIBBLE_MAXIMUM, size)
            values += values >= 0
        else:
            values = random.integers(1, numbers.UNSIGNED_NIBBLE_MAXIMUM + 1, size)
        return np.where(random.random(size) < self.request.zeros, 0, values)

    def shift(self) -> int:
        """Lowest bits of the sums that the results lack: none, as long as 16 bits hold the largest sum and a bias."""
        room = numbers.LIMITS[Format.WIDE][1] - HEADROOM
        return max(0, (int(np.abs(self.sums).max()) // room).bit_length())

    @functools.cached_property
    def expected(self) -> np.ndarray:
        """(tokens, outputs), both padded: what the residual stream must hold."""
        layer, shape = self.layer, self.request.shape
        padded = [np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -shape.outputs % self.hardware.width)])
                  for values in (self.sums, layer.multiplier, layer.bias)]
        padded[0] = np.pad(padded[0], ((0, len(self.padded) - shape.tokens), (0, 0)))
        return requantise(*padded, layer.shift, Format.WIDE)

    @property
    def zero_share(self) -> float:
        """Of the left operand, as drawn."""
        return 1 - np.count_nonzero(self.left) / self.left.size

    @property
    def useful_macs(self) -> int:
        """Multiply-accumulates of the product with a left operand that is not zero."""
        return int(np.count_nonzero(self.left)) * self.request.shape.outputs

    def memories(self) -> dict[str, list[int]]:
        """Words of each memory that the bench loads."""
        width = self.hardware.width
        split = {}
        if self.hardware.dense_lanes:
            split["split"] = pack(self.mask(self.request.dense).reshape(-1, line_channels(self.hardware)), 1)
        return {**split, "program": self.program(self.request.dense),
                "weight": [word for tile in tile_words(self.layer, width) for word in tile],
                "normalised": pack(self.padded.reshape(-1, width), numbers.NIBBLE_BITS)}

    def program(self, dense: bool) -> list[int]:
        """Loads of the first ``slots`` tiles, then every tile's product, each with the next load into its slot."""
        slots, out = self.hardware.slots, Builder(self.hardware.slots)
        out.emit(Opcode.CREDIT, giver=Engine.ARRAY, taker=Engine.LOAD, count=slots)
        for tile in range(min(slots, self.tiles)):
            self.load(out, tile)
        out.emit(Opcode.SYNC)
        for tile in range(self.tiles):
            self.multiply(out, tile, dense)
            if tile + slots < self.tiles:
                self.load(out, tile + slots)
        out.emit(Opcode.HALT)
        return out.encoded()

    def load(self, out: Builder, tile: int) -> None:
        """One weight tile into the next slot."""
        rows = self.padded.shape[1]
        out.load(source=LoadSource.WEIGHT, base=tile * (numbers.PARAMETER_ROWS + rows), rows=rows, parameters=1)

    def multiply(self, out: Builder, tile: int, dense: bool) -> None:
        """All tokens with one weight tile; the results are word ``tile`` of each token's row."""
        hardware, words = self.hardware, self.padded.shape[1] // self.hardware.width
        out.emit(Opcode.ARRAY, skip=int(not dense), count=len(self.padded) // hardware.lanes, words=words,
                 left_memory=LeftMemory.NORMALISED, left_signed=int(self.request.signed),
                 left_step=hardware.lanes * words, lane_stride=words, slot=tile % hardware.slots,
                 split=int(hardware.dense_lanes > 0),
                 multiplier_source=MultiplierSource.COLUMN, shift=self.layer.shift, format=Format.WIDE,
                 destination=Destination.RESIDUAL_REPLACE, destination_base=tile,
                 destination_step=hardware.lanes * self.tiles, vector_stride=self.tiles,
                 wait_first=engines(Engine.LOAD), signal_last=engines(Engine.LOAD))

    def mask(self, dense: bool) -> np.ndarray:
        """Channels of a row that dense lanes multiply; none where there are no such lanes."""
        channels = self.padded.shape[1]
        if not self.hardware.dense_lanes:
            return np.zeros(channels, dtype=bool)
        tokens = len(self.padded)
        counts = np.full(channels, tokens) if dense else np.count_nonzero(self.padded, axis=0)
        lines = counts.reshape(-1, line_channels(self.hardware))
        return np.concatenate([decide(line, tokens, fixed=False) for line in lines])

    @functools.cached_property
    def word_counts(self) -> list[int]:
        """Non-zero channels of sparse lanes in each word of the left operand."""
        sparse = np.where(self.mask(False), 0, self.padded)
        return np.count_nonzero(sparse.reshape(-1, self.hardware.width), axis=1).tolist()

    @functools.cached_property
    def dense_counts(self) -> dict[bool, list[int]]:
        """Channels of dense lanes in each word of a row, where zeros are multiplied too, and where not."""
        return {dense: np.count_nonzero(self.mask(dense).reshape(-1, self.hardware.width), axis=1).tolist()
                for dense in (False, True)}

    def counts(self, address: int, fields: dict[str, int], registers: list[int]) -> list[int]:
        """Non-zeros for the timing model: see ``golden.spec.array_timing.Operands``."""
        return self.word_counts

    def dense(self, address: int, fields: dict[str, int], registers: list[int]) -> list[int]:
        """Channels of dense lanes, for the same."""
        return self.dense_counts[not fields["skip"]]

    def predict(self, dense: bool) -> tuple[int, Prediction]:
        """Cycles from the array's first acceptance to its last write, and what the program's counters will say."""
        model = TimingModel(self.program(dense), self.hardware, self)
        model.lanes = clock = WritesClock(self.hardware)
        for _ in model.walk():
            pass
        prediction = model.prediction()
        first = next(span.accepted for span in prediction.spans if span.engine is Engine.ARRAY)
        return clock.last_write - first, prediction
