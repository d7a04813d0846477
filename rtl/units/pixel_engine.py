"""Pixels: the sampler's step in place, and the patches that the initial convolution reads."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import Opcode, PixelOperation
from golden.spec.hardware import HardwareConfig, address_bits
from golden.spec.step import COEFFICIENTS, STEP_FIELDS, STEP_SLOT_BITS, STEP_WORD_BITS, UPDATE_BITS
from rtl.control.engine import descriptor_layout, engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.units.noise import NoiseGenerator
from rtl.units.patch import PatchPacker
from rtl.units.pipeline import chain
from rtl.units.pixel_walk import PIXEL_ADDRESS_BITS, PixelWalk
from rtl.units.sampler_step import COEFFICIENT_LAYOUT, SamplerStep
from rtl.units.update_sum import UpdateSum

ISSUE_DELAY = 2
"""Cycles from acceptance to the first element: the descriptor's register and the walks' start."""
DATA_STAGE = 1 + READ_LATENCY
STEP_STAGES = DATA_STAGE + SamplerStep.LATENCY
PATCH_STAGES = DATA_STAGE + PatchPacker.LATENCY


class PixelEngine(wiring.Component):
    """Runs PIXEL descriptors, one at a time.

    From the cycle of acceptance to that of the ``give`` pulse, with terms = 9 channels + coordinates:
    STEP takes STEP_CYCLES + 2 grid^2 stride^2 channels, PATCH takes PATCH_CYCLES + grid^2 (terms + terms mod 2).
    The last write happens in the cycle of the pulse; the next descriptor is accepted in the cycle after it at the
    earliest. ``grid``, ``stride`` and ``channels`` must be at least 1, and ``words`` the ceiling of terms / width.
    ``seed_load`` sets the noise generator, while the engine is idle. ``update`` is the change of the clean image in the
    last STEP, and ``settled`` says that it is below that step's limit; both hold from the second cycle after the pulse
    to the next descriptor.
    """

    packer_type = PatchPacker
    noise_type = NoiseGenerator
    update_type = UpdateSum

    STEP_CYCLES = ISSUE_DELAY - 1 + STEP_STAGES
    PATCH_CYCLES = ISSUE_DELAY - 1 + PATCH_STAGES

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            **engine_members(Opcode.PIXEL),
            "pixel_read": Out(ReadPort(config.pixel_words, numbers.WIDE_BITS)),
            "pixel_write": Out(WritePort(config.pixel_words, numbers.WIDE_BITS)),
            "clean_read": Out(ReadPort(config.pixel_words, numbers.WIDE_BITS)),
            "clean_write": Out(WritePort(config.pixel_words, numbers.WIDE_BITS)),
            "residual": Out(ReadPort(config.residual_words, config.width * numbers.WIDE_BITS)),
            "step": Out(ReadPort(config.step_words, STEP_WORD_BITS)),
            "coordinate": Out(ReadPort(config.coordinate_words, 32)),
            "normalised": Out(WritePort(config.normalised_words, config.word_bits)),
            "seed_load": In(1),
            "seed": In(128),
            "update": Out(UPDATE_BITS),
            "settled": Out(1),
        })
        self.control_layout = data.StructLayout({
            "second": 1,               # of the two cycles of a pixel in STEP
            "inside": 1,
            "slot": address_bits(config.width),
            "coordinate": 1,           # the element is a coordinate
            "pair": 2,                 # which of a grid line's pairs
            "zero": 1,
            "word_end": 1,
            "token_end": 1,
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walk = self.walk = PixelWalk(self.config)
        m.submodules.noise = self.noise = self.noise_type(self.config)
        self.held = Signal(descriptor_layout(Opcode.PIXEL), reset_less=True)
        self.patch = Signal()          # the operation is PATCH
        self.begin = Signal()          # the cycle after acceptance
        self.done = Signal()
        self.issuing = Signal()
        self.second = Signal()         # of the two cycles of a pixel in STEP
        self.ending = Signal()
        self.token_row = Signal(PIXEL_ADDRESS_BITS, reset_less=True)  # the token's residual row, from the first token's
        m.d.comb += self.patch.eq(self.held.operation == PixelOperation.PATCH)
        self.handshake(m)
        self.walk_elements(m)
        self.draw_noise(m)
        self.send_control(m)
        self.read_elements(m)
        self.read_residual(m)
        self.step_pixels(m)
        self.pack_patches(m)
        return m

    def handshake(self, m: Module) -> None:
        """Descriptors and semaphores, one descriptor at a time."""
        incoming = self.descriptor.payload
        needs = Signal.like(self.take)
        accept = Signal()
        m.d.comb += [
            needs.eq(incoming.wait_first | incoming.wait_each),
            accept.eq(self.descriptor.valid & self.idle & ~(needs & ~self.available).any()),
            self.descriptor.ready.eq(accept),
            self.take.eq(Mux(accept, needs, 0)),
            self.give.eq(Mux(self.done, self.held.signal_each | self.held.signal_last, 0)),
            self.idle.eq(~self.busy),
        ]
        m.d.sync += self.begin.eq(accept)
        with m.If(accept):
            m.d.sync += self.held.eq(incoming)
            m.d.sync += self.busy.eq(1)
        with m.Elif(self.done):
            m.d.sync += self.busy.eq(0)

    def walk_elements(self, m: Module) -> None:
        """Stage 0: the walks stand on an element, two cycles on each in STEP."""
        walk, held = self.walk, self.held
        going_on = Signal()
        m.d.comb += [
            going_on.eq(self.issuing & (self.patch | self.second)),
            self.ending.eq(going_on & walk.last),
            walk.start.eq(self.begin),
            walk.step.eq(going_on),
            walk.shape.patch.eq(self.patch),
        ]
        m.d.comb += [walk.shape[name].eq(held[name]) for name in ("grid", "stride", "channels", "coordinates")]
        with m.If(going_on & walk.token_end):
            m.d.sync += self.token_row.eq(self.token_row + held.token_stride)
        with m.If(self.begin):
            m.d.sync += [self.issuing.eq(1), self.second.eq(0), self.token_row.eq(0)]
        with m.Elif(self.ending):
            m.d.sync += self.issuing.eq(0)
        with m.Else():
            m.d.sync += self.second.eq(self.issuing & ~self.second)

    def draw_noise(self, m: Module) -> None:
        """Stage 0: a draw for every cycle of a STEP that wants noise."""
        m.d.comb += [
            self.noise.load.eq(self.seed_load),
            self.noise.state.eq(self.seed),
            self.noise.enable.eq(self.issuing & ~self.patch & self.held.draw_noise),
        ]

    def current_control(self, m: Module) -> data.View:
        """Stage 0: what the later stages must know of the element."""
        walk = self.walk
        current = Signal(self.control_layout)
        is_zero_tail = Signal()
        m.d.comb += [
            is_zero_tail.eq(walk.tail_index == self.held.coordinates),
            current.second.eq(self.second),
            current.inside.eq(walk.inside),
            current.slot.eq(walk.slot),
            current.coordinate.eq(walk.tail & ~is_zero_tail),
            current.pair.eq(walk.tail_index >> 1),
            current.zero.eq(Mux(walk.tail, is_zero_tail, ~walk.inside)),
            current.word_end.eq(walk.word_end),
            current.token_end.eq(walk.token_end),
        ]
        return current

    def send_control(self, m: Module) -> None:
        """Stages 1 to STEP_STAGES: what travels beside the data, index i in stage i."""
        address = bounded(self.walk.address, self.pixel_read.address)
        control = chain(m, self.current_control(m), STEP_STAGES, "control", reset_less=True)
        self.valid = chain(m, self.issuing, STEP_STAGES, "valid")
        self.last = chain(m, self.ending, STEP_STAGES, "last")
        self.control = [data.View(self.control_layout, copy) for copy in control]
        self.address = chain(m, address, STEP_STAGES, "address", reset_less=True)
        m.d.comb += self.done.eq(Mux(self.patch, self.last[PATCH_STAGES], self.last[STEP_STAGES]))

    def read_elements(self, m: Module) -> None:
        """Stage 1: reads of pixels, and of coordinates: the token's row and column in turn."""
        walk, control = self.walk, self.control[1]
        line = Signal(8, reset_less=True)
        m.d.sync += line.eq(Mux(walk.tail_index[0], walk.column, walk.line))
        m.d.comb += [
            self.pixel_read.enable.eq(self.valid[1] & Mux(self.patch, control.inside, ~control.second)),
            self.pixel_read.address.eq(self.address[1]),
            self.clean_read.enable.eq(self.valid[1] & ~self.patch & ~control.second),
            self.clean_read.address.eq(self.address[1]),
            self.coordinate.enable.eq(self.valid[1] & self.patch & control.coordinate),
            self.coordinate.address.eq(bounded(line, self.coordinate.address)),
        ]

    def read_residual(self, m: Module) -> None:
        """Stage 1: reads of the model's output, guided in the first cycle of a pixel and unguided in the second."""
        residual_row = Signal(PIXEL_ADDRESS_BITS, reset_less=True)
        base = Mux(self.second, self.held.unguided_base, self.held.guided_base)
        m.d.sync += residual_row.eq(self.token_row + self.walk.word + base)
        m.d.comb += [
            self.residual.enable.eq(self.valid[1] & ~self.patch),
            self.residual.address.eq(bounded(residual_row, self.residual.address)),
        ]

    def step_pixels(self, m: Module) -> None:
        """STEP: from the data's arrival to the writes."""
        m.submodules.sampler = self.sampler = sampler = SamplerStep()
        arriving = self.control[DATA_STAGE]
        channel = self.residual.data.word_select(arriving.slot, numbers.WIDE_BITS).as_signed()
        drawn = Mux(self.held.draw_noise, self.noise.value, 0)
        writing = Signal()
        m.d.comb += [
            sampler.coefficients.eq(self.read_coefficients(m)),
            sampler.second.eq(arriving.second),
            sampler.left.eq(Mux(arriving.second, drawn, self.pixel_read.data.as_signed())),
            sampler.right.eq(channel),
            sampler.clean.eq(self.past_clean()),
            writing.eq(self.valid[STEP_STAGES] & self.control[STEP_STAGES].second & ~self.patch),
        ]
        for write, value in ((self.pixel_write, sampler.value), (self.clean_write, sampler.clean_value)):
            m.d.comb += [write.enable.eq(writing), write.address.eq(self.address[STEP_STAGES]), write.data.eq(value)]
        self.sum_update(m, writing)

    def past_clean(self) -> Value:
        """The pixel of the clean image as it was before the step, in the first of its two cycles."""
        return self.clean_read.data.as_signed()

    def sum_update(self, m: Module, writing: Value) -> None:
        """The change of the clean image: what arrived in a pixel's first cycle waits for what is written."""
        m.submodules.change = change = self.update_type()
        waiting = chain(m, self.clean_read.data, STEP_STAGES - DATA_STAGE + 1, "past_clean", reset_less=True)
        m.d.comb += [
            change.start.eq(self.clears_update()),
            change.valid.eq(writing),
            change.before.eq(waiting[-1].as_signed()),
            change.after.eq(self.sampler.clean_value),
            change.limit.eq(self.stop_below),
            self.update.eq(change.total),
            self.settled.eq(change.settled),
        ]

    def clears_update(self) -> Value:
        """A STEP begins."""
        return self.begin & ~self.patch

    def read_coefficients(self, m: Module) -> data.View:
        """The word of a STEP's step, read in the cycle after acceptance and held; returns its coefficients."""
        coefficients = Signal(COEFFICIENT_LAYOUT, reset_less=True)
        self.stop_below = Signal(UPDATE_BITS)
        loading = chain(m, self.begin & ~self.patch, READ_LATENCY, "loading")
        slots = {field.name: self.step.data.word_select(place, STEP_SLOT_BITS)[:field.bits]
                 for place, field in enumerate(STEP_FIELDS)}
        m.d.comb += [
            self.step.enable.eq(self.begin & (self.held.operation == PixelOperation.STEP)),
            self.step.address.eq(bounded(self.held.step, self.step.address)),
        ]
        with m.If(loading[READ_LATENCY]):
            m.d.sync += [coefficients[name].eq(slots[name]) for name in COEFFICIENTS]
            m.d.sync += self.stop_below.eq(slots["stop_below"])
        return coefficients

    def pack_patches(self, m: Module) -> None:
        """PATCH: from the data's arrival to the writes."""
        m.submodules.packer = packer = self.packer_type(self.config)
        arriving = self.control[DATA_STAGE]
        m.d.comb += [
            packer.start.eq(self.begin),
            packer.base.eq(self.held.destination_base),
            packer.words.eq(self.held.words),
            packer.valid.eq(self.valid[DATA_STAGE] & self.patch),
            packer.pixel.eq(self.pixel_read.data),
            packer.coordinate.eq(self.coordinate.data.word_select(arriving.pair, 8)),
            packer.is_coordinate.eq(arriving.coordinate),
            packer.is_zero.eq(arriving.zero),
            packer.slot.eq(arriving.slot),
            packer.word_end.eq(arriving.word_end),
            packer.token_end.eq(arriving.token_end),
            self.normalised.enable.eq(packer.normalised.enable),
            self.normalised.address.eq(packer.normalised.address),
            self.normalised.data.eq(packer.normalised.data),
        ]
