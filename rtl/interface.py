"""What stands in ``core.json`` beside the Verilog: ports, registers, latencies."""

from __future__ import annotations

from amaranth.hdl import Shape
from amaranth.lib import wiring

from golden.spec import latency
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ADDRESSES, REGISTERS


def ports(component: wiring.Component, clocked: bool = True) -> list[dict]:
    """Name, direction and bits of every port of the Verilog module.

    ``clocked``: the module gets the ports clk and rst of its clock domain, as it has no domain of its own.
    """
    found = [{"name": name, "direction": "input", "bits": 1} for name in ("clk", "rst") if clocked]
    for path, member, _ in component.signature.flatten(component):
        found.append({"name": "__".join(str(part) for part in path), "bits": Shape.cast(member.shape).width,
                      "direction": "input" if member.flow is wiring.In else "output"})
    return found


def registers() -> list[dict]:
    """The host port's registers; an address counts 32-bit words."""
    return [{"name": register.name, "address": ADDRESSES[register.name], "access": register.access.value,
             "meaning": register.description} for register in REGISTERS]


def latencies(config: HardwareConfig) -> dict[str, int]:
    """Cycles that the timing model counts with, of the core as configured."""
    fixed = {name.lower(): value for name, value in vars(latency).items()
             if name.endswith(("_LATENCY", "_CYCLES", "_TAIL"))}
    return {**fixed, "drain_latency": latency.drain_latency(config), "softmax_tail": latency.softmax_tail(config)}
