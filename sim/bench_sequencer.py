"""Sequencer against a small interpreter of programs: what is issued, in which order, and how it ends."""

from __future__ import annotations

import cocotb

from golden.spec.descriptors import (
    FIELDS,
    LOOP_LEVELS,
    OPCODE_BITS,
    REGISTER_BITS,
    REGISTERS,
    REGISTERS_A_WORD,
    RELOCATABLE,
    Engine,
    Opcode,
    decode,
    encode,
)
from golden.spec.latency import FETCH_CYCLES
from golden.spec.registers import ErrorCode
from sim import seed as seeds
from sim.bench_engine import bench_config, issue, load
from sim.clock import Clock

PROGRAMS = 14
LONGEST_RUN = 400            # descriptors executed by one program
LEAST_EVENTS = 12
PERIOD = FETCH_CYCLES + 1    # cycles of a descriptor that waits for nothing
ILLEGAL = (5, 6, 7, 15)
SMALL_REGISTERS = range(4)   # small enough for fields of a few bits


def interpret(program):
    """Events of a run: ("issue", engine, payload), ("credit", …), ("step",), ("done",) or ("error", code, address).

    Returns (events, descriptors executed); each event is (number of the descriptor among those executed, event).
    """
    registers = [0] * REGISTERS
    loops = []
    events = []
    counter = executed = 0
    remote = None
    while executed <= LONGEST_RUN:
        here = counter if remote is None else remote
        was_remote, remote = remote is not None, None

        def tell(*event, number=executed):
            events.append((number, event))

        def fail(code, at=counter):
            tell("error", int(code), at)
            return events, executed

        word = program[here]
        if word & ((1 << OPCODE_BITS) - 1) in ILLEGAL:
            return fail(ErrorCode.OPCODE)
        opcode, values = decode(word)
        for field in RELOCATABLE[opcode]:
            select = values.pop(f"{field}_register")
            values[field] += registers[select - 1] if select else 0
            if values[field] >> {entry.name: entry.bits for entry in FIELDS[opcode]}[field]:
                return fail(ErrorCode.ADDRESS)
        following = counter + 1
        if opcode in list(Engine):
            tell("issue", int(opcode), issue(opcode, values))
        elif opcode == Opcode.SET:
            for place in range(REGISTERS_A_WORD):
                if values["mask"] >> place & 1:
                    registers[place + REGISTERS_A_WORD * values["upper"]] = values[f"value{place}"]
        elif opcode == Opcode.LOOP:
            if len(loops) == LOOP_LEVELS or not values["count"]:
                return fail(ErrorCode.LOOP)
            loops.append([counter + 1, values["count"]])
        elif opcode == Opcode.END:
            if not loops:
                return fail(ErrorCode.LOOP)
            for place in range(REGISTERS_A_WORD):
                index = place + REGISTERS_A_WORD * values["upper"]
                registers[index] = (registers[index] + values[f"value{place}"]) % (1 << REGISTER_BITS)
            loops[-1][1] -= 1
            if loops[-1][1]:
                following = loops[-1][0]
            else:
                loops.pop()
        elif opcode == Opcode.EXECUTE:
            if was_remote:
                return fail(ErrorCode.ADDRESS)
            remote = values["address"]
            following = counter
        elif opcode == Opcode.CREDIT:
            tell("credit", values["giver"], values["taker"], values["count"])
        elif opcode == Opcode.SYNC:
            if values["step_end"]:
                tell("step")
        elif opcode == Opcode.HALT:
            tell("done")
            return events, executed + 1
        counter = following
        executed += 1
    return None, executed


