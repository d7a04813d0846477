"""Configuration to Verilog: ``python -m rtl.verilog --config configs/default.toml --output build/verilog``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")  # the same Yosys everywhere: the same Verilog

from amaranth.back import verilog
from amaranth.lib import wiring

from golden.spec.hardware import FORMAT_VERSION, HardwareConfig, load_hardware
from golden.spec.link import bit_cycles
from golden.spec.validation import ConfigError
from rtl.array.multiplier import FAMILIES
from rtl.bench import (
    catalogue,
    catalogue_array,
    catalogue_bus,
    catalogue_dense,
    catalogue_link,
    catalogue_pixel,
    catalogue_product,
    catalogue_sdram,
)
from rtl.bench.sdram_chip import CoreWithChip
from rtl.bus.axi import AxiCore
from rtl.bus.wishbone import WishboneCore
from rtl.core import TRACED, Core
from rtl.events import describe_events
from rtl.interface import latencies, ports, registers
from rtl.top import Top
from rtl.units.norm_engine import tail as norm_tail
from rtl.units.softmax_engine import tail as softmax_tail

CATALOGUES = (catalogue, catalogue_pixel, catalogue_array, catalogue_dense, catalogue_product, catalogue_link,
              catalogue_bus, catalogue_sdram)
UNITS = {name: make for source in CATALOGUES for name, make in source.UNITS.items()}
BUGS = {name: bugs for source in CATALOGUES for name, bugs in source.BUGS.items()}

BUSES = {"wishbone": WishboneCore, "axi": AxiCore}
"""The core as a peripheral of a system on chip, by its bus."""


def convert(component: wiring.Component, name: str, sources: bool = False, ports: dict | None = None) -> str:
    """Verilog of a component as top module ``name``; without paths of the machine, unless ``sources`` are wanted.

    ``ports``: with their directions, where some are not in its signature.
    """
    return verilog.convert(component, name=name, ports=ports, emit_src=sources, strip_internal_attrs=not sources)


def describe(config: HardwareConfig, top: str, trace: bool) -> dict:
    """What a bench or board must know about the core; everything derives from the configuration."""
    return {
        "top": top, "version": FORMAT_VERSION, "fingerprint": config.fingerprint, "name": config.name,
        "multipliers": config.multipliers,
        "memories": {name: {"depth": depth, "bits": bits} for name, (depth, bits) in config.memory_shapes.items()},
        "trace": [{"memory": memory, "bits": config.memory_shapes[memory][1]}
                  for memory in (TRACED if trace else ())],
        "registers": registers(),
        "latencies": {**latencies(config), "norm_tail_one_word": norm_tail(config, 1, 0),
                      "softmax_tail": softmax_tail(config)},
    }


def observe(core: Core) -> dict:
    """What a bench must know about the event ports of a core that was converted: fields, and states by their codes."""
    return {"events": describe_events(), "states": {"sequencer": core.sequencer.machine.encoding}}


def write(folder: Path, name: str, text: str, description: dict) -> None:
    """Write ``<name>.v`` and ``<name>.json``, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".v", text), (".json", json.dumps(description, indent=1, sort_keys=True) + "\n")):
        partial = folder / f".{name}{suffix}.partial"
        partial.write_text(content, encoding="utf-8")
        partial.replace(folder / f"{name}{suffix}")


def unit_top(unit: str, config: HardwareConfig, bug: str | None) -> tuple[wiring.Component, dict]:
    """A unit's bench top, with a planted bug where asked, and its description.

    Raises ``ConfigError`` for one that does not exist.
    """
    if unit not in UNITS:
        raise ConfigError(f"there is no unit {unit!r}; expected one of {', '.join(sorted(UNITS))}")
    if bug is not None and bug not in BUGS[unit]:
        raise ConfigError(f"unit {unit} has no bug {bug!r} to plant; expected one of {', '.join(BUGS[unit])}")
    component = UNITS[unit](config, bug)
    return component, {"top": unit, "latency": getattr(component, "LATENCY", None), "parameters": {
        "lanes": config.lanes, "width": config.width, **getattr(component, "PARAMETERS", {})}}


