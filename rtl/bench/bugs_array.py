"""Planted bugs of the array, its memories and its control; none of this is part of the product."""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data

from golden.spec.hardware import HardwareConfig
from rtl.array.engine import ArrayEngine
from rtl.array.front_end import FrontEnd
from rtl.array.lane import Lane
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.memory.loader import Loader
from rtl.memory.transposer import Transposer
from rtl.units.requantise import Requantise


class UnroundedRequantise(Requantise):
    """Truncates where it should round."""

    half = 0


class EarlyTransposer(Transposer):
    """Takes a tile for complete one vector too early."""

    def completes(self, row: Value) -> Value:
        return row == self.config.width - 2


class ShiftedLoader(Loader):
    """Writes each row one too high."""

    def first_row(self, slot: Value) -> Value:
        return super().first_row(slot) + 1


class DroppingQueue(DescriptorQueue):
    """Takes descriptors for which it has no room."""

    @staticmethod
    def has_room(level: Value) -> Value:
        return Const(1)


class ForgetfulSemaphores(Semaphores):
    """Lose a give that falls together with a take."""

    @staticmethod
    def following(count: Value, raised: Value, lowered: Value) -> Value:
        return Mux(lowered, count - 1, count + raised)


class LongLoopSequencer(Sequencer):
    """Runs each loop once too often."""

    @staticmethod
    def is_last(count: Value) -> Value:
        return count == 0


class UnshiftedLane(Lane):
    """Does not shift between nibble passes."""

    @staticmethod
    def accumulate(m: Module, control: data.View, total: Signal, product: Signal) -> None:
        with m.If(control.valid):
            m.d.sync += total.eq(Mux(control.first, 0, total) + product)


class UnshiftedArray(ArrayEngine):
    def __init__(self, config: HardwareConfig) -> None:
        super().__init__(config, lane=UnshiftedLane)


class HastyFrontEnd(FrontEnd):
    """Leaves out the last word of several."""

    @staticmethod
    def is_last_word(word: Value, words: Value) -> Value:
        return (word + 1 == words) | (word + 2 == words)


class HastyArray(ArrayEngine):
    front_end_unit = HastyFrontEnd


class CollidingFrontEnd(FrontEnd):
    """Loses the signals of an empty descriptor that follows a group at once."""

    def collides(self, empty: Value) -> Value:
        return Const(0)


class CollidingArray(ArrayEngine):
    front_end_unit = CollidingFrontEnd


class PatientGuard(Guard):
    """Waits one cycle too long."""

    def __init__(self, config: HardwareConfig, memories: int) -> None:
        super().__init__(dataclasses.replace(config, watchdog_cycles=config.watchdog_cycles + 1), memories)
