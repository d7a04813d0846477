"""What every engine has in common: descriptors in, semaphores, status."""

from __future__ import annotations

from amaranth.hdl import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES, FIELDS, RELOCATABLE, Opcode


def descriptor_layout(opcode: Opcode) -> data.StructLayout:
    """Fields of an issued descriptor: registers are added already, so no ``_register`` field is left.

    Relocatable fields keep their own width; the sequencer stops with an error if a sum does not fit.
    """
    selects = {f"{name}_register" for name in RELOCATABLE[opcode]}
    kept = [field for field in FIELDS[opcode] if field.name not in selects]
    return data.StructLayout({field.name: unsigned(field.bits) for field in kept})


def engine_members(opcode: Opcode) -> dict[str, wiring.Member]:
    """Ports of an engine, from the engine's side.

    ``available`` has a bit for each engine whose semaphore towards this one is above zero; a bit of ``take`` lowers
    it and a bit of ``give`` raises the semaphore of this engine towards that one, both seen one cycle later.
    ``busy`` is high in every cycle of an iteration, ``idle`` when nothing at all is in flight.
    """
    return {
        "descriptor": In(stream.Signature(descriptor_layout(opcode))),
        "available": In(ENGINES),
        "take": Out(ENGINES),
        "give": Out(ENGINES),
        "busy": Out(1),
        "idle": Out(1),
    }
