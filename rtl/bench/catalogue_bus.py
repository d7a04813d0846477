"""The bridges from buses to the register file, as top levels for their benches."""

from __future__ import annotations

from amaranth.lib import wiring

from golden.spec.hardware import HardwareConfig
from rtl.bench import bugs_bus as bugs
from rtl.bus.axi import AxiBridge
from rtl.bus.wishbone import WishboneBridge

TYPES: dict[str, dict[str | None, type]] = {
    "axi_bridge": {None: AxiBridge, "loses": bugs.LosingAxiBridge, "hasty": bugs.HastyAxiBridge,
                   "drops": bugs.DroppingAxiBridge, "endless": bugs.EndlessAxiBridge, "mixes": bugs.MixingAxiBridge},
    "wishbone_bridge": {None: WishboneBridge, "repeats": bugs.RepeatingWishboneBridge,
                        "late": bugs.LateWishboneBridge},
}
"""The component of each unit, and those with a planted bug."""


def axi_bridge(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The same for every configuration."""
    return TYPES["axi_bridge"][bug]()


def wishbone_bridge(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The same for every configuration."""
    return TYPES["wishbone_bridge"][bug]()


UNITS = {"axi_bridge": axi_bridge, "wishbone_bridge": wishbone_bridge}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {unit: tuple(bug for bug in types if bug) for unit, types in TYPES.items()}
"""Name of a unit -> bugs that can be planted in it."""
