"""Planted bugs: what a bench of these units must find."""

from __future__ import annotations

from amaranth.hdl import Const, Signal, Value

from golden.spec import numbers
from rtl.control.counters import Counters
from rtl.control.registers import HostRegisters
from rtl.memory.image_loader import ImageLoader
from rtl.units.noise import WORD_BITS, NoiseGenerator
from rtl.units.patch import PatchPacker
from rtl.units.pixel_engine import PixelEngine
from rtl.units.update_sum import UpdateSum


class WrongRotation(NoiseGenerator):
    """The last rotation is by 10 instead of 11."""

    def next_state(self, s0: Signal, s1: Signal, s2: Signal, s3: Signal) -> tuple:
        a, b, _, _ = super().next_state(s0, s1, s2, s3)
        return a, b, s2 ^ s0 ^ (s1 << 9)[:WORD_BITS], (s3 ^ s1).rotate_left(10)


class WrappingPacker(PatchPacker):
    """Quantised pixels wrap instead of saturating."""

    def quantised(self, pixel: Signal) -> Signal:
        return ((pixel + (1 << (numbers.INPUT_SHIFT - 1))) >> numbers.INPUT_SHIFT)[:8].as_signed()


class WrappingEngine(PixelEngine):
    """PATCH without saturation."""

    packer_type = WrappingPacker


class WrongNoiseEngine(PixelEngine):
    """STEP with another generator."""

    noise_type = WrongRotation


class ForesightEngine(PixelEngine):
    """The history is of the clean image that was computed last, not of the one before the step."""

    def past_clean(self) -> Value:
        return self.sampler.clean_value


class StickyUpdateEngine(PixelEngine):
    """The update goes on from step to step."""

    def clears_update(self) -> Value:
        return Const(0)


class EagerSum(UpdateSum):
    """Settled at the limit, too."""

    def is_below(self, total: Value, limit: Value) -> Value:
        return total <= limit


class EagerEngine(PixelEngine):
    """STEP with that."""

    update_type = EagerSum


class StrayLatentRegisters(HostRegisters):
    """The latent is read where the clean image should be."""

    def is_latent(self) -> Value:
        return Const(1)


class UnboundedLoader(ImageLoader):
    """Takes sections that do not fit their memory."""

    def section_fits(self, start: Signal, count: Signal, depth: Signal) -> int:
        return 1


class NarrowCounters(Counters):
    """Have room for half the events between two take-overs."""

    @property
    def longest_wait(self) -> int:
        return len(self.bits) // 2


class NarrowCounterRegisters(HostRegisters):
    counters_unit = NarrowCounters


class StuckAddressRegisters(HostRegisters):
    """The pixel address stays after a read."""

    PIXEL_INCREMENT = 0
