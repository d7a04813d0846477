"""The program's descriptors in the order in which they must be issued, with what a reader wants to know of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from golden.compile.builder import BLOCK
from golden.spec.descriptors import HANDSHAKE, Destination, Engine, LoadSource, NormFormat, Opcode, PixelOperation
from golden.spec.document import CHOICES
from golden.spec.interpreter import ENGINE_OPCODES, Interpreter

MASKS = tuple(field.name for field in HANDSHAKE)


@dataclass(frozen=True)
class Order:
    """One issue of a descriptor."""

    engine: Engine
    fields: dict[str, int]      # registers added
    address: int                # in the program
    step: int                   # 0 is the first noise
    rounds: tuple[str, ...]     # of the loops around it, outermost first: "2/6"
    block: int                  # register BLOCK, which names operands


def orders(program: Sequence[int], first: int, last: int) -> Iterator[Order]:
    """Descriptors of the steps ``first`` to ``last``, as the interpreter executes them."""
    interpreter = Interpreter(program)
    counts = {address + 1: fields["count"] for address, (opcode, fields) in enumerate(interpreter.program)
              if opcode is Opcode.LOOP}
    step, named = 0, None
    for opcode, fields in interpreter.run():
        address = interpreter.counter if named is None else named
        named = fields["address"] if opcode is Opcode.EXECUTE else None
        if opcode in ENGINE_OPCODES and step >= first:
            rounds = tuple(f"{counts[start] - left + 1}/{counts[start]}" for start, left in interpreter.loops)
            yield Order(Engine(opcode), fields, address, step, rounds, interpreter.registers[BLOCK])
        elif opcode is Opcode.SYNC and fields["step_end"]:
            step += 1
            if step > last:
                return


def title(order: Order, operands: Mapping[int, str]) -> str:
    """A few words that tell what a descriptor is for."""
    fields = order.fields
    if order.engine is Engine.LOAD:
        return f"{LoadSource(fields['source']).name} to slot {fields['slot']}" if work(fields) else "nothing"
    if order.engine is Engine.ARRAY:
        if not fields["count"]:
            return "decide" if fields["decide"] else "signals only"
        operand = operands[order.address].format(order.block)
        return f"{operand} to {Destination(fields['destination']).name}"
    if order.engine is Engine.SOFTMAX:
        return f"scores of slot {fields['slot']}"
    if order.engine is Engine.NORM:
        return f"norm to {NormFormat(fields['format']).name}"
    return PixelOperation(fields["operation"]).name


def work(fields: Mapping[str, int]) -> bool:
    """Whether a load copies anything."""
    return bool(fields["rows"] or fields["parameters"])


def decoded(opcode: Opcode, fields: Mapping[str, int]) -> dict[str, int | str]:
    """Fields in words where their values have names; masks of engines that are empty are left out."""
    shown: dict[str, int | str] = {}
    for name, value in fields.items():
        if name in MASKS:
            if value:
                shown[name] = engine_names(value)
        else:
            choice = CHOICES.get((opcode, name))
            shown[name] = value if choice is None else choice(value).name
    return shown


def engine_names(mask: int) -> str:
    """The engines of a mask."""
    return ", ".join(engine.name for engine in Engine if mask >> engine & 1)
