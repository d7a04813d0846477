"""A unit with mutants: ``python -m rtl.mutants --unit softmax --config configs/small.toml --output build/mutants``.

Writes <unit>.v, which has an input ``mutant`` more than the unit: 0 leaves it as it is, k wakes the k-th mutant; and
<unit>.json, which describes each. The unit "core" is the whole core with trace and event ports, of which its own
statements are mutated; "board" is a board's top level, of which the wiring of core and serial link is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Fragment, Signal, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.link import LEAST_BIT_CYCLES
from golden.spec.validation import ConfigError, require
from rtl.core import Core
from rtl.events import describe_events
from rtl.mutants.live import live_signals
from rtl.mutants.plant import Mutant, Walk
from rtl.mutants.sampling import choose
from rtl.top import Top
from rtl.verilog import describe, unit_top, write  # first: it says which Yosys Amaranth is to use

PORT = "mutant"
CORE, BOARD, TOP = "core", "board", "top"
EVENTS_SOURCE = "rtl/events.py"
BOARD_SOURCES = ("rtl/top.py", "rtl/link/link.py")
BAUD = 1_000_000
"""Of the board's line, each of whose bits takes as few cycles as can be."""


def top_of(unit: str, config: HardwareConfig) -> tuple[wiring.Component, dict]:
    """The unit's bench top, the core with trace and event ports, or a board's top level; and its description."""
    if unit == BOARD:
        return Top(config, clock_hz=BAUD * LEAST_BIT_CYCLES, baud=BAUD), {"top": TOP}
    if unit == CORE:
        return (Core(config, trace=True, events=True),
                {**describe(config, CORE, True), "events": describe_events()})
    return unit_top(unit, config, None)


def mutants_of(unit: str, config: HardwareConfig) -> list[Mutant]:
    """Everything that could be wrong in a unit, in the order of the walk."""
    component, _ = top_of(unit, config)
    return list(numbered(unit, component, Fragment.get(component, None)).values())


def numbered(unit: str, component: wiring.Component, fragment: Fragment) -> dict[int, Mutant]:
    """What could be wrong in a component, which stays as it is, by its number in the walk.

    Of the core and of a board their own statements: what they are composed of has benches that see more. Event ports
    are none of the hardware.
    """
    walk = Walk(Signal(name=PORT), live_of(component, fragment))
    walk.unit(fragment)
    return {number: mutant for number, mutant in enumerate(walk.found) if belongs(unit, mutant)}


def belongs(unit: str, mutant: Mutant) -> bool:
    """Whether a mutant of what was elaborated counts for a unit."""
    if unit == BOARD:
        return mutant.source.startswith(BOARD_SOURCES)
    return unit != CORE or (mutant.path == TOP and not mutant.source.startswith(EVENTS_SOURCE))


def live_of(component: wiring.Component, fragment: Fragment) -> set[int]:
    """Signals that the outputs of a component depend on."""
    return live_signals(fragment, [value for value, direction in ports_of(component).values()
                                   if direction is PortDirection.Output])


def ports_of(component: wiring.Component) -> dict[str, tuple[Value, PortDirection]]:
    """Name of each port of a component -> value and direction, as in its own Verilog."""
    found = {}
    for path, member, value in component.signature.flatten(component):
        value = Value.cast(value)
        direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
        found["__".join(map(str, path))] = (value, direction)
    return found


def mutated_verilog(unit: str, config: HardwareConfig, count: int, seed: int) -> tuple[str, dict]:
    """Verilog of a unit with ``count`` of its mutants, selected by 1, 2 ..., and its description."""
    component, description = top_of(unit, config)
    fragment = Fragment.get(component, None)
    mutants = numbered(unit, component, fragment)
    numbers = list(mutants)
    chosen = [numbers[place] for place in choose(list(mutants.values()), count, seed)]
    select = Signal(range(len(chosen) + 1), name=PORT)
    walk = Walk(select, live_of(component, fragment), {number: place for place, number in enumerate(chosen, 1)})
    walk.unit(fragment)
    ports = {**ports_of(component), PORT: (select, PortDirection.Input)}
    name = TOP if unit == BOARD else unit
    text = verilog.convert(fragment, name=name, ports=ports, emit_src=False, strip_internal_attrs=True)
    models = [model.read_text(encoding="utf-8") for model in getattr(component, "MODELS", ())]
    entries = [mutants[number].entry(place) for place, number in enumerate(chosen, 1)]
    return "\n".join([text, *models]), {**description, "candidates": len(mutants), "mutants": entries}


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m rtl.mutants", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit", required=True, help="a unit of rtl.verilog, core, or board")
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [hardware] table")
    parser.add_argument("--output", type=Path, required=True, help="folder for the .v and .json files")
    parser.add_argument("--count", type=int, default=20, help="mutants to plant (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        require(options.count > 0, f"--count is {options.count}; expected a positive number")
        config = load_hardware(options.config)
        text, description = mutated_verilog(options.unit, config, options.count, options.seed)
    except ConfigError as error:
        print(f"rtl.mutants: {error}", file=sys.stderr)
        return 2
    write(options.output, options.unit, text, description)
    return 0


if __name__ == "__main__":
    sys.exit(main())