class Writer:
    """A random program."""

    def __init__(self, random, words):
        self.random = random
        self.words = words
        self.pool = random.randint(3, 8)     # descriptors behind the program, for EXECUTE

    def write(self):
        """Words of the memory and what the interpreter says about them."""
        while True:
            program = [self.setting(0), self.setting(1), *self.block(0), self.ending()]
            calls = [place for place, word in enumerate(program) if word is None]
            for place in calls:
                program[place] = self.call(len(program))
            program += [self.engine() if self.random.random() < 0.8 else self.setting() for _ in range(self.pool)]
            if len(program) >= self.words - 1:
                continue
            program += [encode(Opcode.HALT, {})]
            events, executed = interpret(program)
            if events and len(events) >= LEAST_EVENTS:
                return program, events, executed

    def ending(self):
        return encode(Opcode.HALT, {})

    def block(self, level):
        body = []
        for _ in range(self.random.randint(1, 6 if level else 10)):
            kind = self.random.random()
            if kind < 0.3 and level < LOOP_LEVELS:
                count = self.random.choice([1, 1, 2, 3, 4])
                body += [encode(Opcode.LOOP, {"count": count}), *self.block(level + 1), self.advance()]
            elif kind < 0.7:
                body.append(self.engine())
            elif kind < 0.76:
                body.append(self.setting())
            elif kind < 0.84:
                body.append(None)
            elif kind < 0.92:
                body.append(encode(Opcode.CREDIT, {"giver": self.random.randrange(5), "taker": self.random.randrange(5),
                                                   "count": self.random.randrange(16)}))
            else:
                body.append(encode(Opcode.SYNC, {"step_end": self.random.randrange(2)}))
        return body

    def engine(self):
        """Any fields; sums that fit nearly always."""
        random = self.random
        opcode = Opcode(random.choice(list(Engine)))
        values = {field.name: random.getrandbits(field.bits) for field in FIELDS[opcode]}
        for name in RELOCATABLE[opcode]:
            bits = next(field.bits for field in FIELDS[opcode] if field.name == name)
            values[name] >>= 1
            small = bits < 13
            choice = random.choice([0, *((r + 1) for r in (SMALL_REGISTERS if small else range(REGISTERS)))])
            values[f"{name}_register"] = choice
            if small and choice:
                values[name] >>= 1
        return encode(opcode, values)

    def setting(self, upper=None):
        upper = self.random.randrange(2) if upper is None else upper
        values = {f"value{place}": self.random.randrange(5) if not upper and place in SMALL_REGISTERS
                  else self.random.randrange(500, 3000) for place in range(REGISTERS_A_WORD)}
        return encode(Opcode.SET, {"mask": self.random.getrandbits(8), "upper": upper, **values})

    def advance(self):
        upper = self.random.randrange(2)
        values = {f"value{place}": self.random.choice([0, 0, 0, 0, 1]) if not upper and place in SMALL_REGISTERS
                  else self.random.randint(-3, 40) for place in range(REGISTERS_A_WORD)}
        return encode(Opcode.END, {"upper": upper, **values})

    def call(self, start):
        """EXECUTE of a descriptor of the pool, by its address alone."""
        return encode(Opcode.EXECUTE, {"address": start + self.random.randrange(self.pool)})


