"""Terasic DE10-Nano, an Intel Cyclone V; built by Quartus. Its serial port is on the Arduino header."""

from __future__ import annotations

from amaranth_boards.de10_nano import DE10NanoPlatform

from boards.board import Board
from boards.devices import CYCLONE_V_5CSEBA6

BOARD = Board(title="DE10-Nano", platform=DE10NanoPlatform, device=CYCLONE_V_5CSEBA6, clock="clk50", divide=2,
              config="small", model="tiny")
