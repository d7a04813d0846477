"""Signals of a waveform whose values have names, and the names: all from the contract and from ``core.json``."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from golden.spec.descriptors import OPCODE_BITS, Engine, Opcode
from golden.spec.document import CHOICES
from golden.spec.hardware import REGISTER_BITS
from golden.spec.registers import STALL_CAUSES, ErrorCode
from sim import event_bench

IDLE, WORKS, ENDS, WAITS = "IDLE", "WORKS", "ENDS", "WAITS_FOR_"
Names = Mapping[str, int]
PREFIX = "view_"
"""Of the view's signals in the bench top."""
CYCLE_BITS = 32


@dataclass(frozen=True)
class Signal:
    """One signal of the view: its width, the Verilog that gives its value, and the enumeration that names it.

    ``held``: takes its value in cycles in which this Verilog is true, and keeps it.
    """

    name: str
    bits: int
    value: str
    enumeration: str | None = None
    held: str | None = None


def enumerations(states: Mapping[str, Names]) -> dict[str, Names]:
    """Values by name of each enumeration, by the enumeration's name. ``states``: those of ``core.json``."""
    choices = {choice.__name__: members(choice) for choice in (Opcode, ErrorCode, *CHOICES.values())}
    return {**choices,
            **{f"{unit.capitalize()}State": codes for unit, codes in states.items()},
            "EngineState": {name: code for code, name in enumerate(engine_states())},
            "ArrayWait": {name: code for code, name in enumerate(("NOTHING", *STALL_CAUSES))}}


def members(choice: type[enum.IntEnum]) -> Names:
    """Values of an enumeration by name."""
    return {member.name: member.value for member in choice}


def engine_states() -> tuple[str, ...]:
    """States of an engine, for whoever looks at it."""
    return IDLE, WORKS, ENDS, *(f"{WAITS}{engine.name}" for engine in Engine)


def width(names: Names) -> int:
    """Bits that hold every value; at least two, as GTKWave shows no names of single bits."""
    return max(2, max(names.values()).bit_length())


def view_signals(description: Mapping) -> dict[str, list[Signal]]:
    """Signals of the view by their group, in the order in which a reader wants them."""
    ports = {port["name"]: port["fields"] for port in description["events"]}
    known = enumerations(description["states"])
    groups = {"core": core_signals(known)}
    for engine in Engine:
        groups[engine.name.lower()] = engine_signals(engine, ports, known)
    groups["lanes"] = [Signal(f"lanes_{field['name']}", field["bits"], part("lanes", ports["lanes"], field["name"]))
                       for field in ports["lanes"]]
    return groups


def core_signals(known: Mapping[str, Names]) -> list[Signal]:
    """Of sequencer and registers; ``clock_cycle`` is what mismatches name: it counts on in pauses."""
    return [Signal("cycle", CYCLE_BITS, "active"), Signal("clock_cycle", CYCLE_BITS, "cycle"),
            Signal("running", 1, "event_running"),
            Signal("sequencer_state", width(known["SequencerState"]), "core.sequencer.fsm_state", "SequencerState"),
            Signal("opcode", width(known["Opcode"]), f"core.sequencer.word[{OPCODE_BITS - 1}:0]", "Opcode"),
            Signal("address", REGISTER_BITS, "core.sequencer.counter"),
            Signal("error", width(known["ErrorCode"]), "core.registers.code", "ErrorCode")]


def engine_signals(engine: Engine, ports: Mapping[str, Sequence[Mapping]],
                   known: Mapping[str, Names]) -> list[Signal]:
    """An engine's state, and the fields of the descriptor that it has taken last."""
    name = engine.name.lower()
    made = [Signal(f"{name}_state", width(known["EngineState"]), state(engine, ports["state"], known["EngineState"]),
                   "EngineState")]
    if engine is Engine.ARRAY:
        made.append(Signal("array_waits_for", width(known["ArrayWait"]), array_wait(ports["state"], known["ArrayWait"]),
                           "ArrayWait"))
    port = f"accept_{name}"
    for field in ports[port]:
        choice = CHOICES.get((Opcode(engine), field["name"]))
        enumeration = choice.__name__ if choice else None
        made.append(Signal(f"{name}_{field['name']}", width(known[enumeration]) if enumeration else field["bits"],
                           part(port, ports[port], field["name"]), enumeration,
                           held=f"{event_bench.PREFIX}{port}__enable"))
    return made


def state(engine: Engine, fields: Sequence[Mapping], codes: Names) -> str:
    """Verilog of an engine's state."""
    def bit(name: str, place: int = engine) -> str:
        return part("state", fields, name, place)

    missing = f"missing_{engine.name.lower()}"
    waits = " : ".join(f"{bit(missing, giver)} ? {codes[WAITS + giver.name]}" for giver in Engine)
    return f"{bit('busy')} ? {codes[WORKS]} : {waits} : !{bit('idle')} ? {codes[ENDS]} : {codes[IDLE]}"


def array_wait(fields: Sequence[Mapping], codes: Names) -> str:
    """Verilog of what the array waits for; the names are those of the counters STALL_*."""
    flags = [part("state", fields, "array_starved"), part("state", fields, "array_windowed"),
             *(part("state", fields, "array_waiting", giver) for giver in Engine)]
    waits = " : ".join(f"{flag} ? {codes[name]}" for flag, name in zip(flags, STALL_CAUSES, strict=True))
    return f"{waits} : {codes['NOTHING']}"


def part(port: str, fields: Sequence[Mapping], name: str, place: int | None = None) -> str:
    """Verilog of a field of an event port, or of one of its bits."""
    offset = 0
    for field in fields:
        if field["name"] == name:
            low, bits = (offset, field["bits"]) if place is None else (offset + place, 1)
            return f"{event_bench.PREFIX}{port}__data[{low + bits - 1}:{low}]"
        offset += field["bits"]
    raise KeyError(f"event port {port} has no field {name}")


def every_signal(groups: Mapping[str, Sequence[Signal]]) -> Iterator[Signal]:
    """All signals of the view."""
    for signals in groups.values():
        yield from signals
