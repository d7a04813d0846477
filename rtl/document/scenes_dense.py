"""Scenes of multipliers, dense lanes and the detector."""

from __future__ import annotations

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import LINE_LATENCY
from golden.spec.split import decide_cycles
from rtl.array.dense_lane import DenseLane, wide_shape
from rtl.array.dense_pair import DenseMultiply, DensePair
from rtl.array.dense_queue import LANES, DenseQueue
from rtl.array.detector import Detector
from rtl.array.multiplier import Multiplier
from rtl.array.sample_counters import SampleCounters
from rtl.bench.catalogue_dense import PackedBench, dense
from rtl.document.recording import Cycle, Drive, Row, Scene, signed_low
from rtl.document.scenes_array import FULL, SPARSE, WEIGHTS, line, tile
from rtl.document.stimuli import hexadecimal, idle, nibbles, pack, played

OPERAND_BITS = 8
WIDTH, WIDE_BITS, TERMS = 8, 16, 256
DENSE_CHANNELS = 0b1001
"""Channels 0 and 3: those that both tokens have."""


def multiplier(config: HardwareConfig) -> Drive:
    yield from played(({"left": left, "right": right} for left, right in ((100, 3), (-100, 3), (-128, -128), (7, 0))),
                      after=2)


def packed(config: HardwareConfig) -> Drive:
    """Two left operands and two weights at a time; the second time the left ones are signed."""
    operands = (((15, 3), (7, -7), 0), ((-8, 3), (7, -7), 1), ((-8, -1), (-8, -1), 1))
    yield from played(({"left": pack(left, numbers.NIBBLE_BITS), "weights": pack(weights, numbers.NIBBLE_BITS),
                        "is_signed": signed} for left, weights, signed in operands), after=2)


def dense_lane(config: HardwareConfig) -> Drive:
    """A word of 1000, 2000, ... against rows of one weight each."""
    word = pack([1000 * (channel + 1) for channel in range(WIDTH)], WIDE_BITS)
    for place in range(WIDTH):
        begins = int(place == 0)
        control = {"valid": 1, "load": begins, "first": begins, "shift": 0, "last": int(place == WIDTH - 1),
                   "signed": 1}
        yield Cycle({"control": control, "row": pack([place + 1] * WIDTH, WIDE_BITS), "word": word * begins})
    yield from idle(5)


def dense_grid(config: HardwareConfig) -> Drive:
    """One dot product of eight terms for each of six tokens; token t's channels are all t + 1."""
    for place in range(len(WEIGHTS) + 16):
        inputs = {}
        if place < len(WEIGHTS):
            inputs |= {"control_valid": 1, "control_load": int(place == 0), "control_first": int(place == 0),
                       "control_last": int(place == len(WEIGHTS) - 1),
                       "row": pack([WEIGHTS[place]] * config.width, numbers.NIBBLE_BITS)}
        token = place - 1
        yield Cycle({**inputs, "word": pack([token + 1] * config.width, numbers.NIBBLE_BITS) if 0 <= token < 6 else 0})


def dense_multiply(config: HardwareConfig) -> Drive:
    """Two tokens beside each other: 3 x 1 + 5 x 4 and 1 x 1 + 1 x 4."""
    for values, weight, first in (((3, 1), 1, 1), ((5, 1), 4, 0)):
        step = [{"valid": 1, "first": first, "shift": 0, "last": 1 - first}] * LANES
        yield Cycle({"steps[0]": step[0], "steps[1]": step[1], "values": pack(values, numbers.OPERAND_BITS),
                     "row": pack([weight] * config.width, numbers.NIBBLE_BITS)})
    yield from idle(5)


def pair_lines(config: HardwareConfig) -> Drive:
    """A line for each lane of the pair, with two dense channels in common."""
    work = {"work": {"channels": DENSE_CHANNELS, "words": 1}}
    arrivals = {LINE_LATENCY - 2: (1, SPARSE), LINE_LATENCY - 1: (2, FULL)}
    for cycle in range(18):
        inputs = {"reserve": 1 << cycle if cycle < LANES else 0}
        if cycle in arrivals:
            lane, channels = arrivals[cycle]
            inputs |= {**line(config, channels), **work, "line_valid": lane}
        yield Cycle(inputs)


def dense_queue(config: HardwareConfig) -> Drive:
    yield from pair_lines(config)


def dense_pair(config: HardwareConfig) -> Drive:
    yield from tile(config)
    yield from pair_lines(config)


def detector(config: HardwareConfig) -> Drive:
    """Five samples of an entry, and its decision; all but the beginning and the end is left out."""
    nonzero = (0xFF, 0x0F, 0x8F, 0x07, 0x0F)
    for sample in nonzero:
        yield Cycle({"sample_valid": 1, "sample_entry": 3, "sample_nonzero": sample}, shown=False)
        for _ in range(8):
            yield Cycle({}, shown=False)
    yield Cycle({"decide_valid": 1, "decide_entry": 3, "decide_count": 1}, shown=False)
    for _ in range(decide_cycles(config) - 5):
        yield Cycle({}, shown=False)
    yield from idle(8)


