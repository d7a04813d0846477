"""Planted bugs of the SDRAM controller and of the weight store in such a chip."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Value

from golden.spec.hardware import HardwareConfig
from golden.spec.sdram import ACTIVATE_CYCLES
from rtl.memory.sdram import SdramController
from rtl.memory.sdram_store import SdramStore


class TiredController(SdramController):
    """Never refreshes while it is idle."""

    def is_due(self) -> Value:
        return Const(0)


class HastyController(SdramController):
    """Does not wait until a row is open."""

    open_cycles = ACTIVATE_CYCLES - 1


class EndlessController(SdramController):
    """Reads on past the end of a row."""

    def visit_ends(self) -> Value:
        return Const(0)


class NarrowController(SdramController):
    """Leaves the bank out of a word's place."""

    def place(self, word: Value) -> tuple[Value, Value, Value]:
        _, row, column = super().place(word)
        return Const(0, 2), row, column


class StubbornController(SdramController):
    """Goes on with a fetch that was aborted."""

    def take(self, m: Module) -> None:
        left = self.left + 0
        super().take(m)
        with m.If(self.abort):
            m.d.sync += self.left.eq(left)


class UncheckedStore(SdramStore):
    """Takes a word's verdict a cycle too early."""

    def verify(self, m: Module, controller: SdramController) -> None:
        super().verify(m, controller)
        m.d.comb += m.submodules.check.valid.eq(controller.coming)


def with_controller(unit: type[SdramController]) -> type[SdramStore]:
    """The store with another controller."""
    return type(f"{unit.__name__}Store", (SdramStore,), {"controller_unit": unit})


STORES: dict[str | None, type[SdramStore]] = {
    None: SdramStore, "tired": with_controller(TiredController), "hasty": with_controller(HastyController),
    "endless": with_controller(EndlessController), "narrow": with_controller(NarrowController),
    "stubborn": with_controller(StubbornController), "unchecked": UncheckedStore,
}
"""The weight store, and those with a planted bug."""


def store(config: HardwareConfig, bug: str | None) -> SdramStore:
    """A weight store, with a bug where asked."""
    return STORES[bug](config)
