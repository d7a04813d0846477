"""Scenes of ``rtl.control``."""

from __future__ import annotations

import dataclasses

from golden.spec.descriptors import OPCODE_BITS, SELECT, Engine, Opcode, encode
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ADDRESSES, IDENTITY, ErrorCode
from rtl.bench.catalogue_array import BENCH_MEMORIES, SequencerBench
from rtl.control.counters import Counters
from rtl.control.engine import descriptor_layout
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.register_file import STEPS, RegisterFile
from rtl.control.registers import HostRegisters
from rtl.control.semaphores import Semaphores
from rtl.document.instances import COUNTED
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import engines, hexadecimal, loaded, member, pack, played
from rtl.memory.part_ram import PARTS

PATIENCE = 8
"""Cycles of the watchdog in its scene."""
NAMES = {address: name for name, address in ADDRESSES.items()}


def descriptor_queue(config: HardwareConfig) -> Drive:
    """Six descriptors for four places, with an output that is stopped at first."""
    waiting = list(range(1, 7))
    cycle = 0
    while waiting:
        seen = yield Cycle({"input.valid": 1, "input.payload": {"rows": waiting[0]}, "output.ready": int(cycle > 5)})
        waiting = waiting[seen["input.ready"]:]
        cycle += 1
    yield from played([{"output.ready": 1}] * 5)


def semaphores(config: HardwareConfig) -> Drive:
    """LOAD gives twice to ARRAY, once while ARRAY takes; then a credit of three."""
    give, take = {"give_load": 1 << Engine.ARRAY}, {"take_array": 1 << Engine.LOAD}
    credit = {"credit": 1, "credit_giver": Engine.NORM, "credit_taker": Engine.ARRAY, "credit_count": 3}
    yield from played([give, {**give, **take}, take, {}, credit, {}, {"take_array": 1 << Engine.NORM}], after=2)


def sequencer(config: HardwareConfig) -> Drive:
    """A loop of two loads with a register that advances, and the end."""
    program = (encode(Opcode.LOOP, {"count": 2}), encode(Opcode.LOAD, {"base": 40, "base_register": 1, "rows": 8}),
               encode(Opcode.END, {"value0": 8}), encode(Opcode.HALT, {}))
    yield from loaded("load_program", program, pause=PARTS - 1)
    held = {"issue_load.ready": 1, "all_idle": 1}
    yield Cycle({**held, "begin_run": 1})
    while not (yield Cycle(held))["done"]:
        pass
    yield Cycle(held)


def host_registers(config: HardwareConfig) -> Drive:
    """Read the identity, write a seed word, read it back."""
    requests = ({"write": 0, "address": ADDRESSES["IDENTITY"], "data": 0},
                {"write": 1, "address": ADDRESSES["SEED0"], "data": 0xABCD},
                {"write": 0, "address": ADDRESSES["SEED0"], "data": 0})
    for request in requests:
        while not (yield Cycle({"request.valid": 1, "request.payload": request, "response.ready": 1}))["request.ready"]:
            pass
    for _ in range(6):
        yield Cycle({"response.ready": 1})


def counters(config: HardwareConfig) -> Drive:
    """Events of two counters; one is read, all are cleared, and it is read again."""
    events = {"increments": {"0": 1, "1": 5, "2": 0}}
    idle = {"increments": {"0": 0, "1": 0, "2": 0}}
    read = {**idle, "read": 1, "index": 1}
    yield from played([events, events, events, idle, idle, read, idle, idle, {**idle, "clear": 1}, idle, idle, read],
                      after=1)


def register_file(config: HardwareConfig) -> Drive:
    """SET and END, with the cycles between in which they write; registers 0 and 2 are read all the time."""
    selects = {"selects": pack((1, 3), SELECT)}
    for opcode, values in ((Opcode.SET, {"mask": 0b101, "value0": 40, "value2": 7}),
                           (Opcode.END, {"value0": 8, "value2": -1})):
        yield Cycle({**selects, "update": 1, "word": encode(opcode, values)})
        yield from played([selects] * STEPS)


