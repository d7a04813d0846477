"""Radiona ULX3S with an LFE5U-25F."""

from __future__ import annotations

from amaranth_boards.ulx3s import ULX3S_25F_Platform

from boards.board import Board
from boards.devices import LFE5U_25F

BOARD = Board(title="ULX3S-25F", platform=ULX3S_25F_Platform, device=LFE5U_25F, clock="clk25",
              config="ulx3s_25f", model="tiny", button=("button_fire", 0), sdram=("sdram", 0))