def sample_counters(config: HardwareConfig) -> Drive:
    """A sample, and then a copy of its entry's counters."""
    sample = {"valid": 1, "front": {"entry": 2, "nonzero": 0b1101}}
    while not (yield Cycle(sample))["pop"]:
        pass
    while not (yield Cycle({"copy_due": 1, "copy_entry": 2}))["copy_taken"]:
        pass
    yield from played([{"copy_entry": 2}] * 9)


def digits(value: int) -> str:
    """Two nibbles, signed, the first one first."""
    return ", ".join(str(((value >> shift & 15) ^ 8) - 8) for shift in (0, 4))


def unsigned_digits(value: int) -> str:
    """Two nibbles as they are, the first one first."""
    return f"{value & 15:x}, {value >> 4:x}"


def wide_sum(value: int) -> str:
    """Column 0 of the sums of a lane of 16-bit operands."""
    return str(signed_low(value, wide_shape(WIDTH, WIDE_BITS, TERMS).accumulator_bits))


def products(value: int) -> str:
    """Four products of a byte each, the first one first."""
    return " ".join(str(((value >> 8 * place & 255) ^ 128) - 128) for place in range(4))


SCENES = {
    "multiplier": Scene(
        top=lambda config: Multiplier(OPERAND_BITS, OPERAND_BITS), drive=multiplier,
        rows=(Row("left"), Row("right"), Row("product")), text="Four products of int8, one a cycle."),
    "packed_multiplier": Scene(
        top=lambda config: PackedBench(), drive=packed,
        rows=(Row("left", text=unsigned_digits), Row("is_signed"), Row("weights", text=digits),
              Row("products_generic", text=products)),
        text="Two left operands (their bits, in hexadecimal) times two weights: products of the first left operand "
             "and the first weight, the second and the first, the first and the second, the second and the second. "
             "The top of its bench packs the operands and adds the borrows."),
    "dense_lane": Scene(
        top=lambda config: DenseLane(wide_shape(WIDTH, WIDE_BITS, TERMS)), drive=dense_lane,
        rows=(Row("control.valid"), Row("control.load"), Row("control.first"), Row("control.last"),
              Row("row", "control.valid", nibbles), Row("next_control.valid"), Row("done"),
              Row("sums", "done", wide_sum)),
        text="A lane of one token with 16-bit operands, 1000, 2000, ... times 1, 2, ...; column 0 of the sums "
             "is shown."),
    "dense_grid": Scene(
        top=dense, drive=dense_grid,
        rows=(Row("control_valid"), Row("control_load"), Row("control_first"), Row("control_last"),
              Row("row", "control_valid", nibbles), Row("word", text=nibbles), Row("drained_valid"),
              Row("drained_token", "drained_valid")),
        text="Three lanes of two tokens. Token t's word comes t + 1 cycles after the first row."),
    "dense_multiply": Scene(
        top=lambda config: DenseMultiply(config, "lut", "generic"), drive=dense_multiply, config="small_hybrid",
        rows=(Row("steps[0].valid"), Row("steps[0].first"), Row("steps[0].last"), Row("values[0]", "steps[0].valid"),
              Row("values[1]", "steps[0].valid"), Row("row", "steps[0].valid", nibbles),
              Row("sums", low="accumulator_bits")),
        text="Two channels of two tokens: 3 x 1 + 5 x 4 = 23 for the first, whose column 0 is shown."),
    "dense_queue": Scene(
        top=DenseQueue, drive=dense_queue, config="small_hybrid",
        rows=(Row("reserve"), Row("line_valid"), Row("line", "line_valid", hexadecimal), Row("space"),
              Row("steps[0].valid"), Row("steps[0].last"), Row("steps[1].valid"), Row("counts"), Row("read"),
              Row("address", "read"), Row("values[0]"), Row("values[1]")),
        text="A line for each of the two tokens; channels 0 and 3 are dense, and issued for both tokens at once, zero "
             "or not. `reserve`, `line_valid` and `space` have a bit for each lane."),
    "dense_pair": Scene(
        top=DensePair, drive=dense_pair, config="small_hybrid",
        rows=(Row("reserve"), Row("line_valid"), Row("line", "line_valid", hexadecimal), Row("space"), Row("issued"),
              Row("done"), Row("sums", low="accumulator_bits")),
        text="A line for each of the two tokens; channels 0 and 3 are dense. Column 0 of the first token's sums is "
             "shown: 3 x 1 + 5 x 4."),
    "detector": Scene(
        top=Detector, drive=detector,
        rows=(Row("busy"), Row("split.enable"), Row("split.address", "split.enable"),
              Row("split.data", "split.enable", hexadecimal), Row("overrun"), Row("request_overrun")),
        text="The last cycles of a decision. Before them five samples of entry 3 were counted, whose non-zero "
             "channels were ff, 0f, 8f, 07 and 0f (hexadecimal masks), and its decision was asked for."),
    "sample_counters": Scene(
        top=SampleCounters, drive=sample_counters,
        rows=(Row("valid"), Row("front.entry", "valid"), Row("front.nonzero", "valid", hexadecimal), Row("copy_due"),
              Row("pop"), Row("copy_taken"), Row("copied_valid"), Row("copied_word", "copied_valid"),
              Row("copied.counts[0]", "copied_valid"), Row("copied.counts[1]", "copied_valid"),
              Row("copied.samples", "copied_valid")),
        text="A sample with channels 0, 2 and 3 not zero, and a copy of its entry's counters."),
}
