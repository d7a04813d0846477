"""A model of an SDRAM chip for benches and simulated cores: it holds what is written and minds every time.

Written from what such chips ask for, not from the controller: times are cycles of 10 ns, which is shorter than any that
the controller may have; but the wait after power-up is in cycles of 25 ns, and that for a refresh in cycles of 40 ns.
"""

from __future__ import annotations

from amaranth.hdl import Array, Cat, ClockDomain, ClockSignal, Module, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out, connect

from golden.spec.hardware import HardwareConfig
from golden.spec.sdram import word_stride
from rtl.core import Core
from rtl.memory.sdram import SdramPins
from rtl.memory.sdram_store import SdramStore

BANKS = 4
ROW_PINS = 13
COLUMN_PINS = 9
PRECHARGE_ALL_PIN = 10
POWER_UP = 8_000       # 200 us at 40 MHz
FIRST_REFRESHES = 2
MODE = 0x020           # burst length 1, sequential, CAS latency 2
T_RCD = 2              # 20 ns
T_RP = 2               # 20 ns
T_RAS = 5              # 45 ns
T_RFC = 7              # 66 ns
T_WR = 2               # 15 ns
T_MRD = 2
REFRESH_GAP = 195      # 7.8125 us at 25 MHz
AGES = 16
"""What a time since a command counts up to."""


class SdramChip(wiring.Component):
    """``size`` columns of 16 bits, the first of the chip; ``pins`` seen from the controller.

    The clock is ``sync``'s, inverted: this takes commands at its falling edge. ``violation`` rises with the first
    command that comes too early, in the wrong state or past ``size``, with a column after a refresh that came too late,
    unless the mode has been set anew, and with data driven from both sides, and stays; from then on data that is read
    is inverted, so that no bench can miss it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__({"pins": In(SdramPins()), "violation": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.chip = ClockDomain(clk_edge="neg", reset_less=True, local=True)
        m.d.comb += ClockSignal("chip").eq(ClockSignal("sync"))
        code = self.pins.command.as_value()
        names = ("mode", "refresh", "precharge", "activate", "write", "read")
        self.on = {name: code == number for number, name in enumerate(names)}
        self.open = [Signal(name=f"open_{bank}") for bank in range(BANKS)]
        self.rows = [Signal(ROW_PINS, name=f"row_{bank}") for bank in range(BANKS)]
        self.ready = Signal()                   # the mode is set
        self.since = {name: self.age(m, name) for name in ("precharge", "refresh", "activate", "write", "mode")}
        self.follow_rows(m)
        self.follow_start(m)
        self.move_data(m)
        with m.If(self.breaches(m)):
            m.d.chip += self.violation.eq(1)
        return m

    def age(self, m: Module, name: str) -> Signal:
        """Cycles since the last such command, at most AGES - 1."""
        age = Signal(range(AGES), init=AGES - 1, name=f"since_{name}")
        with m.If(self.on[name]):
            m.d.chip += age.eq(1)
        with m.Elif(age != AGES - 1):
            m.d.chip += age.eq(age + 1)
        return age

    def follow_rows(self, m: Module) -> None:
        """Which row of each bank is open."""
        everything = self.pins.address[PRECHARGE_ALL_PIN]
        for bank in range(BANKS):
            here = self.pins.bank == bank
            with m.If(self.on["activate"] & here):
                m.d.chip += [self.open[bank].eq(1), self.rows[bank].eq(self.pins.address)]
            with m.If(self.on["precharge"] & (here | everything)):
                m.d.chip += self.open[bank].eq(0)

    def follow_start(self, m: Module) -> None:
        """Power, refreshes, mode."""
        self.powered = Signal(range(POWER_UP + 1))
        self.refreshes = Signal(range(FIRST_REFRESHES + 1))
        self.gap = Signal(range(REFRESH_GAP + 2))
        self.stale = Signal()                   # a refresh came too late, and what the chip held may be lost
        with m.If(self.powered != POWER_UP):
            m.d.chip += self.powered.eq(self.powered + 1)
        with m.If(self.on["refresh"] & (self.refreshes != FIRST_REFRESHES)):
            m.d.chip += self.refreshes.eq(self.refreshes + 1)
        with m.If(self.gap > REFRESH_GAP):
            m.d.chip += self.stale.eq(1)
        with m.If(self.on["mode"]):
            m.d.chip += [self.ready.eq(1), self.stale.eq(0)]
        with m.If(self.on["refresh"] | ~self.ready):
            m.d.chip += self.gap.eq(0)
        with m.Elif(self.gap != REFRESH_GAP + 1):
            m.d.chip += self.gap.eq(self.gap + 1)

    def move_data(self, m: Module) -> None:
        """The columns themselves; a read drives the data pins from one to two cycles later."""
        m.submodules.store = store = memory.Memory(shape=16, depth=self.size, init=[])
        read, write = store.read_port(domain="comb"), store.write_port(domain="chip")
        self.place = Cat(self.pins.address[:COLUMN_PINS], self.pins.bank, Array(self.rows)[self.pins.bank])
        first = Signal(16)
        second = Signal(16)
        self.reading = [Signal(name=f"reading_{stage}") for stage in range(2)]
        m.d.comb += [
            read.addr.eq(self.place),
            write.addr.eq(self.place),
            write.data.eq(self.pins.data_out),
            write.en.eq(self.on["write"] & self.pins.drive),
            self.pins.data_in.eq(second ^ self.violation.replicate(16)),
        ]
        m.d.chip += [first.eq(read.data), second.eq(first), self.reading[0].eq(self.on["read"]),
                     self.reading[1].eq(self.reading[0])]

    def breaches(self, m: Module) -> Value:
        """What must not be."""
        since, on = self.since, self.on
        any_open = Cat(self.open).any()
        is_open = Array(self.open)[self.pins.bank]
        column = on["read"] | on["write"]
        settled = (since["precharge"] >= T_RP) & (since["refresh"] >= T_RFC) & (since["mode"] >= T_MRD)
        return Cat(
            (on["activate"] | on["refresh"] | on["mode"] | on["precharge"]) & (self.powered != POWER_UP),
            on["activate"] & (is_open | ~settled | ~self.ready),
            (on["refresh"] | on["mode"]) & (any_open | ~settled),
            on["mode"] & ((self.refreshes != FIRST_REFRESHES) | (self.pins.address != MODE) | (self.pins.bank != 0)),
            on["precharge"] & ((since["activate"] < T_RAS) & any_open | (since["write"] < T_WR)),
            column & (~is_open | (since["activate"] < T_RCD) | (self.place >= self.size)),
            on["write"] & ~self.pins.drive,
            self.pins.drive & (self.reading[0] | self.reading[1]),
            column & self.stale,
        ).any()


class CoreWithChip(Core):
    """A core with the chip of its weights in it, where they are in one: no port ``sdram``."""

    has_pins = False

    def connect_chip(self, m: Module, store: SdramStore) -> None:
        m.submodules.chip = chip = chip_for(self.config)
        connect(m, store.pins, chip.pins)


def chip_for(config: HardwareConfig) -> SdramChip:
    """A chip as large as a configuration's weights need."""
    return SdramChip(config.weight_words * word_stride(config))
