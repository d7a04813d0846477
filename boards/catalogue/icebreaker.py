"""1BitSquared iCEBreaker, an iCE40 UP5K."""

from __future__ import annotations

from amaranth_boards.icebreaker import ICEBreakerPlatform

from boards.board import Board
from boards.devices import ICE40_UP5K


class Platform(ICEBreakerPlatform):
    """With the lights of its section that breaks off."""

    resources = [*ICEBreakerPlatform.resources, *ICEBreakerPlatform.break_off_pmod]


BOARD = Board(title="iCEBreaker", platform=Platform, device=ICE40_UP5K, clock="clk12", config="ecp5_25k", model="tiny",
              lights=(("led", 0), ("led", 1), ("led", 2)))
