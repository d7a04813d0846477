"""Planted bugs of the array, its memories and its control; none of this is part of the product."""

from __future__ import annotations

import dataclasses

from amaranth.hdl import Array, Const, Module, Signal, Value

from golden.spec.hardware import HardwareConfig
from rtl.array.dispatcher import Dispatcher
from rtl.array.engine import ArrayEngine
from rtl.array.fetcher import Fetcher
from rtl.array.in_flight import InFlight
from rtl.bench.bugs_lane import UnshiftedLane
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.register_file import RegisterFile
from rtl.control.semaphores import Semaphores
from rtl.control.sequencer import Sequencer
from rtl.memory.loader import Loader
from rtl.units.requantise import Requantise


class UnroundedRequantise(Requantise):
    """Truncates where it should round."""

    half = 0


class BlindRequantise(Requantise):
    """Saturates only what is past every format's limits."""

    def judge(self, m: Module, kind: Signal, rounded: Signal, outside: Signal) -> None:
        m.d.comb += outside.eq(0)


class WrappingRequantise(Requantise):
    """Forgets the bits that its shift leaves out."""

    @staticmethod
    def is_beyond(misfit: Value) -> Value:
        return Const(0)


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
    def carry(raised: Value, lowered: Value) -> Value:
        return raised & ~lowered


class LongLoopSequencer(Sequencer):
    """Runs each loop once too often."""

    @staticmethod
    def is_last(count: Value) -> Value:
        return count == 0


class ForgetfulRegisters(RegisterFile):
    """Sets registers where it should add to them."""

    def keeps(self, ends: Value) -> Value:
        return Const(0)


class ForgetfulSequencer(Sequencer):
    registers_unit = ForgetfulRegisters


class HastySequencer(Sequencer):
    """Ends where the image has settled, whether a step has ended or not."""

    def ends_early(self) -> Value:
        return self.settled


class ShortDispatcher(Dispatcher):
    """Ends a group one token early."""

    def ends_group(self, token: Value) -> Value:
        return token == self.config.lanes - 2


class UnfencedDispatcher(Dispatcher):
    """Does not wait at a fence."""

    def may_pass(self, fence: Value) -> Value:
        return Const(1)


class WideInFlight(InFlight):
    """Takes one group more than there is room for."""

    def has_room(self, groups: int) -> Value:
        return self.count <= groups


class UnheldInFlight(InFlight):
    """Forgets keys that are still in the transposer."""

    def have_left(self, hold: Value) -> Value:
        return Const(1)


class DisorderlyInFlight(InFlight):
    """Retires the oldest group once the one after it is drained."""

    def may_retire(self, remaining: Array) -> Value:
        following = (self.head + 1)[:len(self.head)]
        return super().may_retire(remaining) | ((self.count > 1) & (remaining[following] == 0))


class ForgetfulFetcher(Fetcher):
    """Reads the low plane only once."""

    def is_replayed(self, nibble_pass: Value) -> Value:
        return nibble_pass == 0


class StandingFetcher(Fetcher):
    """Multiplies each line of a token with the same rows."""

    def row_after(self, row: Value) -> Value:
        return row


class AlignedFetcher(Fetcher):
    """Takes every row for one that begins with a line."""

    def mask(self) -> Value:
        return (1 << self.count) - 1


class UnshiftedFetcher(Fetcher):
    """Does not shift before the last of four passes."""

    def shifts(self, nibble_pass: Value) -> Value:
        return nibble_pass == 1


class UnwrappedFetcher(Fetcher):
    """Does not count rows modulo a tile's depth that is no power of two."""

    def first_row(self, row: Value) -> Value:
        return row - self.offset() * self.config.width


class MistakenArray(ArrayEngine):
    """Takes a line from the memory that is addressed while it arrives."""

    def memory_of_line(self, addressed: Value, arriving: Value) -> Value:
        return addressed


class UnshiftedArray(ArrayEngine):
    def __init__(self, config: HardwareConfig) -> None:
        super().__init__(config, lane=UnshiftedLane)


def _with(**units: type) -> type[ArrayEngine]:
    """The array with a wrong unit."""
    return type("WrongArray", (ArrayEngine,), units)


ARRAYS: dict[str, type[ArrayEngine]] = {
    "short_group": _with(dispatcher_unit=ShortDispatcher),
    "no_fence": _with(dispatcher_unit=UnfencedDispatcher),
    "wide_window": _with(in_flight_unit=WideInFlight),
    "no_hold": _with(in_flight_unit=UnheldInFlight),
    "disorder": _with(in_flight_unit=DisorderlyInFlight),
    "no_replay": _with(fetcher_unit=ForgetfulFetcher),
    "same_rows": _with(fetcher_unit=StandingFetcher),
    "aligned": _with(fetcher_unit=AlignedFetcher),
    "lost_shift": _with(fetcher_unit=UnshiftedFetcher),
    "unwrapped": _with(fetcher_unit=UnwrappedFetcher),
    "wrong_memory": MistakenArray,
    "no_shift": UnshiftedArray,
}


class HastyGuard(Guard):
    """Minds no damaged word once the program has ended."""

    def minds_damage(self) -> Value:
        return self.running | self.paused


class PatientGuard(Guard):
    """Waits one cycle too long."""

    def __init__(self, config: HardwareConfig, memories: int) -> None:
        super().__init__(dataclasses.replace(config, watchdog_cycles=config.watchdog_cycles + 1), memories)