class Bench:
    """Runs programs one after another; each begins with a reset."""

    def __init__(self, dut, name):
        self.dut = dut
        self.random = seeds.generator(name)
        self.config = bench_config()
        self.clock = Clock(dut)
        for signal in ("begin_run", "resume", "pause_each_step", "stop", "all_idle", "load_program__enable"):
            getattr(dut, signal).value = 0
        for engine in Engine:
            getattr(dut, f"issue_{engine.name.lower()}__ready").value = 0

    def events(self):
        """What happens in this cycle."""
        dut = self.dut
        happened = []
        for engine in Engine:
            name = f"issue_{engine.name.lower()}"
            if int(getattr(dut, f"{name}__valid").value) and int(getattr(dut, f"{name}__ready").value):
                happened.append(("issue", int(engine), int(getattr(dut, f"{name}__payload").value)))
        if int(dut.credit.value):
            happened.append(("credit", int(dut.credit_giver.value), int(dut.credit_taker.value),
                             int(dut.credit_count.value)))
        if int(dut.step_end.value):
            happened.append(("step",))
        if int(dut.done.value):
            happened.append(("done",))
        if int(dut.error.value):
            happened.append(("error", int(dut.error_code.value), int(dut.program_counter.value)))
        return happened

    async def load(self, program):
        await load(self.dut, self.clock, "load_program", program)

    async def restart(self):
        self.dut.rst.value = 1
        await self.clock.next_edge()
        self.dut.rst.value = 0
        await self.clock.next_edge()
        self.dut.begin_run.value = 1
        await self.clock.next_edge()
        self.dut.begin_run.value = 0
        return self.clock.cycle

    async def run(self, program, expected, executed, *, ready, pause=False):
        """Compare a run; with everything always ready, every cycle of it too. A wait is bounded."""
        dut, random = self.dut, self.random
        await self.load(program)
        dut.pause_each_step.value = int(pause)
        begun = await self.restart()
        got = []
        finished = []
        paused = 0
        asked = waited = False
        limit = int((executed + 2) * (PERIOD + 2 / ready + 10 * pause)) + 200
        for _ in range(limit):
            for engine in Engine:
                getattr(dut, f"issue_{engine.name.lower()}__ready").value = int(random.random() < ready)
            dut.all_idle.value = int(random.random() < ready)
            asked = waited and random.random() < 0.2
            dut.resume.value = int(asked)
            await self.clock.next_edge()
            cycle = self.clock.cycle
            assert not int(dut.fault.value), f"sequencer: cycle {cycle}: fetched past the end"
            happened = self.events()
            got += [(cycle, event) for event in happened]
            if int(dut.progress.value):
                finished.append(cycle)
            waited = bool(int(dut.paused.value)) and not asked
            if int(dut.paused.value):
                paused += 1
                assert not happened and not int(dut.running.value), f"sequencer: cycle {cycle}: {happened} while paused"
            if happened and happened[-1][0] in ("done", "error"):
                break
        self.compare(expected, [event for _, event in got])
        assert len(finished) == executed, f"sequencer: expected {executed} descriptors executed, got {len(finished)}"
        if ready == 1.0 and not pause:
            want = [begun + PERIOD * (number + 1) for number, _ in expected]
            assert [cycle for cycle, _ in got] == want, "sequencer: events are not in their cycles"
            assert finished == [begun + PERIOD * (number + 1) for number in range(executed)], "sequencer: not one in four"
        steps = sum(event[0] == "step" for _, event in expected)
        assert (paused >= steps) if pause else not paused, "sequencer: pauses"
        await self.quiet()
        return len(got)

    def compare(self, expected, got):
        for number, ((_, want), have) in enumerate(zip(expected, got, strict=False)):
            assert want == have, f"sequencer: event {number}: expected {want}, got {have}"
        assert len(expected) == len(got), f"sequencer: expected {len(expected)} events, got {len(got)}"

    async def quiet(self):
        """Nothing more happens, whatever is asked."""
        dut = self.dut
        for _ in range(20):
            dut.begin_run.value = self.random.randrange(2)
            dut.resume.value = self.random.randrange(2)
            await self.clock.next_edge()
            assert not self.events() and not int(dut.running.value) and not int(dut.paused.value), \
                f"sequencer: cycle {self.clock.cycle}: goes on after its end"
        dut.begin_run.value = 0
        dut.resume.value = 0


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("ready", "pause"), [(1.0, False), (0.3, False), (0.6, True)]))
async def matches_interpreter(dut, ready, pause):
    """Random programs: every payload, credit and step in order, 4 cycles a descriptor where nothing waits."""
    bench = Bench(dut, f"sequencer {ready} {pause}")
    await bench.clock.start()
    events = 0
    for _ in range(PROGRAMS):
        program, expected, executed = Writer(bench.random, bench.config.program_words).write()
        events += await bench.run(program, expected, executed, ready=ready, pause=pause)
    assert events >= LEAST_EVENTS * PROGRAMS
    dut._log.info(f"sequencer: {events} events equal")


