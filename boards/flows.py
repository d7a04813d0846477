"""Open flows: how Yosys maps a design to an FPGA, what is counted, and which tools place, route and pack it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from boards import synthesis
from boards.board import Device

PREPARE = synthesis.SCRIPT.split("booth {booth}")[0]
"""What every family begins with: the design, its memories without logic for collisions that never come."""

FLATTEN = """
flatten
opt_clean -purge
autoname
{pads}
setundef -undriven -zero
write_json {name}.json
"""
"""To a netlist for place and route; names keep the path of the module that they were in."""

ICE40 = PREPARE + """
booth {booth}
synth_ice40 -top {name} -noflatten -dsp -run :map_luts
splitnets
synth_ice40 -top {name} -noflatten -dsp -run map_luts:
tee -q -o {name}.stat.json stat -json
"""

GOWIN = PREPARE + """
booth {booth}
synth_gowin -top {name} -noflatten -nowidelut -noiopads -run :map_luts
splitnets
synth_gowin -top {name} -noflatten -nowidelut -noiopads -run map_luts:
tee -q -o {name}.stat.json stat -json
"""

GOWIN_PADS = "iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O"
"""Behind ``flatten``, as modules that are mapped on their own would each get pads."""

Counts = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Tools of one family.

    ``sites``: what a device has, and the cells that take of it, each so many. ``place`` and ``pack`` are a tool and
    its arguments; they read ``top.json`` and constraints, and write ``top.report.json``, ``top.routed`` and the
    bitstream of the name given.
    """

    script: str
    sites: dict[str, dict[str, int]]
    free: tuple[str, ...]
    place: Callable[[Device, int, int], tuple[str, list[str]]]
    pack: Callable[[Device, str], tuple[str, list[str]]]
    suffix: str
    pads: str = ""   # command that adds pads, where place and route does not

    @property
    def kinds(self) -> tuple[str, ...]:
        """Cells that are counted."""
        return tuple(dict.fromkeys(kind for weights in self.sites.values() for kind in weights))

    def needs(self, used: Counts) -> Counts:
        """Counted cells in the terms of a device's capacity."""
        return {site: sum(used.get(kind, 0) * weight for kind, weight in weights.items())
                for site, weights in self.sites.items()}


def common(device: Device, clock_hz: int, seed: int) -> list[str]:
    """Arguments that every place and route takes; its own judgement of the clock is left to ``boards.timing``."""
    return [*device.options, "--freq", f"{clock_hz / 1e6:g}", "--json", "top.json", "--report", "top.report.json",
            "--timing-allow-fail", "--seed", str(seed), "--quiet", "--log", "place.log"]


def place_ecp5(device: Device, clock_hz: int, seed: int) -> tuple[str, list[str]]:
    return "nextpnr_ecp5", [*common(device, clock_hz, seed), "--lpf", "top.lpf", "--textcfg", "top.routed"]


def pack_ecp5(device: Device, output: str) -> tuple[str, list[str]]:
    return "ecppack", ["--compress", "top.routed", output]


def place_ice40(device: Device, clock_hz: int, seed: int) -> tuple[str, list[str]]:
    return "nextpnr_ice40", [*common(device, clock_hz, seed), "--pcf", "top.pcf", "--asc", "top.routed"]


def pack_ice40(device: Device, output: str) -> tuple[str, list[str]]:
    return "icepack", ["top.routed", output]


def place_gowin(device: Device, clock_hz: int, seed: int) -> tuple[str, list[str]]:
    return "nextpnr_himbaechel_gowin", [*common(device, clock_hz, seed), "--vopt", "cst=top.cst", "--write",
                                        "top.routed"]


def pack_gowin(device: Device, output: str) -> tuple[str, list[str]]:
    return "gowin_pack", [*device.packer, "-o", output, "top.routed"]


def numbered(*names: str, among: Sequence[str] = ("",), weight: int = 1) -> dict[str, int]:
    """Every name with every ending, each of one weight."""
    return {f"{name}{ending}": weight for name in names for ending in among}


ICE40_DFF = numbered("SB_DFF", among=("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES"))
GOWIN_DFF = numbered("DFF", among=("", "E", "S", "SE", "R", "RE", "P", "PE", "C", "CE"))
GOWIN_BSRAM = numbered("SDP", "SP", "DPB", "pROM") | numbered("SDPX9", "SPX9", "DPX9B", "pROMX9")
GOWIN_LUT = {"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1, "ALU": 1, "RAM16SDP4": 8, "RAM16SDP2": 4, "RAM16SDP1": 2}

FLOWS = {
    "ecp5": Flow(
        script=synthesis.SCRIPT, free=synthesis.FREE, place=place_ecp5, pack=pack_ecp5, suffix="bit",
        sites={"LUT4": synthesis.LUT_SITES, "TRELLIS_FF": {"TRELLIS_FF": 1}, "DP16KD": {"DP16KD": 1},
               "MULT18X18D": {"MULT18X18D": 1}}),
    "ice40": Flow(
        script=ICE40, free=("$scopeinfo",), place=place_ice40, pack=pack_ice40, suffix="bin",
        sites={"SB_LUT4": {"SB_LUT4": 1, "SB_CARRY": 0}, "SB_DFF": ICE40_DFF, "SB_RAM40_4K": {"SB_RAM40_4K": 1},
               "SB_SPRAM256KA": {"SB_SPRAM256KA": 1}, "SB_MAC16": {"SB_MAC16": 1}}),
    "gowin": Flow(
        script=GOWIN, free=("IBUF", "OBUF", "GND", "VCC", "GSR", "MUX2_LUT5", "MUX2_LUT6", "$scopeinfo"),
        place=place_gowin, pack=pack_gowin, suffix="fs", pads=GOWIN_PADS,
        sites={"LUT4": GOWIN_LUT, "DFF": GOWIN_DFF, "BSRAM": GOWIN_BSRAM,
               "MULT18X18": {"MULT18X18": 1, "MULT9X9": 1, "MULT36X36": 4}}),
}


def script(flow: Flow, infer_dsp: bool = True) -> str:
    """Yosys' commands for the design ``top`` in ``top.il``: counted by module, then flat for place and route."""
    infer = synthesis.INFER if infer_dsp and flow is FLOWS["ecp5"] else ""
    return (flow.script + FLATTEN).format(name="top", booth=synthesis.BOOTH, infer=infer, pads=flow.pads)
