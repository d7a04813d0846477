"""Sipeed Tang Primer 20K on its dock, a Gowin GW2A-18."""

from __future__ import annotations

from amaranth_boards.tang_primer_20k import TangPrimer20kDockPlatform

from boards.board import Board
from boards.devices import GW2A_18

BOARD = Board(title="Tang Primer 20K", platform=TangPrimer20kDockPlatform, device=GW2A_18, clock="clk27",
              config="ecp5_25k", model="tiny", baud=900_000)
