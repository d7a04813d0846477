"""What is put on a board: ``rtl.top`` between its pins. Composition only."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, Instance, IOPort, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from boards.board import Board
from boards.pins import INPUTS, PORTS, Pin
from boards.sdram import SdramPads, members
from golden.spec.hardware import HardwareConfig
from golden.spec.sdram import DATA_PINS
from golden.spec.validation import require
from rtl.top import Top

CLOCK_BUFFERS = {"vivado": "BUFG"}
"""Cell that a flow needs between a divided clock and what it clocks; other flows find a global net by themselves."""


def multiplier_family(board: Board) -> str:
    """``family`` of ``rtl.top`` for a board."""
    return "ecp5" if board.device.flow == "ecp5" else "generic"


class ClockDivider(wiring.Component):
    """``slow`` toggles every ``divide / 2`` cycles of ``fast``; ``divide`` is 1 (a wire) or a power of two.

    Constraints name the register ``slow``.
    """

    def __init__(self, divide: int) -> None:
        require(divide > 0 and divide & (divide - 1) == 0, f"divide is {divide}; expected a power of two")
        self.divide = divide
        super().__init__({"fast": In(1), "slow": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.divide == 1:
            m.d.comb += self.slow.eq(self.fast)
            return m
        m.domains.crystal = domain = ClockDomain(reset_less=True, local=True)
        count = Signal(range(self.divide), name="divided")
        m.d.comb += domain.clk.eq(self.fast)
        m.d.crystal += [count.eq(count + 1), self.slow.eq(count[-1])]
        return m


class BoardTop(wiring.Component):
    """``inner`` (ports rx, tx, button, busy, error, done) behind pins that may be active low.

    An inner ``sdram`` is behind the ports of ``boards.sdram``. ``clk``: the crystal, divided for the one clock domain.
    There is no reset: the bitstream sets the first state.
    """

    def __init__(self, inner: wiring.Component, pins: dict[str, Pin], divide: int = 1,
                 clock_buffer: str | None = None) -> None:
        self.inner = inner
        self.sdram_data = IOPort(DATA_PINS, name="sdram_data") if hasattr(inner, "sdram") else None
        self.pins = pins
        self.divide = divide
        self.clock_buffer = clock_buffer
        super().__init__({**{name: (In if name in INPUTS else Out)(1) for name in PORTS},
                          **(members() if self.sdram_data is not None else {})})

    @property
    def all_ports(self) -> dict[str, tuple[Signal | IOPort, None]]:
        """Every port, for Amaranth's back ends, which find the directions: also the one that goes both ways."""
        both_ways = {} if self.sdram_data is None else {"sdram_data": (self.sdram_data, None)}
        return {name: (getattr(self, name), None) for name in self.signature.members} | both_ways

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = self.inner
        m.submodules.divider = divider = ClockDivider(self.divide)
        m.domains.sync = domain = ClockDomain(reset_less=True)
        m.d.comb += divider.fast.eq(self.clk)
        if self.clock_buffer:
            m.submodules.buffer = Instance(self.clock_buffer, i_I=divider.slow, o_O=domain.clk)
        else:
            m.d.comb += domain.clk.eq(divider.slow)
        if self.sdram_data is not None:
            self.connect_sdram(m)
        for name in PORTS:
            pin = self.pins[name]
            outer = getattr(self, name)
            if name in ("rx", "button"):
                m.d.comb += getattr(inner, name).eq(outer ^ pin.inverted)
            elif name != "clk":
                m.d.comb += outer.eq(getattr(inner, name) ^ pin.inverted)
        return m

    def connect_sdram(self, m: Module) -> None:
        """The chip's pins."""
        m.submodules.sdram_pads = pads = SdramPads(self.sdram_data)
        connect(m, self.inner.sdram, pads.pins)
        m.d.comb += [getattr(self, name).eq(getattr(pads, name)) for name in members()]


def board_top(board: Board, config: HardwareConfig, pins: dict[str, Pin]) -> BoardTop:
    """The top of a board with a configuration."""
    inner = Top(config, clock_hz=board.clock_hz, baud=board.baud, family=multiplier_family(board))
    buffer = CLOCK_BUFFERS.get(board.device.flow) if board.divide > 1 else None
    return BoardTop(inner, pins, board.divide, buffer)