def guard(config: HardwareConfig) -> Drive:
    """Progress, then none for the watchdog's cycles; later a fault of memory 3."""
    running = {"running": 1}
    begins = {**running, "progress": 1}
    yield from played([begins, *[running] * (PATIENCE + 1), {}, {}, begins, {**running, "faults": 1 << 3}], after=3)


def stream(name: str) -> tuple[Row, ...]:
    """Handshake of a stream."""
    return Row(f"{name}.valid"), Row(f"{name}.ready")


SCENES = {
    "descriptor_queue": Scene(
        top=lambda config: DescriptorQueue(descriptor_layout(Opcode.LOAD)), drive=descriptor_queue,
        rows=(*stream("input"), Row("input.payload.rows", "input.valid"),
              *stream("output"), Row("output.payload.rows", "output.valid"), Row("empty")),
        text="Six descriptors come while the output is stopped: four are taken, two wait."),
    "semaphores": Scene(
        top=lambda config: Semaphores(), drive=semaphores,
        rows=(Row("give_load", text=engines), Row("take_array", text=engines), Row("credit"),
              Row("credit_giver", "credit", member(Engine)), Row("credit_taker", "credit", member(Engine)),
              Row("credit_count", "credit"), Row("available_array", text=engines), Row("overflow")),
        text="LOAD gives to ARRAY twice, once in a cycle in which ARRAY takes; then the program credits three from "
             "NORM."),
    "sequencer": Scene(
        top=SequencerBench, drive=sequencer,
        rows=(Row("begin_run"), Row("all_idle"), Row("running"), Row("program_counter"),
              Row("issue_load.valid"), Row("issue_load.payload.base", "issue_load.valid"),
              Row("issue_load.payload.rows", "issue_load.valid"), Row("progress"), Row("done"), Row("error")),
        text="LOOP 2, LOAD with register 0 added to its base, END that adds 8 to the register, HALT."),
    "host_registers": Scene(
        top=HostRegisters, drive=host_registers,
        rows=(*stream("request"), Row("request.payload.write", "request.valid"),
              Row("request.payload.address", "request.valid", lambda address: NAMES[address]),
              Row("request.payload.data", "request.valid", hexadecimal), *stream("response"),
              Row("response.payload", "response.valid", hexadecimal)),
        text=f"IDENTITY is read, which is {IDENTITY:x}; SEED0 is written, and read."),
    "counters": Scene(
        top=lambda config: Counters(COUNTED), drive=counters,
        rows=(Row("increments.0"), Row("increments.1"), Row("clear"), Row("read"), Row("index", "read"),
              Row("value", "read")),
        text="Three cycles in which counter 1 grows by 5; it is read, all are cleared, and it is read again."),
    "register_file": Scene(
        top=lambda config: RegisterFile(), drive=register_file,
        rows=(Row("update"), Row("word", "update", lambda word: Opcode(word & (1 << OPCODE_BITS) - 1).name),
              Row("selects[0]"), Row("selects[1]"), Row("values[0]"), Row("values[1]")),
        text="SET writes 40 to register 0 and 7 to register 2; END adds 8 to register 0 and -1 to register 2. Two read "
             "ports show the two; the registers are written in pairs, a pair a cycle."),
    "guard": Scene(
        top=lambda config: Guard(dataclasses.replace(config, watchdog_cycles=PATIENCE), BENCH_MEMORIES), drive=guard,
        rows=(Row("running"), Row("progress"), Row("faults", text=hexadecimal), Row("error"),
              Row("error_code", "error", member(ErrorCode)), Row("error_detail", "error", hexadecimal)),
        text=f"With a watchdog of {PATIENCE} cycles: no progress; a new run, and an access past the end of memory 3."),
}
