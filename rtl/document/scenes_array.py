"""Scenes of the lanes of ``rtl.array``, their service and their drain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from golden.spec import numbers
from golden.spec.descriptors import Destination, Engine, LeftMemory, MultiplierSource
from golden.spec.hardware import HardwareConfig
from golden.spec.latency import LINE_LATENCY
from golden.spec.numbers import Format
from rtl.array.dispatcher import Dispatcher
from rtl.array.fetcher import Fetcher
from rtl.array.grid import Grid
from rtl.array.in_flight import InFlight
from rtl.array.line_queue import LineQueue
from rtl.array.multiply_accumulate import MultiplyAccumulate
from rtl.bench.catalogue_array import ArrayBench
from rtl.bench.catalogue_lane import LaneBench
from rtl.bench.catalogue_memory import WriteBackBench
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import (
    EVERY_ENGINE,
    engines,
    hexadecimal,
    idle,
    int16,
    issued,
    loaded,
    member,
    nibbles,
    pack,
    played,
)

WEIGHTS = (1, 2, 3, 4, 5, 6, 7, -1)
"""Row r of the tile has this weight in every column."""
SPARSE, FULL = (3, 0, 0, 5, 0, 0, 0, 2), (1,) * 8
"""Channels of two tokens; their sums are 21 and 27."""
ARRIVAL = LINE_LATENCY - 2
TO_NORM = 1 << Engine.NORM


def tile(config: HardwareConfig) -> Iterator[Cycle]:
    """Load the weights."""
    return loaded("tile", (pack([weight] * config.width, numbers.NIBBLE_BITS) for weight in WEIGHTS))


def line(config: HardwareConfig, channels: tuple[int, ...], token: int = 0) -> dict[str, Any]:
    """A token whose row is one word, as it arrives."""
    return {"line_valid": 1, "line": pack(channels, numbers.NIBBLE_BITS),
            "control": {"words": 1, "row": 0, "first": 1, "shift": 0, "last": 1, "signed": 0, "skip": 1, "entry": 0,
                        "token": token}}


def multiply_accumulate(config: HardwareConfig) -> Drive:
    """3 x 1 + 5 x 4 + 2 x -1, and behind it 1 x 7."""
    for value, weight, first, last in ((3, 1, 1, 0), (5, 4, 0, 0), (2, -1, 0, 1), (1, 7, 1, 1)):
        yield Cycle({"step": {"valid": 1, "first": first, "shift": 0, "last": last}, "value": value,
                     "row": pack([weight] * config.width, numbers.NIBBLE_BITS)})
    yield from idle(4)


def line_queue(config: HardwareConfig) -> Drive:
    """Two lines, one arriving while the other is issued."""
    work = {"channels": sum(1 << place for place, value in enumerate(SPARSE) if value), "words": 1}
    arrives = {**line(config, SPARSE), "work": work}
    yield from played([{"reserve": 1}, {}, {"reserve": 1}, arrives, {}, arrives], after=10)


def lane(config: HardwareConfig) -> Drive:
    """The lane is served every ``lanes`` cycles: two tokens."""
    yield from tile(config)
    arriving = {ARRIVAL: SPARSE, config.lanes + ARRIVAL: FULL}
    for cycle in range(3 * config.lanes + 8):
        served = cycle % config.lanes == 0
        inputs = {"grant": int(served), "reserve": int(served and cycle <= config.lanes)}
        yield Cycle({**inputs, **(line(config, arriving[cycle]) if cycle in arriving else {})})


def grid(config: HardwareConfig) -> Drive:
    """Every lane is given one token in its first slot."""
    yield from tile(config)
    for cycle in range(3 * config.lanes + 4):
        inputs = {"slot": cycle % config.lanes, "reserve": int(cycle < config.lanes)}
        arrives = cycle - ARRIVAL
        if 0 <= arrives < config.lanes:
            inputs |= {**line(config, SPARSE, arrives), "line_lane": arrives}
        yield Cycle(inputs)


def dispatcher(config: HardwareConfig) -> Drive:
    """Two groups; the lanes take a token every other cycle."""
    held = {"available": EVERY_ENGINE, "room": 1, "key_room": 1, "quiet": 1}
    payload = {"count": 2, "words": 1, "left_base": 64, "lane_stride": 1, "left_step": 32, "signal_each": TO_NORM,
               "destination": Destination.ACTIVATION}
    seen = yield Cycle({**held, "descriptor.valid": 1, "descriptor.payload": payload})
    taken = 0
    for cycle in range(4 * config.lanes):
        takes = int(seen["offered"] or cycle == 0) * (cycle % 2 or taken < config.lanes - 1)
        seen = yield Cycle({**held, "taken": takes})
        taken += takes
        if taken == config.lanes + 3:
            break


def fetcher(config: HardwareConfig) -> Drive:
    """Three tokens of six words: lines of four and of two."""
    operand = {"left_memory": LeftMemory.ACTIVATION, "words": 6, "skip": 1}
    token = 0
    yield Cycle({})
    for _ in range(2 * config.lanes + 3):
        offer = {"offered": int(token < 3), "token": {"address": 64 + 8 * token, "row": 0, "entry": 0, "token": token}}
        token += (yield Cycle({"busy": 1, "space": 1, "operand": operand, **offer}))["taken"]


def in_flight(config: HardwareConfig) -> Drive:
    """A group is allocated; its tokens are drained, and its results are written."""
    yield Cycle({"allocate": 1, "tokens": 1, "signals": TO_NORM})
    yield Cycle({})
    yield from played([{"drained_valid": 1, "drained_entry": 0}] * config.lanes, after=13)


def write_back(config: HardwareConfig) -> Drive:
    """Sums to int4 with each column's multiplier and bias; then, by one multiplier, added to the residual stream."""
    yield from loaded("load_residual", [pack([1000] * config.width, numbers.WIDE_BITS)] * 2)
    column = 2000 | 24 << numbers.MULTIPLIER_BITS
    held = {"parameter_sets": pack([column] * config.width * config.slots, numbers.PARAMETER_BITS)}
    records = ({"record_destination": Destination.ACTIVATION, "record_format": Format.INT4,
                "record_multiplier_source": MultiplierSource.COLUMN, "record_shift": 14, "record_address": 80,
                "record_vector_stride": 4},
               {"record_destination": Destination.RESIDUAL_ADD, "record_format": Format.WIDE,
                "record_multiplier_source": MultiplierSource.CONSTANT, "record_multiplier": 16, "record_shift": 0,
                "record_address": 0, "record_vector_stride": 1})
    for place, total in enumerate((300, -300, 40, -7)):
        yield Cycle({**held, **records[place // 2], "drained_valid": 1, "drained_token": place % 2,
                     "drained": pack([total] * config.width, config.accumulator_bits)})
    yield from played([held] * 8)


def array_engine(config: HardwareConfig) -> Drive:
    """A group of tokens of one word: each lane has another number of channels that are not zero."""
    yield from loaded("load_tile", (pack([weight] * config.width, numbers.NIBBLE_BITS) for weight in WEIGHTS))
    words = (pack([1] * (token + 1), numbers.NIBBLE_BITS) for token in range(config.lanes))
    yield from loaded("load_normalised", words)
    yield from issued({"count": 1, "words": 1, "skip": 1, "left_memory": LeftMemory.NORMALISED, "lane_stride": 1,
                       "multiplier_source": MultiplierSource.CONSTANT, "multiplier": 16, "shift": 0,
                       "destination": Destination.RESIDUAL_REPLACE, "format": Format.WIDE, "vector_stride": 1,
                       "signal_last": TO_NORM}, {"available": EVERY_ENGINE}, after=2)


def arriving(*more: str) -> tuple[Row, ...]:
    """Rows of a line's arrival."""
    return (Row("line_valid"), *(Row(name, "line_valid") for name in more), Row("line", "line_valid", hexadecimal))


SCENES = {
    "multiply_accumulate": Scene(
        top=MultiplyAccumulate, drive=multiply_accumulate,
        rows=(Row("step.valid"), Row("step.first"), Row("step.last"), Row("value", "step.valid"),
              Row("row", "step.valid", nibbles), Row("sums", low="accumulator_bits")),
        text="A token of three channels, 3 x 1 + 5 x 4 - 2 x 1 = 21, and one of a single channel. Column 0 of the sums "
             "is shown."),
    "line_queue": Scene(
        top=LineQueue, drive=line_queue,
        rows=(Row("reserve"), *arriving(), Row("space"), Row("empty"), Row("step.valid"), Row("step.first"),
              Row("step.last"), Row("counts"), Row("address"), Row("value")),
        text="Two tokens of one line each, 3, 0, 0, 5, 0, 0, 0, 2: the zeros take no cycle, and between the tokens "
             "none is lost."),
    "lane": Scene(
        top=LaneBench, drive=lane,
        rows=(Row("grant"), Row("reserve"), *arriving(), Row("space"), Row("issued"), Row("waiting_line"),
              Row("waiting_token"), Row("done"), Row("sums", low="accumulator_bits")),
        text="The lane is served every eight cycles. Its first token has three channels that are not zero and takes "
             "three cycles, the second eight. Column 0 of the sums is shown; row r of the tile has the weight r + 1, "
             "row 7 has -1."),
    "grid": Scene(
        top=Grid, drive=grid,
        rows=(Row("slot"), Row("reserve"), *arriving("line_lane"), Row("space"), Row("issued"), Row("drained_valid"),
              Row("drained_token", "drained_valid"), Row("drained", "drained_valid", low="accumulator_bits")),
        text="Each lane is given one token, of three channels that are not zero, in its first slot; it is drained "
             "after its second. Column 0 of the sums is shown."),
    "dispatcher": Scene(
        top=Dispatcher, drive=dispatcher,
        rows=(Row("descriptor.valid"), Row("room"), Row("taken"), Row("descriptor.ready"), Row("allocate"),
              Row("signals", "allocate", engines), Row("offered"), Row("token.token", "offered"),
              Row("token.address", "offered"), Row("idle")),
        text="A descriptor of two groups of eight tokens. The next group is allocated in the cycle in which the last "
             "token of the first is taken."),
    "fetcher": Scene(
        top=Fetcher, drive=fetcher,
        rows=(Row("busy"), Row("space"), Row("offered"), Row("token.address", "offered"), Row("slot"), Row("taken"),
              Row("reserve"), Row("words"), Row("line_valid"), Row("line_lane", "line_valid"),
              Row("line_address", "line_valid"), Row("control.last", "line_valid")),
        text="Three tokens of six words each, a line of four and one of two. Each lane gets its second line a turn "
             "of eight cycles later."),
    "in_flight": Scene(
        top=InFlight, drive=in_flight,
        rows=(Row("allocate"), Row("signals", "allocate", engines), Row("drained_valid"), Row("room"), Row("busy"),
              Row("retire"), Row("quiet"), Row("give", text=engines)),
        text="One group: allocated, its eight tokens drained, retired, and its signal nine cycles later."),
    "write_back": Scene(
        top=WriteBackBench, drive=write_back,
        rows=(Row("drained_valid"), Row("drained_token", "drained_valid"),
              Row("drained", "drained_valid", low="accumulator_bits"),
              Row("record_destination", "drained_valid", member(Destination)), Row("written_activation.enable"),
              Row("written_activation.address", "written_activation.enable"),
              Row("written_activation.data", "written_activation.enable", nibbles), Row("written_residual.enable"),
              Row("written_residual.address", "written_residual.enable"),
              Row("written_residual.data", "written_residual.enable", int16)),
        text="Two vectors to int4 (the sums 300 and -300 with a multiplier of 2000 and a bias of 24, as in the "
             "numerics' example), then two that are added to the residual stream, which holds 1000. Column 0 is "
             "shown."),
    "array_engine": Scene(
        top=ArrayBench, drive=array_engine,
        rows=(Row("descriptor.valid"), Row("descriptor.ready"), Row("take", text=engines), Row("busy"), Row("idle"),
              Row("offered"), Row("issued"), Row("waiting_line"), Row("waiting_drain"), Row("waiting_token"),
              Row("written_residual.enable"), Row("written_residual.address", "written_residual.enable"),
              Row("written_residual.data", "written_residual.enable", int16), Row("give", text=engines)),
        text="One descriptor: a group of tokens of one word. Token t has t + 1 channels that are not zero, and takes "
             "as many cycles; all are 1, so that the sum is that of the weights 1, 2, 3 ... `issued` and `waiting` "
             "count lanes, two cycles late. Column 0 is shown."),
}
