"""Programs for the sequencer's bench, random ones and wrong ones, and a small interpreter of them."""

from __future__ import annotations

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
from golden.spec.registers import ErrorCode
from sim.bench_engine import issue
from sim.coverage.fields import program_limits

LEAST_EVENTS = 12
LONGEST_RUN = 400            # descriptors executed by one program
ILLEGAL = (5, 6, 7, 15)
SMALL_REGISTERS = range(4)   # small enough for fields of a few bits


def interpret(program, last_step=None, words=None):
    """Events of a run: ("issue", engine, payload), ("credit", …), ("step",), ("done",) or ("error", code, address).

    ``last_step``: number of steps after which the image has settled, which ends the program with ("done",) EARLY_END
    cycles later; None for never. ``words``: a list that is given each descriptor executed. Returns (events, descriptors
    executed); each event is (number of the descriptor among those executed, event).
    """
    steps = 0
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

        def fail(code, at=counter, number=executed):
            tell("error", int(code), at)
            return events, number

        word = program[here]
        if word & ((1 << OPCODE_BITS) - 1) in ILLEGAL:
            return fail(ErrorCode.OPCODE)
        opcode, values = decode(word)
        if words is not None:
            words.append(word)
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
                steps += 1
                if steps == last_step:
                    tell("done")
                    return events, executed + 1
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


def extreme_programs(config):
    """Programs in which every field of every descriptor has its least and its greatest value.

    With register 15, which is 0, a field can be at its greatest while it is added.
    """
    halt = encode(Opcode.HALT, {})

    def both(opcode):
        ranges = program_limits(config, opcode)
        return [encode(opcode, {name: limits[end] for name, limits in ranges.items()}) for end in range(2)]

    for opcode in (*(Opcode(engine) for engine in Engine), Opcode.SET, Opcode.CREDIT, Opcode.SYNC):
        yield [*both(opcode), halt]
    yield [encode(Opcode.LOOP, {"count": 1}), both(Opcode.END)[0], encode(Opcode.LOOP, {"count": 1}),
           both(Opcode.END)[1], encode(Opcode.SYNC, {"step_end": 1}), halt]
    load = both(Opcode.LOAD)[1]
    program = [load, *both(Opcode.EXECUTE), halt]
    yield [*program, *[halt] * (config.program_words - 1 - len(program)), load]


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
            setting = {"mask": 1 << register % 8, "upper": register // 8,
                       f"value{register % 8}": (1 << bits) - value}
            using = encode(opcode, {name: value, f"{name}_register": register + 1})
            yield [encode(Opcode.SET, setting), using, halt], ErrorCode.ADDRESS
            setting[f"value{register % 8}"] -= 1      # just fits
            if opcode != Opcode.EXECUTE:
                yield [encode(Opcode.SET, setting), using, halt], None
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
