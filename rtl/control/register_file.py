"""The sequencer's registers: LUT RAM that takes the up to eight new values of a descriptor in four cycles."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import (
    DESCRIPTOR_BITS,
    OPCODE_BITS,
    REGISTER_BITS,
    REGISTERS,
    REGISTERS_A_WORD,
    SELECT,
    Opcode,
)
from golden.spec.latency import FETCH_CYCLES
from rtl.control.relocate import ADDERS, choose, field_slices

BANKS = 2
"""Register r lies in bank r mod BANKS; each bank is written once a cycle."""
STEPS = REGISTERS_A_WORD // BANKS
"""Cycles that a SET or END takes to write its registers."""

assert STEPS <= FETCH_CYCLES + 1, "all are written before the next descriptor is executed"


class RegisterFile(wiring.Component):
    """REGISTERS registers of REGISTER_BITS bits, all zero after reset, with ADDERS read ports.

    ``update`` is high in the cycle that executes the SET or END in ``word``, and low in the STEPS - 1 cycles after it;
    from then on ``values`` show what it has left. A read takes no cycle: ``selects`` i of 0 gives the value 0, r + 1
    gives register r, and what is past the last register gives 0.
    """

    def __init__(self) -> None:
        super().__init__({
            "update": In(1),
            "word": In(DESCRIPTOR_BITS),
            "selects": In(data.ArrayLayout(SELECT, ADDERS)),
            "values": Out(data.ArrayLayout(REGISTER_BITS, ADDERS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.step = Signal(range(STEPS))
        self.written = Signal(REGISTERS)       # those that were written since reset: the others are zero
        self.active = Signal()
        self.ends = Signal()                   # what is executed, or was, is an END
        self.upper = Signal()                  # it is about the upper half of the registers
        setting, adding = field_slices(Opcode.SET, self.word), field_slices(Opcode.END, self.word)
        held = Signal(2)
        now_ends = self.word[:OPCODE_BITS] == Opcode.END
        m.d.comb += [
            self.active.eq(self.update | (self.step != 0)),
            Cat(self.ends, self.upper).eq(
                Mux(self.update, Cat(now_ends, Mux(now_ends, adding["upper"], setting["upper"])), held)),
        ]
        m.d.sync += held.eq(Cat(self.ends, self.upper))
        places = [(Mux(now_ends, adding[f"value{place}"].as_unsigned(), setting[f"value{place}"]),
                   now_ends | setting["mask"][place]) for place in range(REGISTERS_A_WORD)]
        with m.If(self.active):
            m.d.sync += self.step.eq(self.step + 1)
        banks = []
        for number in range(BANKS):
            bank = memory.Memory(shape=REGISTER_BITS, depth=REGISTERS // BANKS, init=[])
            m.submodules[f"bank_{number}"] = bank
            banks.append(bank)
            self.write(m, number, bank, places[number::BANKS])
        for port in range(ADDERS):
            self.read(m, port, banks)
        return m

    def write(self, m: Module, number: int, bank: memory.Memory, places: list[tuple[Value, Value]]) -> None:
        """SET replaces a register where its mask says so, END adds to it; the first at once, the others in turn."""
        waiting = [Signal(REGISTER_BITS + 1, name=f"waiting_{number}_{step}", reset_less=True)
                   for step in range(1, STEPS)]
        following = [*waiting[1:], 0]
        for register, place, behind in zip(waiting, places[1:], following, strict=True):
            m.d.sync += register.eq(Mux(self.update, Cat(place), behind))
        current = Mux(self.update, Cat(places[0]), waiting[0])
        address = Cat(self.step, self.upper)
        before, port = bank.read_port(domain="comb"), bank.write_port()
        known = Array(self.written[register] for register in range(number, REGISTERS, BANKS))[address]
        m.d.comb += [
            before.addr.eq(address),
            port.addr.eq(address),
            port.data.eq(Mux(self.keeps(self.ends) & known, before.data, 0) + current[:REGISTER_BITS]),
            port.en.eq(self.active & current[-1]),
        ]
        for register in range(number, REGISTERS, BANKS):
            with m.If(port.en & (address == register // BANKS)):
                m.d.sync += self.written[register].eq(1)

    def keeps(self, ends: Value) -> Value:
        """Whether what a register held stays part of it."""
        return ends

    def read(self, m: Module, port: int, banks: list[memory.Memory]) -> None:
        """One register, by its number less one in the lower bits: what borrows from the highest is none."""
        index = Signal(SELECT, name=f"index_{port}")
        m.d.comb += index.eq(self.selects[port] - 1)
        found = []
        for bank in banks:
            reader = bank.read_port(domain="comb")
            m.d.comb += reader.addr.eq(index[1:])
            found.append(reader.data)
        exists = ~index[-1] & Array(self.written)[index[:-1]]
        m.d.comb += self.values[port].eq(Mux(exists, choose(found, index[0]), 0))
