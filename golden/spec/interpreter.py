"""The sequencer's semantics: from a stored program to the descriptors in the order in which they are issued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from golden.spec.descriptors import (
    LOOP_LEVELS,
    REGISTER_BITS,
    REGISTERS,
    REGISTERS_A_WORD,
    RELOCATABLE,
    WIDTHS,
    Engine,
    Opcode,
    decode,
)

MASK = (1 << REGISTER_BITS) - 1


class ProgramError(ValueError):
    """A program that the hardware would refuse; one sentence."""


class Interpreter:
    """Registers, loops and the program counter; ``run`` yields (opcode, fields) with registers added."""

    def __init__(self, program: Sequence[int]) -> None:
        self.program = [self.decoded(address, word) for address, word in enumerate(program)]
        self.registers = [0] * REGISTERS
        self.loops: list[list[int]] = []
        self.counter = 0

    @staticmethod
    def decoded(address: int, word: int) -> tuple[Opcode, dict[str, int]]:
        """A descriptor, or an error that names its address."""
        try:
            return decode(word)
        except ValueError as error:
            raise ProgramError(f"descriptor {address} is illegal: {error}") from None

    def relocated(self, opcode: Opcode, stored: dict[str, int]) -> dict[str, int]:
        """Fields with registers added."""
        fields = {name: value for name, value in stored.items() if not name.endswith("_register")}
        for name in RELOCATABLE[opcode]:
            register = stored[f"{name}_register"]
            fields[name] += self.registers[register - 1] if register else 0
            if fields[name] >> WIDTHS[opcode][name]:
                raise ProgramError(f"descriptor {self.counter}, {opcode.name}: {name} with its register is "
                                   f"{fields[name]}; expected at most {WIDTHS[opcode][name]} bits")
        return fields

    def run(self) -> Iterator[tuple[Opcode, dict[str, int]]]:
        """Every executed descriptor up to and including HALT; an EXECUTE is yielded before the one that it names."""
        while True:
            if self.counter >= len(self.program):
                raise ProgramError(f"the program runs past its end at descriptor {self.counter}; expected HALT before")
            opcode, stored = self.program[self.counter]
            fields = self.relocated(opcode, stored) if opcode in RELOCATABLE else stored
            yield opcode, fields
            if opcode is Opcode.HALT:
                return
            self.counter += 1
            if opcode is Opcode.EXECUTE:
                yield self.remote(fields["address"])
            else:
                self.control(opcode, fields)

    def remote(self, address: int) -> tuple[Opcode, dict[str, int]]:
        """The one descriptor that an EXECUTE names."""
        if address >= len(self.program):
            raise ProgramError(f"EXECUTE names descriptor {address} of {len(self.program)}")
        opcode, fields = self.program[address]
        if opcode in (Opcode.EXECUTE, Opcode.HALT):
            raise ProgramError(f"EXECUTE names descriptor {address}, which is {opcode.name}; expected any other")
        self.control(opcode, fields)
        return opcode, self.relocated(opcode, fields)

    def control(self, opcode: Opcode, fields: dict[str, int]) -> None:
        """SET, LOOP and END; nothing for the rest."""
        if opcode is Opcode.SET:
            for place in range(REGISTERS_A_WORD):
                if fields["mask"] >> place & 1:
                    self.registers[place + REGISTERS_A_WORD * fields["upper"]] = fields[f"value{place}"]
        elif opcode is Opcode.LOOP:
            if len(self.loops) == LOOP_LEVELS or not fields["count"]:
                raise ProgramError(f"LOOP ahead of descriptor {self.counter} is nested too deeply or has count 0")
            self.loops.append([self.counter, fields["count"]])
        elif opcode is Opcode.END:
            self.end(fields)

    def end(self, fields: dict[str, int]) -> None:
        """Advance registers; back to the loop's start until its count is used up."""
        if not self.loops:
            raise ProgramError(f"END ahead of descriptor {self.counter} ends no loop")
        for place in range(REGISTERS_A_WORD):
            index = place + REGISTERS_A_WORD * fields["upper"]
            self.registers[index] = (self.registers[index] + fields[f"value{place}"]) & MASK
        self.loops[-1][1] -= 1
        if self.loops[-1][1]:
            self.counter = self.loops[-1][0]
        else:
            self.loops.pop()


ENGINE_OPCODES = frozenset(Opcode(engine) for engine in Engine)