def unit_verilog(unit: str, config: HardwareConfig, bug: str | None, folder: Path, sources: bool = False) -> None:
    """A unit's bench top, with the models of the cells that it instantiates."""
    component, description = unit_top(unit, config, bug)
    models = [model.read_text(encoding="utf-8") for model in getattr(component, "MODELS", ())]
    write(folder, unit, "\n".join([convert(component, unit, sources), *models]), description)


def top_verilog(config: HardwareConfig, clock_hz: int, baud: int, family: str, folder: Path) -> None:
    """A board's top level; raises ``ConfigError`` for a baud rate that the clock cannot make."""
    bits = bit_cycles(clock_hz, baud)
    top = Top(config, clock_hz=clock_hz, baud=baud, family=family)
    description = {**describe(config, "top", False), "clock_hz": clock_hz, "baud": baud, "bit_cycles": bits,
                   "ports": ports(top)}
    write(folder, "top", convert(top, "top"), description)


def bus_verilog(bus: str, config: HardwareConfig, family: str, folder: Path) -> None:
    """The core on a bus, as ``core_<bus>.v``; its description says what the bus adds."""
    component, top = BUSES[bus](config, family), f"core_{bus}"
    write(folder, top, convert(component, top), {**describe(config, top, False), **component.DESCRIPTION})


def core_verilog(options: argparse.Namespace, config: HardwareConfig) -> None:
    """The core itself, with the ports that a simulation asks for."""
    kind = CoreWithChip if options.sdram_chip else Core
    core = kind(config, options.trace, options.family, options.events)
    text = convert(core, "core", options.sources)
    description = {**describe(config, "core", options.trace), "ports": ports(core)}
    write(options.output, "core", text, description | (observe(core) if options.events else {}))


def generate(options: argparse.Namespace) -> None:
    """Write what is asked for; raises ``ConfigError``."""
    config = load_hardware(options.config)
    if options.bus and (options.unit or options.trace):
        raise ConfigError(f"--bus {options.bus} makes a whole core without trace ports; leave out --unit and --trace")
    if options.unit:
        unit_verilog(options.unit, config, options.bug, options.output, options.sources)
    elif options.top:
        top_verilog(config, options.clock, options.baud, options.family, options.output)
    elif options.bus:
        bus_verilog(options.bus, config, options.family, options.output)
    else:
        core_verilog(options, config)


def command_line() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m rtl.verilog", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    parser.add_argument("--output", type=Path, required=True, help="folder for the .v and .json files")
    parser.add_argument("--unit", help="one unit's bench top instead of the core")
    parser.add_argument("--bug", help="plant this bug in the unit")
    parser.add_argument("--top", action="store_true", help="a board's top level, with a serial link")
    parser.add_argument("--clock", type=int, default=25_000_000, help="Hz of the top's clock (default: %(default)s)")
    parser.add_argument("--baud", type=int, default=1_000_000, help="bits a second of its link (default: %(default)s)")
    parser.add_argument("--bus", choices=BUSES, help="the core as a peripheral on this bus, as core_<bus>.v")
    parser.add_argument("--trace", action="store_true", help="show every memory write at ports of the core")
    parser.add_argument("--sdram-chip", action="store_true",
                        help="with a model of the chip at the core's SDRAM pins, where it has any")
    parser.add_argument("--events", action="store_true", help="show what the engines do at ports of the core")
    parser.add_argument("--sources", action="store_true",
                        help="of a unit or the core: name the line of Python that each module and signal is of")
    parser.add_argument("--family", choices=FAMILIES, default="generic",
                        help="what DSP blocks are made of: arithmetic, or an ECP5's (default: %(default)s)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    try:
        generate(command_line().parse_args(arguments))
    except ConfigError as error:
        print(f"rtl.verilog: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
