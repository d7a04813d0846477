"""What ``rtl.verilog --unit`` builds from the pixel units, the image loader and the register file."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.lib import wiring

from golden.spec.hardware import HardwareConfig
from rtl.bench import bugs_pixel as bugs
from rtl.bench.pixel_bench import PixelBench
from rtl.control.registers import HostRegisters
from rtl.memory.image_loader import ImageLoader
from rtl.units.noise import NoiseGenerator
from rtl.units.pixel_engine import PixelEngine

TYPES: dict[str, dict[str | None, type]] = {
    "noise": {None: NoiseGenerator, "rotation": bugs.WrongRotation},
    "pixel": {None: PixelEngine, "saturation": bugs.WrappingEngine, "noise": bugs.WrongNoiseEngine,
              "foresight": bugs.ForesightEngine, "sticky": bugs.StickyUpdateEngine, "eager": bugs.EagerEngine},
    "image_loader": {None: ImageLoader, "bounds": bugs.UnboundedLoader},
    "registers": {None: HostRegisters, "increment": bugs.StuckAddressRegisters,
                  "latent": bugs.StrayLatentRegisters, "narrow": bugs.NarrowCounterRegisters},
}
"""The component of each unit, and those with a planted bug."""

BUGS: dict[str, tuple[str, ...]] = {unit: tuple(name for name in types if name) for unit, types in TYPES.items()}


def _constructor(unit: str) -> Callable[..., wiring.Component]:
    def construct(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
        component = TYPES[unit][bug](config)
        return PixelBench(config, component) if unit == "pixel" else component
    return construct


UNITS: dict[str, Callable[..., wiring.Component]] = {unit: _constructor(unit) for unit in TYPES}