def failing_programs(random):
    """(program, code) of each way to fail."""
    halt = encode(Opcode.HALT, {})
    loop, end = encode(Opcode.LOOP, {"count": 2}), encode(Opcode.END, {})
    credit = encode(Opcode.CREDIT, {"giver": 1, "taker": 2, "count": 3})
    for opcode in ILLEGAL:
        yield [credit, loop, opcode | random.getrandbits(252) << OPCODE_BITS, end, halt], ErrorCode.OPCODE
    for opcode, names in RELOCATABLE.items():
        for name in names:
            bits = next(field.bits for field in FIELDS[opcode] if field.name == name)
            value = random.randrange(1, 1 << bits)
            register = random.randrange(REGISTERS)
            setting = {"mask": 1 << register % 8, "upper": register // 8, f"value{register % 8}": (1 << bits) - value}
            yield [encode(Opcode.SET, setting), encode(opcode, {name: value, f"{name}_register": register + 1}), halt], \
                ErrorCode.ADDRESS
            setting[f"value{register % 8}"] -= 1      # just fits
            if opcode != Opcode.EXECUTE:
                yield [encode(Opcode.SET, setting), encode(opcode, {name: value, f"{name}_register": register + 1}),
                       halt], None
    yield [credit, end, halt], ErrorCode.LOOP
    yield [loop, credit, end, end, halt], ErrorCode.LOOP
    yield [credit, encode(Opcode.LOOP, {"count": 0}), end, halt], ErrorCode.LOOP
    yield [loop] * LOOP_LEVELS + [credit] + [end] * LOOP_LEVELS + [halt], None
    yield [loop] * (LOOP_LEVELS + 1) + [credit] + [end] * (LOOP_LEVELS + 1) + [halt], ErrorCode.LOOP
    yield [encode(Opcode.EXECUTE, {"address": 2}), halt, encode(Opcode.EXECUTE, {"address": 3}), credit], \
        ErrorCode.ADDRESS
    # By register: the third of three, then the second, then the first.
    yield [encode(Opcode.SET, {"mask": 2, "value1": 7}), encode(Opcode.LOOP, {"count": 3}),
           encode(Opcode.EXECUTE, {"address": 0, "address_register": 2}), encode(Opcode.END, {"value1": -1}), halt,
           credit, encode(Opcode.SYNC, {"step_end": 1}),
           encode(Opcode.LOAD, {"rows": 5, "base": 9, "base_register": 2})], None


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def illegal_programs_stop(dut):
    """Each ends with its code at its address, and issues nothing of the descriptor that failed."""
    bench = Bench(dut, "sequencer errors")
    await bench.clock.start()
    for program, code in failing_programs(bench.random):
        expected, executed = interpret(program)
        last = expected[-1][1]
        assert last[:2] == (("error", int(code)) if code else ("done",)), f"{last}, {code}"
        await bench.run(program, expected, executed, ready=1.0)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def stop_ends_it(dut):
    """Told to stop in any cycle, it issues nothing from the next one on."""
    bench = Bench(dut, "sequencer stop")
    await bench.clock.start()
    loop = [encode(Opcode.LOOP, {"count": 4000}), encode(Opcode.LOAD, {}), encode(Opcode.SYNC, {"step_end": 1}),
            encode(Opcode.END, {}), encode(Opcode.HALT, {})]
    await bench.load(loop)
    dut.all_idle.value = 1
    dut.issue_load__ready.value = 1
    for delay in range(1, 30):
        dut.pause_each_step.value = int(delay > 15)
        await bench.restart()
        for _ in range(delay):
            await bench.clock.next_edge()
        dut.stop.value = 1
        await bench.clock.next_edge()
        dut.stop.value = 0
        await bench.quiet()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def faults_past_the_end(dut):
    """An address beyond the program's memory never wraps."""
    bench = Bench(dut, "sequencer bounds")
    await bench.clock.start()
    depth = bench.config.program_words
    for address in (depth, 2 * depth, 4 * depth, (1 << REGISTER_BITS) - 1):
        await bench.load([encode(Opcode.EXECUTE, {"address": address}), encode(Opcode.HALT, {})])
        begun = await bench.restart()
        for _ in range(PERIOD):
            await bench.clock.next_edge()
            assert not int(dut.fault.value)
        await bench.clock.next_edge()
        assert int(dut.fault.value), f"sequencer: no fault for address {address}"
        assert bench.clock.cycle == begun + PERIOD + 1
