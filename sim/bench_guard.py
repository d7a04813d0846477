"""Guard against its rules, in every cycle."""

from __future__ import annotations

import cocotb

from golden.spec.registers import ErrorCode
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.bins import MEMORIES
from sim.coverage.marks import mark_all

CYCLES = 6000
WATCHDOG_CYCLES = 50    # of the guard that benches get
INPUTS = ("running", "paused", "ending", "progress", "faults", "conflicts", "damaged", "overflow", "program_error",
          "program_error_code", "program_counter")


def told(what, detail):
    """The bins of a pulse that names memories."""
    return [f"guard tells {what} {name}" for place, name in enumerate(MEMORIES) if what and detail >> place & 1]


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(progress=[0.5, 0.03])
async def matches_rules(dut, progress):
    """One pulse a cycle after a fault, with its code and detail; the later of two in the list wins."""
    clock = Clock(dut)
    random = seeds.generator(f"guard {progress}")
    memories = len(dut.faults)
    for name in INPUTS:
        getattr(dut, name).value = 0
    await clock.start()
    idle = 0
    pulse, bins = None, []
    pulses = dict.fromkeys(ErrorCode, 0)
    running, paused = False, False
    still = 0       # words found damaged while the program does not run
    for _ in range(CYCLES):
        running = not running if random.random() < (0.005 if running else 0.2) else running
        paused = not paused if random.random() < (0.2 if paused else 0.004) else paused
        values = {"running": int(running), "paused": int(paused), "ending": int(random.random() < 0.3),
                  "progress": int(random.random() < progress),
                  "faults": 1 << random.randrange(memories) if random.random() < 0.01 else 0,
                  "conflicts": 1 << random.randrange(memories) if random.random() < 0.01 else 0,
                  "damaged": 1 << random.randrange(memories) if random.random() < (0.01 if running else 0.3) else 0,
                  "overflow": int(random.random() < 0.01), "program_error": int(random.random() < 0.01),
                  "program_error_code": int(random.choice([ErrorCode.OPCODE, ErrorCode.LOOP, ErrorCode.ADDRESS])),
                  "program_counter": random.randrange(1 << 20)}
        for name, value in values.items():
            getattr(dut, name).value = value
        await clock.next_edge()
        got = (int(dut.error_code.value), int(dut.error_detail.value)) if int(dut.error.value) else None
        assert got == pulse, f"guard: cycle {clock.cycle}: expected (code, detail) {pulse}, got {got}"
        mark_all(bins)
        starved = idle == WATCHDOG_CYCLES
        blocked = pulse is not None
        pulse, bins = None, []
        if not running and (paused or values["ending"]) and not blocked and values["damaged"]:
            pulse, bins = (int(ErrorCode.MEMORY), values["damaged"]), told("a damaged word of", values["damaged"])
            still += 1
        if running and not blocked:
            for happened, code, detail, what in (
                    (starved, ErrorCode.WATCHDOG, values["program_counter"], ""),
                    (values["overflow"], ErrorCode.SEMAPHORE, values["program_counter"], ""),
                    (values["conflicts"], ErrorCode.SCHEDULE, values["conflicts"], "a write and read at one word of"),
                    (values["faults"], ErrorCode.ADDRESS, values["faults"], "an address past"),
                    (values["program_error"], values["program_error_code"], values["program_counter"], ""),
                    (values["damaged"], ErrorCode.MEMORY, values["damaged"], "a damaged word of")):
                if happened:
                    pulse, bins = (int(code), detail), told(what, detail)
            if pulse:
                pulses[ErrorCode(pulse[0])] += 1
        if not running or paused or values["progress"]:
            idle = 0
        else:
            idle = min(idle + 1, WATCHDOG_CYCLES)
    assert pulses[ErrorCode.ADDRESS] and pulses[ErrorCode.SCHEDULE] and pulses[ErrorCode.SEMAPHORE]
    assert pulses[ErrorCode.MEMORY] and still
    assert progress > 0.1 or pulses[ErrorCode.WATCHDOG], "the watchdog never barked"
    dut._log.info(f"guard: {sum(pulses.values())} pulses")
