"""Planted bugs of the detector; none of this is part of the product."""

from __future__ import annotations

from amaranth.hdl import Const, Value

from rtl.array.decider import Decider
from rtl.array.detector import Detector
from rtl.array.sample_counters import SampleCounters
from rtl.memory.burst_queue import BurstQueue


class WrappingCounters(SampleCounters):
    """Counts on where the counters are full."""

    def may_count(self, samples: Value) -> Value:
        return Const(1)


class WrappingDetector(Detector):
    counters_unit = WrappingCounters


class StickyCounters(SampleCounters):
    """Does not clear the counters of an entry that is decided."""

    def clears(self, copying: Value) -> Value:
        return Const(0)


class StickyDetector(Detector):
    counters_unit = StickyCounters


class RememberingCounters(SampleCounters):
    """Goes on with the counters from before a restart."""

    def is_begun(self, begun: Value, row: Value) -> Value:
        return Const(1)


class RememberingDetector(Detector):
    counters_unit = RememberingCounters


class StrictDecider(Decider):
    """Does not take a channel with which both lanes need the same cycles."""

    def is_paid(self, price: Value) -> Value:
        return self.budget > price


class StrictDetector(Detector):
    decider_unit = StrictDecider


class GreedyDecider(Decider):
    """Makes all channels one below the threshold dense, whatever that costs."""

    def is_paid(self, price: Value) -> Value:
        return Const(1)


class GreedyDetector(Detector):
    decider_unit = GreedyDecider


class HastyDecider(Decider):
    """Takes the copy before the samples that wait are counted."""

    def counted_earlier(self) -> Value:
        return Const(1)


class HastyDetector(Detector):
    decider_unit = HastyDecider


class LongDecider(Decider):
    """Decides an entry more than it should."""

    def is_final(self, done: Value) -> Value:
        return done >= self.front.count


class LongDetector(Detector):
    decider_unit = LongDecider


class CrowdedQueue(BurstQueue):
    """Takes an item more than it holds."""

    def has_room(self, level: Value) -> Value:
        return Const(1)


class CrowdedDetector(Detector):
    queue_unit = CrowdedQueue
