"""Planted bugs of the memories that the array writes and reads, and of its write-back."""

from __future__ import annotations

from amaranth.hdl import Cat, Value

from rtl.array.write_back import WriteBack
from rtl.memory.checked_ram import CheckedRam, VerifiedRam
from rtl.memory.line_ram import LineRam
from rtl.memory.part_ram import PartRam
from rtl.memory.step_ram import StepRam
from rtl.memory.transposer import Transposer
from rtl.memory.twin_ram import TwinRam
from rtl.memory.word_check import WordCheck


class EarlyTransposer(Transposer):
    """Takes a tile for complete one vector too early."""

    def completes(self, arrived: Value) -> Value:
        return arrived == self.config.width - 2


class ImpatientTransposer(Transposer):
    """A tile that is completed while the other leaves goes next to its own base."""

    def following(self, completed: Value, base: Value) -> Value:
        return base


class StrictLineRam(LineRam):
    """Takes a write for a collision even where the reader does not use the word."""

    def used(self, number: int) -> int:
        return 1


class LoneRam(TwinRam):
    """Tells the collisions of its first reader only."""

    def either(self, collisions: list[Value]) -> Value:
        return collisions[0]


class SmearingRam(PartRam):
    """Writes a word's upper part over its lower one."""

    def part(self, address: Value) -> Value:
        return Cat(0, address)


class TurnedStepRam(StepRam):
    """Has the slots in the wrong order."""

    def word(self, slots: list[Value]) -> Value:
        return Cat(slots[1:], slots[0])


class BlindCheck(WordCheck):
    """Does not look at the last check bit."""

    @staticmethod
    def seen(differing: Value) -> Value:
        return differing[:-1]


class BlindRam(VerifiedRam):
    """Has such a check."""

    check_unit = BlindCheck


class MistakenCheck(WordCheck):
    """Makes each check bit of one bit too few."""

    @staticmethod
    def parities(word: Value) -> Value:
        return WordCheck.parities(Cat(word[:-1], 0))


class MistakenStore(VerifiedRam):
    """Has such a check."""

    check_unit = MistakenCheck


class MistakenRam(CheckedRam):
    """Verifies its words by another rule than it makes their check bits by."""

    store_unit = MistakenStore


class TokenWriteBack(WriteBack):
    """Takes a row's multiplier whatever the row's slot."""

    def row_of(self, slot: Value, token: Value) -> Value:
        return token
