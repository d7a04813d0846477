"""A board's top level: the core behind a serial link, a button and three lights. Composition only."""

from __future__ import annotations

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect

from golden.spec.hardware import HardwareConfig
from golden.spec.registers import Status
from rtl.core import Core
from rtl.link.link import SerialLink
from rtl.memory.sdram import pass_sdram, sdram_members


class Top(wiring.Component):
    """Core and serial link in one clock domain, ``sync``.

    ``rx`` and ``tx``: the line of ``golden.spec.link``. ``button`` puts core and link back to their first state for as
    long as it is high; it may change, and bounce, at any time. ``busy``: the core draws or takes an image; ``error``
    and ``done`` as in STATUS. ``sdram``: the chip of the weights, where they are not in block RAM. Raises
    ``ConfigError`` for a baud rate that the clock cannot make.
    """

    def __init__(self, config: HardwareConfig, *, clock_hz: int, baud: int, family: str = "generic") -> None:
        self.core = Core(config, family=family)
        self.link = SerialLink(clock_hz, baud)
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "button": In(1),
            "busy": Out(1),
            "error": Out(1),
            "done": Out(1),
            **sdram_members(config),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        pressed = Signal()
        status = Signal(len(Status))
        m.submodules.synchroniser = FFSynchronizer(self.button, pressed)
        core, link = self.core, self.link
        m.submodules.core = ResetInserter(pressed)(core)
        m.submodules.link = ResetInserter(pressed)(link)
        connect(m, link.request, core.request)
        connect(m, core.response, link.response)
        pass_sdram(m, core, self)
        m.d.comb += [
            link.rx.eq(self.rx),
            self.tx.eq(link.tx),
            status.eq(core.status),
            self.busy.eq((status & (Status.RUNNING | Status.LOADING).value).any()),
            self.error.eq((status & Status.ERROR.value).any()),
            self.done.eq((status & Status.DONE.value).any()),
        ]
        return m
