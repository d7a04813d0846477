"""The descriptor set: what the sequencer reads, and what each engine is told.

A descriptor is 256 bits. Its lowest 4 bits are the opcode; the fields of each kind follow, least significant first,
in the order given here. A field named ``x_register`` adds register ``x_register - 1`` to field ``x`` when it is issued
(0 adds nothing).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from golden.spec.hardware import REGISTER_BITS, SPLIT_ENTRY_BITS
from golden.spec.numbers import UNSIGNED_NIBBLE_MAXIMUM

DESCRIPTOR_BITS = 256
OPCODE_BITS = 4
REGISTERS = 16
REGISTERS_A_WORD = 8
LOOP_LEVELS = 6
QUEUE_DEPTH = 4
"""Descriptors that wait in front of each engine."""
SEMAPHORE_BITS = 9


class Opcode(enum.IntEnum):
    """Engines first: an engine's opcode is its number."""

    LOAD = 0      # weight loader
    ARRAY = 1     # matrix product, requantise, write back
    SOFTMAX = 2
    NORM = 3
    PIXEL = 4     # patches of the image, sampler step
    SET = 8       # set registers
    LOOP = 9      # repeat up to the matching END
    END = 10      # advance registers; go back or leave the loop
    EXECUTE = 11  # execute the one descriptor at address + register
    CREDIT = 12   # raise a semaphore
    SYNC = 13     # wait until every engine is idle; end of a step where it says so, and of a program that has settled
    HALT = 14     # wait until every engine is idle; done


class Engine(enum.IntEnum):
    """The units that take descriptors; each runs its own in order."""

    LOAD = 0
    ARRAY = 1
    SOFTMAX = 2
    NORM = 3
    PIXEL = 4


class LoadSource(enum.IntEnum):
    WEIGHT = 0
    KEY_VALUE = 1


class LeftMemory(enum.IntEnum):
    NORMALISED = 0
    ACTIVATION = 1
    PROBABILITY = 2


class MultiplierSource(enum.IntEnum):
    COLUMN = 0    # multiplier and bias of each output channel, from the weight tile
    CONSTANT = 1  # the descriptor's multiplier, no bias
    ROW = 2       # the token's reciprocal of its softmax sum, no bias


class Destination(enum.IntEnum):
    ACTIVATION = 0
    VALUE = 1             # key_value memory, as it comes
    KEY = 2               # key_value memory, transposed: one row a channel
    SCORE = 3
    RESIDUAL_ADD = 4
    RESIDUAL_REPLACE = 5


class PixelOperation(enum.IntEnum):
    STEP = 0      # latent and predicted clean image in place, by a word of the step memory
    PATCH = 1     # 3x3 patches and coordinates as int8 operands in two nibble planes


class NormFormat(enum.IntEnum):
    UINT4 = 0
    INT8 = 1            # two nibble planes
    RECTIFIED_INT8 = 2  # the same without its negative half


NORM_LIMITS = {NormFormat.UINT4: (0, UNSIGNED_NIBBLE_MAXIMUM), NormFormat.INT8: (-128, 127),
               NormFormat.RECTIFIED_INT8: (0, 127)}
"""Smallest and largest value of each format of the norm."""
NORM_PLANES = (NormFormat.INT8, NormFormat.RECTIFIED_INT8)
"""Formats of the norm that are written as two nibble planes."""


class Field(NamedTuple):
    """One bit field; unsigned unless said otherwise."""

    name: str
    bits: int
    signed: bool = False


ENGINES = len(Engine)
HANDSHAKE = (
    Field("wait_first", ENGINES),   # before the first iteration, take one from each of these engines' semaphores
    Field("wait_each", ENGINES),    # before every iteration
    Field("signal_each", ENGINES),  # after every iteration, give one to each of these
    Field("signal_last", ENGINES),  # after the last iteration
)
ADDRESS = REGISTER_BITS
SELECT = 5


def _address(name: str, bits: int = ADDRESS) -> tuple[Field, Field]:
    return Field(name, bits), Field(f"{name}_register", SELECT)


