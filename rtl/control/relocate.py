"""From a descriptor as it is stored to the descriptor as its engine takes it."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal, Value
from amaranth.lib import data

from golden.spec.descriptors import FIELDS, OPCODE_BITS, REGISTER_BITS, RELOCATABLE, Opcode


def field_slices(opcode: Opcode, word: Value) -> dict[str, Value]:
    """Every stored field of ``opcode`` in a 256-bit word; signed where the descriptor set says so."""
    slices = {}
    position = OPCODE_BITS
    for field in FIELDS[opcode]:
        bits = word[position:position + field.bits]
        slices[field.name] = bits.as_signed() if field.signed else bits
        position += field.bits
    return slices


def relocate(m: Module, opcode: Opcode, word: Value, registers: list[Signal], payload: data.View) -> Signal:
    """Drive ``payload`` with the fields of ``word``, registers added; returns a signal: a sum did not fit its field."""
    fields = field_slices(opcode, word)
    table = Array([0, *registers, *([0] * (31 - len(registers)))])
    misfits = Signal(max(1, len(RELOCATABLE[opcode])), name=f"misfit_{opcode.name.lower()}")
    for index, name in enumerate(RELOCATABLE[opcode]):
        total = Signal(REGISTER_BITS + 1, name=f"{opcode.name.lower()}_{name}")
        m.d.comb += [
            total.eq(fields[name] + table[fields[f"{name}_register"]]),
            payload[name].eq(total),
            misfits[index].eq((total >> len(fields[name])) != 0),
        ]
    for name, value in fields.items():
        if name not in RELOCATABLE[opcode] and not name.endswith("_register"):
            m.d.comb += payload[name].eq(value)
    return misfits
