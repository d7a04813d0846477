"""Radiona ULX3S with an LFE5U-85F."""

from __future__ import annotations

from amaranth_boards.ulx3s import ULX3S_85F_Platform

from boards.board import Board
from boards.devices import LFE5U_85F

BOARD = Board(title="ULX3S-85F", platform=ULX3S_85F_Platform, device=LFE5U_85F, clock="clk25",
              config="ulx3s_85f", model="tiny", button=("button_fire", 0), sdram=("sdram", 0))
