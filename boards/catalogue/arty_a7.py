"""Digilent Arty A7-100, a Xilinx Artix-7; built by Vivado."""

from __future__ import annotations

from amaranth_boards.arty_a7 import ArtyA7_100Platform

from boards.board import Board
from boards.devices import XC7A100T

BOARD = Board(title="Arty A7-100", platform=ArtyA7_100Platform, device=XC7A100T, clock="clk100", divide=4,
              config="small", model="tiny")
