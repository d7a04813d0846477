"""From a descriptor as it is stored to the descriptor as its engine takes it."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data

from golden.spec.descriptors import FIELDS, OPCODE_BITS, REGISTER_BITS, RELOCATABLE, SELECT, Opcode

ADDERS = max(len(names) for names in RELOCATABLE.values())
"""Register adders: no descriptor has more relocatable fields."""


def field_slices(opcode: Opcode, word: Value) -> dict[str, Value]:
    """Every stored field of ``opcode`` in a 256-bit word; signed where the descriptor set says so."""
    slices = {}
    position = OPCODE_BITS
    for field in FIELDS[opcode]:
        bits = word[position:position + field.bits]
        slices[field.name] = bits.as_signed() if field.signed else bits
        position += field.bits
    return slices


def choose(values: list[Value], index: Value) -> Value:
    """``values[index]``, 0 past the end, as a balanced tree of two-way choices: half the cells of a switch."""
    if not values:
        return Value.cast(0)
    if len(index) == 0:
        return values[0]
    half = 1 << (len(index) - 1)
    return Mux(index[-1], choose(values[half:], index[:-1]), choose(values[:half], index[:-1]))


def relocated_fields(m: Module, word: Value, selects: data.View, registers: data.View) -> list[Signal]:
    """Sums of field and register of the descriptor in ``word``, one for each of its relocatable fields in order.

    The descriptors share ADDERS adders: which field goes to which depends on the opcode. ``selects`` are driven with
    the register of each adder, whose value is in ``registers``. A sum has one bit more than a register.
    """
    totals = []
    for adder in range(ADDERS):
        stored = Signal(REGISTER_BITS, name=f"stored_{adder}")
        register = Signal(SELECT, name=f"register_choice_{adder}")
        total = Signal(REGISTER_BITS + 1, name=f"relocated_{adder}")
        with m.Switch(word[:OPCODE_BITS]):
            for opcode, names in RELOCATABLE.items():
                if adder < len(names):
                    fields = field_slices(opcode, word)
                    with m.Case(opcode):
                        m.d.comb += [stored.eq(fields[names[adder]]), register.eq(fields[f"{names[adder]}_register"])]
        m.d.comb += [selects[adder].eq(register), total.eq(stored + registers[adder])]
        totals.append(total)
    return totals


def relocate(m: Module, opcode: Opcode, word: Value, totals: list[Signal], payload: data.View) -> Value:
    """Drive ``payload`` with the fields of ``word``, ``totals`` in place of the relocatable ones.

    Returns a value that is not zero when a sum does not fit its field.
    """
    fields = field_slices(opcode, word)
    misfits = Signal(max(1, len(RELOCATABLE[opcode])), name=f"misfit_{opcode.name.lower()}")
    for index, name in enumerate(RELOCATABLE[opcode]):
        m.d.comb += [payload[name].eq(totals[index]), misfits[index].eq((totals[index] >> len(fields[name])) != 0)]
    for name, value in fields.items():
        if name not in RELOCATABLE[opcode] and not name.endswith("_register"):
            m.d.comb += payload[name].eq(value)
    return misfits
