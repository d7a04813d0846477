"""A board's SDRAM chip: its pins, and what stands between them and the core on an ECP5."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Const, Instance, IOPort, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.sdram import BANK_BITS, DATA_PINS, ROW_BITS
from rtl.memory.sdram import SdramPins

PARTS = {"clock": ("clk",), "clock_enable": ("clk_en",), "select": ("cs",), "command": ("we", "cas", "ras"),
         "bank": ("ba",), "address": ("a",), "mask": ("dqm",), "data": ("dq",)}
"""Port of a top without its prefix -> subsignals of the resource in amaranth-boards, the lowest bit's first."""
OUTPUTS = {"clock": 1, "clock_enable": 1, "select": 1, "command": 3, "bank": BANK_BITS, "address": ROW_BITS, "mask": 2}
"""Bits of the ports that are not data; levels are those of the chip's data sheet."""
PREFIX = "sdram_"


def members() -> dict[str, wiring.Member]:
    """Ports of a top with a chip; its data pins go both ways and are an ``IOPort``."""
    return {f"{PREFIX}{name}": Out(bits) for name, bits in OUTPUTS.items()}


class SdramPads(wiring.Component):
    """The controller's signals to the chip's pins, with the chip's clock: this clock, inverted.

    That leaves by a double-data-rate register of the pin, as late as data from a register of a pin would be. Cells of
    an ECP5: ODDRX1F and BB (``boards/cells/pads.v`` are models of them).
    """

    def __init__(self, data: IOPort) -> None:
        self.data = data
        super().__init__({"pins": In(SdramPins()), **members()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pins = self.pins
        m.submodules.clock = Instance("ODDRX1F", i_SCLK=ClockSignal("sync"), i_RST=Const(0), i_D0=Const(0),
                                      i_D1=Const(1), o_Q=self.sdram_clock)
        for bit in range(DATA_PINS):
            m.submodules[f"data_{bit}"] = Instance("BB", i_I=pins.data_out[bit], i_T=~pins.drive, o_O=pins.data_in[bit],
                                                   io_B=self.data[bit])
        m.d.comb += [
            self.sdram_clock_enable.eq(1),
            self.sdram_select.eq(0),
            self.sdram_command.eq(pins.command.as_value()),
            self.sdram_bank.eq(pins.bank),
            self.sdram_address.eq(pins.address),
            self.sdram_mask.eq(0),
        ]
        return m
