"""The least and the greatest value of every field of every descriptor, as an engine may be given it.

Numbers, masks and steps go as far as their bits. What names something that there is only so often (a slot, an engine, a
row of a table) goes as far as that. A first address is greatest where the access ends with the memory's last word, and
a length where the memory is full; both depend on the other fields of the same descriptor.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

from golden.spec.descriptors import (
    ENGINES,
    FIELDS,
    NORM_PLANES,
    REGISTERS,
    RELOCATABLE,
    WIDTHS,
    Destination,
    Field,
    LeftMemory,
    LoadSource,
    Opcode,
)
from golden.spec.document import CHOICES
from golden.spec.hardware import HardwareConfig
from golden.spec.numbers import COORDINATE_FREQUENCIES, PARAMETER_ROWS

LEAST_ONE = {(Opcode.LOOP, "count"), (Opcode.NORM, "count"), (Opcode.ARRAY, "words"), (Opcode.SOFTMAX, "words"),
             (Opcode.NORM, "words"), (Opcode.PIXEL, "words"), (Opcode.PIXEL, "grid"), (Opcode.PIXEL, "stride"),
             (Opcode.PIXEL, "channels")}
"""Fields that 0 is no value of."""
DENSE = ("split", "split_base", "detect", "decide", "decide_fixed")
"""Fields of ARRAY that only a core with dense lanes obeys."""
MOST_STRIDE = 2
MOST_TOKEN_STRIDE = (1 << WIDTHS[Opcode.PIXEL]["token_stride"]) - 1
ENDS = ("least", "greatest")
Values = Mapping[str, int]


def is_select(opcode: Opcode, name: str) -> bool:
    """Whether a field names a register that is added to another."""
    return name.endswith("_register") and name.removesuffix("_register") in RELOCATABLE[opcode]


def engine_fields(opcode: Opcode) -> list[Field]:
    """The fields that an engine gets: registers are added by then."""
    return [field for field in FIELDS[opcode] if not is_select(opcode, field.name)]


def bits_limits(field: Field) -> tuple[int, int]:
    """The smallest and largest value of a field's bits."""
    half = 1 << field.bits - 1
    return (-half, half - 1) if field.signed else (0, (1 << field.bits) - 1)


def limits(config: HardwareConfig, opcode: Opcode, values: Values) -> dict[str, tuple[int, int]]:
    """Least and greatest value of each of an engine's fields, in a descriptor that has these ``values``."""
    found = {field.name: bits_limits(field) for field in engine_fields(opcode)}
    found |= {name: (min(kind), max(kind)) for (owner, name), kind in CHOICES.items() if owner is opcode}
    found |= {name: (found[name][0], min(found[name][1], most))
              for name, most in CAPACITY[opcode](config, values).items()}
    return {name: (max(low, 1) if (opcode, name) in LEAST_ONE else low, high) for name, (low, high) in found.items()}


def load_capacity(config: HardwareConfig, values: Values) -> dict[str, int]:
    """Of LOAD."""
    memory = {LoadSource.WEIGHT: "weight", LoadSource.KEY_VALUE: "key_value"}[LoadSource(values["source"])]
    used = values["rows"] + PARAMETER_ROWS * values["parameters"]
    return {"base": config.memory_shapes[memory][0] - used, "rows": config.slot_rows, "slot": config.slots - 1}


def array_capacity(config: HardwareConfig, values: Values) -> dict[str, int]:
    """Of ARRAY."""
    left, last = LeftMemory(values["left_memory"]).name.lower(), max(0, values["count"] - 1)
    planes = 2 if values["nibble_passes"] else 1
    depth, others = config.memory_shapes[left][0], config.lanes - 1
    place = {Destination.ACTIVATION: "activation", Destination.SCORE: "score", Destination.KEY: "key_value",
             Destination.VALUE: "key_value"}.get(Destination(values["destination"]), "residual")
    room = config.memory_shapes[place][0]
    keys = values["destination"] == Destination.KEY
    reach = config.width + (values["count"] * config.lanes // config.width - 1) * values["destination_step"] if keys \
        else last * values["destination_step"] + others * values["vector_stride"] + 1
    return {
        "words": config.slot_rows // config.width // (planes * planes),
        "left_base": depth - last * values["left_step"] - others * values["lane_stride"] - planes * values["words"],
        "lane_stride": (depth - planes * values["words"]) // others, "slot": config.slots - 1,
        "destination_base": room - reach,
        "vector_stride": (1 << 12) if keys else (room - 1) // others, "split_base": config.split_lines - 1,
    }


def softmax_capacity(config: HardwareConfig, values: Values) -> dict[str, int]:
    """Of SOFTMAX."""
    return {"words": config.score_words // 2 // config.lanes}


def norm_capacity(config: HardwareConfig, values: Values) -> dict[str, int]:
    """Of NORM."""
    group = config.lanes * max(1, values["words"])
    moves = (values["count"] - 1) // values["table_groups"] if values["table_groups"] else 0
    planes = 2 if values["format"] in NORM_PLANES else 1
    return {
        "count": config.residual_words // group, "words": config.residual_words // config.lanes,
        "residual_base": config.residual_words - values["count"] * group,
        "table_base": config.modulation_words - values["words"] - moves * values["table_step"],
        "destination_base": config.normalised_words - planes * values["count"] * group,
    }


def pixel_capacity(config: HardwareConfig, values: Values) -> dict[str, int]:
    """Of PIXEL."""
    tokens = values["grid"] ** 2
    pixels = max(1, values["stride"] ** 2 * values["channels"])
    reach = (tokens - 1) * values["token_stride"] + -(-pixels // config.width)
    room = min(config.pixel_words // pixels, config.normalised_words // (2 * max(1, values["words"])),
               config.residual_words // max(1, values["token_stride"]) if tokens > 1 else config.residual_words)
    return {
        "step": config.step_words - 1, "grid": min(isqrt(room), config.coordinate_words), "stride": MOST_STRIDE,
        "coordinates": 2 * len(COORDINATE_FREQUENCIES),
        "words": -(-(9 * values["channels"] + values["coordinates"]) // config.width),
        "guided_base": config.residual_words - reach, "unguided_base": config.residual_words - reach,
        "token_stride": config.residual_words // (tokens - 1) if tokens > 1 else MOST_TOKEN_STRIDE,
        "destination_base": config.normalised_words - 2 * tokens * values["words"],
    }


CAPACITY = {Opcode.LOAD: load_capacity, Opcode.ARRAY: array_capacity, Opcode.SOFTMAX: softmax_capacity,
            Opcode.NORM: norm_capacity, Opcode.PIXEL: pixel_capacity}
"""What the memories of a configuration leave of each field's bits, in a descriptor with these values."""


def program_limits(config: HardwareConfig, opcode: Opcode) -> dict[str, tuple[int, int]]:
    """Least and greatest value of a field as it stands in the program: what the sequencer decodes."""
    found = {}
    for field in FIELDS[opcode]:
        low, high = bits_limits(field)
        if opcode is Opcode.CREDIT and field.name != "count":
            high = ENGINES - 1
        elif opcode is Opcode.EXECUTE and field.name == "address":
            high = config.program_words - 1
        elif is_select(opcode, field.name):
            high = REGISTER_CHOICES
        found[field.name] = (max(low, 1) if opcode is Opcode.LOOP else low, high)
    return found


REGISTER_CHOICES = REGISTERS
"""A select is 0, for none, or the number of a register, counted from 1."""
