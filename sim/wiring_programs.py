"""Programs that break one rule each, in a memory that they name; and long ones whose cycles are foretold."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import NamedTuple

from golden.spec.descriptors import (
    QUEUE_DEPTH,
    WIDTHS,
    Destination,
    LeftMemory,
    LoadSource,
    Opcode,
    PixelOperation,
    encode,
)
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ErrorCode

HALT = encode(Opcode.HALT, {})
ROUNDS = 200
"""Of descriptors that are to meet in one cycle: they drift past each other."""
SHORT = 8
"""Short descriptors beside a long one; their cycles are odd, and no multiple of the other's."""
GROUPS = 64
MOST_CHANNELS = (1 << WIDTHS[Opcode.PIXEL]["channels"]) - 1

LEFT_MEMORIES = {LeftMemory.NORMALISED: "normalised", LeftMemory.ACTIVATION: "activation",
                 LeftMemory.PROBABILITY: "probability"}
DESTINATIONS = {Destination.ACTIVATION: "activation", Destination.VALUE: "key_value", Destination.SCORE: "score",
                Destination.RESIDUAL_ADD: "residual", Destination.RESIDUAL_REPLACE: "residual"}


class Case(NamedTuple):
    """A program, the code that it must end with, and the memories that the error's detail must name."""

    name: str
    code: ErrorCode
    memories: tuple[str, ...]
    program: tuple[int, ...]


def past_end(name: str, opcode: Opcode, *memories: str, **values: int) -> Case:
    """A descriptor that reaches past the end of a memory, by default the one that the case is called by."""
    named = memories or (name.split()[0],)
    return Case(f"{name} past its end", ErrorCode.ADDRESS, named, (encode(opcode, values), HALT))


def faults(config: HardwareConfig) -> Iterator[Case]:
    """An access past the end of every memory."""
    depth = {name: shape[0] for name, shape in config.memory_shapes.items()}
    side = next(side for side in range(256) if MOST_CHANNELS * side * side > depth["pixel"])
    product = {"count": 1, "words": 1}
    token = {"grid": 1, "stride": 1, "channels": 1, "words": 1}
    image = {**token, "grid": side, "channels": MOST_CHANNELS, "words": 8}
    step, patch = PixelOperation.STEP, PixelOperation.PATCH
    norm = {"count": 1, "words": 1, "table_groups": 1}
    yield past_end("program", Opcode.EXECUTE, address=depth["program"])
    yield past_end("weight", Opcode.LOAD, base=depth["weight"], rows=1)
    yield past_end("key_value", Opcode.LOAD, source=LoadSource.KEY_VALUE, base=depth["key_value"], rows=1)
    yield past_end("key_value written", Opcode.ARRAY, **product, destination=Destination.VALUE,
                   destination_base=depth["key_value"])
    yield past_end("tile", Opcode.LOAD, slot=config.slots - 1, rows=config.slot_rows + 1)
    yield past_end("modulation", Opcode.NORM, **norm, table_base=depth["modulation"])
    yield past_end("residual", Opcode.NORM, **norm, residual_base=depth["residual"])
    yield past_end("residual added to", Opcode.ARRAY, **product, destination=Destination.RESIDUAL_ADD,
                   destination_base=depth["residual"])
    yield past_end("residual of velocities", Opcode.PIXEL, operation=step, **token,
                   guided_base=depth["residual"])
    yield past_end("normalised by the norm", Opcode.NORM, **norm, destination_base=depth["normalised"])
    yield past_end("normalised by patches", Opcode.PIXEL, operation=patch, **token,
                   destination_base=depth["normalised"])
    yield past_end("normalised read", Opcode.ARRAY, **product, left_base=depth["normalised"])
    yield past_end("activation read", Opcode.ARRAY, **product, left_memory=LeftMemory.ACTIVATION,
                   left_base=depth["activation"])
    yield past_end("activation written", Opcode.ARRAY, **product, destination_base=depth["activation"])
    yield past_end("score", Opcode.ARRAY, **product, destination=Destination.SCORE, destination_base=depth["score"])
    yield past_end("probability", Opcode.ARRAY, **product, left_memory=LeftMemory.PROBABILITY,
                   left_base=depth["probability"])
    yield past_end("step", Opcode.PIXEL, operation=step, step=depth["step"], **token)
    yield past_end("coordinate", Opcode.PIXEL, operation=patch, **{**token, "grid": depth["coordinate"] + 1},
                   coordinates=2)
    yield past_end("pixel", Opcode.PIXEL, operation=patch, **image)
    yield past_end("clean", Opcode.PIXEL, "pixel", "clean", operation=step, **image)
    if config.dense_lanes:
        yield past_end("split", Opcode.ARRAY, **product, split=1, split_base=depth["split"])


def last_words(config: HardwareConfig) -> Iterator[int]:
    """Descriptors that go to the last word of every memory but the coordinates', and not past it."""
    depth = {name: shape[0] for name, shape in config.memory_shapes.items()}
    product = {"count": 1, "words": 1}
    norm = {"count": 1, "words": 1, "table_groups": 1, "residual_base": depth["residual"] - config.lanes}
    image = {"grid": isqrt(depth["pixel"]), "stride": 1, "channels": 1, "operation": PixelOperation.STEP}
    yield encode(Opcode.LOAD, {"base": depth["weight"] - 1, "rows": 1})
    yield encode(Opcode.LOAD, {"source": LoadSource.KEY_VALUE, "base": depth["key_value"] - 1, "rows": 1})
    yield encode(Opcode.LOAD, {"slot": config.slots - 1, "rows": config.slot_rows})
    yield encode(Opcode.NORM, {**norm, "table_base": depth["modulation"] - 1,
                               "destination_base": depth["normalised"] - config.lanes})
    yield encode(Opcode.PIXEL, {**image, "step": depth["step"] - 1, "guided_base": depth["residual"] - 1})
    for place, name in LEFT_MEMORIES.items():
        yield encode(Opcode.ARRAY, {**product, "left_memory": place, "left_base": depth[name] - 1})
    for place, name in DESTINATIONS.items():
        yield encode(Opcode.ARRAY, {**product, "destination": place, "destination_base": depth[name] - config.lanes,
                                    "vector_stride": 1})
    if config.dense_lanes:
        yield encode(Opcode.ARRAY, {**product, "split": 1, "split_base": depth["split"] - 1})


