"""What ``rtl.verilog --unit`` builds for weights in an SDRAM: the store with a chip at its pins, and the chip alone."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.hardware import HardwareConfig
from golden.spec.sdram import DATA_PINS
from rtl.bench.bugs_sdram import STORES, store
from rtl.bench.sdram_chip import chip_for
from rtl.memory.ports import WritePort
from rtl.memory.sdram_store import FetchPort


class StoreBench(wiring.Component):
    """A weight store and its chip. ``upset``: columns that are read in this cycle have these bits turned."""

    OUTPUTS = ("filling", "fault", "collision", "damaged")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.store = store(config, bug)
        self.chip = chip_for(config)
        super().__init__({
            "write": In(WritePort(*config.memory_shapes["weight"])),
            "fetch": In(FetchPort(config.word_bits)),
            "cancel": In(1),
            "upset": In(DATA_PINS),
            **{name: Out(1) for name in self.OUTPUTS},
            "violation": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = self.store
        m.submodules.chip = chip = self.chip
        connect(m, flipped(self.write), store.write)
        connect(m, flipped(self.fetch), store.fetch)
        for name in ("command", "bank", "address", "data_out", "drive"):
            m.d.comb += getattr(chip.pins, name).eq(getattr(store.pins, name))
        m.d.comb += [
            store.pins.data_in.eq(chip.pins.data_in ^ self.upset),
            store.abort.eq(self.cancel),
            self.violation.eq(chip.violation),
            *(getattr(self, name).eq(getattr(store, name)) for name in self.OUTPUTS),
        ]
        return m


def sdram_chip(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The chip needs nothing around it."""
    return chip_for(config)


UNITS = {"sdram_store": StoreBench, "sdram_chip": sdram_chip}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {"sdram_store": tuple(bug for bug in STORES if bug), "sdram_chip": ()}
"""Name of a unit -> bugs that can be planted in it."""
