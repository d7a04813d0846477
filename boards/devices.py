"""The FPGAs of the boards: what each has, and how its tools name it."""

from __future__ import annotations

from boards.board import Device

LFE5U_25F = Device(
    name="LFE5U-25F", flow="ecp5", options=("--25k", "--package", "CABGA381", "--speed", "6"),
    capacity={"LUT4": 24288, "TRELLIS_FF": 24288, "DP16KD": 56, "MULT18X18D": 28})
LFE5U_45F = Device(
    name="LFE5U-45F", flow="ecp5", options=("--45k", "--package", "CABGA381", "--speed", "6"),
    capacity={"LUT4": 43848, "TRELLIS_FF": 43848, "DP16KD": 108, "MULT18X18D": 72})
LFE5U_85F = Device(
    name="LFE5U-85F", flow="ecp5", options=("--85k", "--package", "CABGA381", "--speed", "6"),
    capacity={"LUT4": 83640, "TRELLIS_FF": 83640, "DP16KD": 208, "MULT18X18D": 156})
ICE40_UP5K = Device(
    name="iCE40UP5K-SG48", flow="ice40", options=("--up5k", "--package", "sg48"),
    capacity={"SB_LUT4": 5280, "SB_DFF": 5280, "SB_RAM40_4K": 30, "SB_SPRAM256KA": 4, "SB_MAC16": 8})
GW2A_18 = Device(
    name="GW2A-LV18PG256C8/I7", flow="gowin", options=("--device", "GW2A-LV18PG256C8/I7", "--vopt", "family=GW2A-18C"),
    packer=("-d", "GW2A-18C"), capacity={"LUT4": 20736, "DFF": 15552, "BSRAM": 46, "MULT18X18": 48})
XC7A100T = Device(name="XC7A100T", flow="vivado", options=("xc7a100tcsg324-1",),
                  capacity={"LUT6": 63400, "FF": 126800, "RAMB36E1": 135, "DSP48E1": 240})
CYCLONE_V_5CSEBA6 = Device(name="5CSEBA6U23I7", flow="quartus", options=("Cyclone V", "5CSEBA6U23I7"),
                           capacity={"ALM": 41910, "M10K": 553, "DSP": 112})