def meeting(name: str, memory: str, *descriptors: int) -> Case:
    """Descriptors that come again and again until two of them meet at one word or port of a memory."""
    program = (encode(Opcode.LOOP, {"count": ROUNDS}), *descriptors, encode(Opcode.END, {}), HALT)
    return Case(name, ErrorCode.SCHEDULE, (memory,), program)


def collisions(config: HardwareConfig) -> Iterator[Case]:
    """Every pair of units that the program has to keep apart, and every word that may be read as it is written."""
    product = {"count": GROUPS, "words": 1, "skip": 1}
    groups = min(config.residual_words, config.normalised_words) // config.lanes
    norm = {"count": groups, "words": 1, "table_groups": groups}
    image = {"grid": 4, "stride": 1, "channels": 1, "words": 1}
    array, load, pixel, softmax = Opcode.ARRAY, Opcode.LOAD, Opcode.PIXEL, Opcode.SOFTMAX
    patches = encode(pixel, {**image, "operation": PixelOperation.PATCH})
    values = encode(array, {**product, "destination": Destination.VALUE})
    yield meeting("norm and patches", "normalised", encode(Opcode.NORM, norm), patches)
    yield meeting("norm and array", "normalised", encode(array, product), encode(Opcode.NORM, norm))
    yield meeting("activation", "activation", encode(array, {**product, "left_memory": LeftMemory.ACTIVATION}))
    yield meeting("keys and values", "key_value",
                  encode(array, {"count": config.width // config.lanes, "words": 1, "destination": Destination.KEY}),
                  values)
    yield meeting("values and loader", "key_value", values,
                  *[encode(load, {"source": LoadSource.KEY_VALUE, "rows": 4, "slot": 1})] * SHORT)
    yield meeting("sum and sampler", "residual",
                  encode(array, {**product, "destination": Destination.RESIDUAL_ADD, "destination_base": 1}),
                  encode(pixel, {**image, "operation": PixelOperation.STEP, "token_stride": 0}))
    yield meeting("sum and norm", "residual",
                  encode(array, {**product, "left_memory": LeftMemory.ACTIVATION,
                                 "destination": Destination.RESIDUAL_REPLACE}),
                  *[encode(Opcode.NORM, {"count": 1, "words": 1, "table_groups": 1})] * SHORT)
    yield meeting("scores and softmax", "score", encode(array, {**product, "destination": Destination.SCORE}),
                  *[encode(softmax, {"words": 2})] * SHORT)
    yield meeting("probabilities and array", "probability",
                  encode(array, {**product, "left_memory": LeftMemory.PROBABILITY}),
                  *[encode(softmax, {"words": 2})] * SHORT)
    yield meeting("tile", "tile", encode(array, product), encode(load, {"rows": config.width}))
    if config.dense_lanes:
        yield meeting("split", "split", encode(array, {**product, "split": 1, "detect": 1}),
                      encode(array, {"words": 1, "decide": 1}))


def readers(config: HardwareConfig) -> dict[str, int]:
    """For every memory with check bits, but for the program's, a descriptor that reads its first word."""
    token = {"grid": 1, "stride": 1, "channels": 1, "words": 1}
    product = {"count": 2, "words": 1}
    return {
        "weight": encode(Opcode.LOAD, {"rows": 1}),
        "modulation": encode(Opcode.NORM, {"count": 1, "words": 1, "table_groups": 1}),
        "step": encode(Opcode.PIXEL, {**token, "operation": PixelOperation.STEP}),
        "coordinate": encode(Opcode.PIXEL, {**token, "operation": PixelOperation.PATCH, "coordinates": 2}),
        "tile": encode(Opcode.ARRAY, {**product, "split": 1 if config.dense_lanes else 0}),
        **({"split": encode(Opcode.ARRAY, {**product, "split": 1})} if config.dense_lanes else {}),
    }


def queues(config: HardwareConfig) -> Iterator[tuple[str, list[int]]]:
    """For every engine more descriptors than its queue holds, behind a long one; each tells its cycles."""
    image = {"grid": 4, "stride": 1, "channels": 1, "words": 1, "operation": PixelOperation.PATCH}
    kinds = {
        Opcode.LOAD: {"rows": config.slot_rows},
        Opcode.ARRAY: {"count": GROUPS, "words": 1},
        Opcode.SOFTMAX: {"words": config.score_words // 2 // config.lanes},
        Opcode.NORM: {"count": config.residual_words // config.lanes, "words": 1, "table_groups": 1},
        Opcode.PIXEL: image,
    }
    for opcode, long in kinds.items():
        short = {name: min(value, 1) if name in ("rows", "count", "grid") else value for name, value in long.items()}
        yield opcode.name, [encode(opcode, long), *[encode(opcode, short)] * (2 * QUEUE_DEPTH), HALT]