FIELDS: dict[Opcode, tuple[Field, ...]] = {
    Opcode.LOAD: (*HANDSHAKE, Field("source", 1), *_address("base"), Field("rows", 12), Field("slot", 3),
                  Field("parameters", 1)),
    Opcode.ARRAY: (*HANDSHAKE, Field("fence", 1), Field("skip", 1), Field("count", 12), Field("words", 8),
                   Field("nibble_passes", 1), Field("left_memory", 2), Field("left_signed", 1),
                   *_address("left_base"), Field("left_step", 16),
                   Field("lane_stride", 10), Field("slot", 3), Field("tile_step", 12),
                   Field("multiplier_source", 2), *_address("multiplier", 14), Field("shift", 6),
                   Field("row_slot", 1), Field("format", 2), Field("destination", 3), *_address("destination_base"),
                   Field("destination_step", 16), Field("vector_stride", 12),
                   Field("split", 1), *_address("split_base", SPLIT_ENTRY_BITS), Field("detect", 1), Field("decide", 1),
                   Field("decide_fixed", 1)),
    Opcode.SOFTMAX: (*HANDSHAKE, Field("slot", 1), Field("words", 8), *_address("multiplier", 14)),
    Opcode.NORM: (*HANDSHAKE, Field("count", 12), Field("words", 8), *_address("residual_base"),
                  *_address("table_base"), Field("table_groups", 12), Field("table_step", 16), *_address("shift", 5),
                  Field("bias_shift", 2), Field("format", 2),
                  *_address("destination_base")),
    Opcode.PIXEL: (*HANDSHAKE, Field("operation", 1), *_address("step"), Field("grid", 8), Field("stride", 2),
                   Field("channels", 3), Field("coordinates", 4), Field("words", 8), Field("draw_noise", 1),
                   *_address("guided_base"), *_address("unguided_base"), Field("token_stride", 10),
                   *_address("destination_base")),
    Opcode.SET: (Field("mask", REGISTERS_A_WORD), Field("upper", 1),
                 *(Field(f"value{i}", REGISTER_BITS) for i in range(REGISTERS_A_WORD))),
    Opcode.LOOP: (Field("count", 12),),
    Opcode.END: (Field("upper", 1), *(Field(f"value{i}", REGISTER_BITS, True) for i in range(REGISTERS_A_WORD))),
    Opcode.EXECUTE: (*_address("address"),),
    Opcode.CREDIT: (Field("giver", 3), Field("taker", 3), Field("count", 4)),
    Opcode.SYNC: (Field("step_end", 1),),
    Opcode.HALT: (),
}
"""Fields of each descriptor, above the opcode, least significant first."""

WIDTHS = {opcode: {field.name: field.bits for field in fields} for opcode, fields in FIELDS.items()}
"""Bits of each field by its name."""

RELOCATABLE = {opcode: tuple(f.name for f in fields if any(g.name == f"{f.name}_register" for g in fields))
               for opcode, fields in FIELDS.items()}
"""Fields to which a register may be added."""


def check_widths() -> None:
    """Every descriptor fits its 256 bits."""
    for opcode, fields in FIELDS.items():
        bits = OPCODE_BITS + sum(field.bits for field in fields)
        if bits > DESCRIPTOR_BITS:
            raise ValueError(f"descriptor {opcode.name} is {bits} bits long; expected at most {DESCRIPTOR_BITS}")


def encode(opcode: Opcode, values: dict[str, int]) -> int:
    """Pack a descriptor into a 256-bit integer; raises ``ValueError`` naming a field that does not exist or fit."""
    fields = FIELDS[opcode]
    unknown = set(values) - {field.name for field in fields}
    if unknown:
        raise ValueError(f"descriptor {opcode.name} has no field {sorted(unknown)[0]}")
    word = int(opcode)
    position = OPCODE_BITS
    for field in fields:
        value = int(values.get(field.name, 0))
        offset = 1 << (field.bits - 1) if field.signed else 0
        low, high = -offset, (1 << field.bits) - 1 - offset
        if not low <= value <= high:
            raise ValueError(f"descriptor {opcode.name} field {field.name} is {value}; expected {low} to {high}")
        word |= (value & ((1 << field.bits) - 1)) << position
        position += field.bits
    return word


def decode(word: int) -> tuple[Opcode, dict[str, int]]:
    """Unpack a 256-bit integer; raises ``ValueError`` for an opcode that does not exist."""
    opcode = Opcode(word & ((1 << OPCODE_BITS) - 1))
    values = {}
    position = OPCODE_BITS
    for field in FIELDS[opcode]:
        value = (word >> position) & ((1 << field.bits) - 1)
        if field.signed and value >> (field.bits - 1):
            value -= 1 << field.bits
        values[field.name] = value
        position += field.bits
    return opcode, values


check_widths()
