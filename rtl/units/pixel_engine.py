"""Pixels: the sampler's step in place, and the patches that the initial convolution reads."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.descriptors import Opcode, PixelOperation
from golden.spec.hardware import HardwareConfig, address_bits
from rtl.control.engine import descriptor_layout, engine_members
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY, ReadPort, WritePort
from rtl.units.noise import NoiseGenerator
from rtl.units.patch import PatchPacker
from rtl.units.pixel_walk import PIXEL_ADDRESS_BITS, PixelWalk
from rtl.units.residual_walk import ResidualWalk
from rtl.units.sampler_step import COEFFICIENTS, SamplerStep

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
    ``seed_load`` sets the noise generator, while the engine is idle.
    """

    packer_type = PatchPacker
    noise_type = NoiseGenerator

    STEP_CYCLES = ISSUE_DELAY - 1 + STEP_STAGES
    PATCH_CYCLES = ISSUE_DELAY - 1 + PATCH_STAGES

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        residual_bits = config.width * numbers.WIDE_BITS
        super().__init__({
            **engine_members(Opcode.PIXEL),
            "pixel_read": Out(ReadPort(config.pixel_words, numbers.WIDE_BITS)),
            "pixel_write": Out(WritePort(config.pixel_words, numbers.WIDE_BITS)),
            "residual_0": Out(ReadPort(config.residual_words // 2, residual_bits)),
            "residual_1": Out(ReadPort(config.residual_words // 2, residual_bits)),
            "step": Out(ReadPort(config.step_words, 128)),
            "coordinate": Out(ReadPort(config.coordinate_words, 32)),
            "normalised": Out(WritePort(config.normalised_words, config.word_bits)),
            "seed_load": In(1),
            "seed": In(128),
        })
        self.control_layout = data.StructLayout({
            "second": 1,               # of the two cycles of a pixel in STEP
            "inside": 1,
            "bank": 1,
            "slot": address_bits(config.width),
            "coordinate": 1,           # the element is a coordinate
            "pair": 2,                 # which of a grid line's pairs
            "zero": 1,
            "word_end": 1,
            "token_end": 1,
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walk = walk = PixelWalk(self.config)
        m.submodules.rows = rows = ResidualWalk(self.config)
        m.submodules.noise = noise = self.noise_type(self.config)
        descriptor = Signal(descriptor_layout(Opcode.PIXEL), reset_less=True)
        patch = Signal()
        begin = Signal()               # the cycle after acceptance
        issuing = Signal()
        second = Signal()
        done = Signal()
        self.accept_descriptors(m, descriptor, begin, done)
        m.d.comb += patch.eq(descriptor.operation == PixelOperation.PATCH)

        # Stage 0: the walks stand on an element.
        step = Signal()
        ending = Signal()
        m.d.comb += [
            step.eq(issuing & (patch | second)),
            ending.eq(step & walk.last),
            walk.start.eq(begin),
            walk.step.eq(step),
            rows.start.eq(begin),
            rows.step.eq(step & walk.token_end),
            rows.stride.eq(descriptor.token_stride),
            walk.shape.patch.eq(patch),
            *(walk.shape[name].eq(descriptor[name]) for name in ("grid", "stride", "channels", "coordinates")),
            noise.load.eq(self.seed_load),
            noise.state.eq(self.seed),
            noise.enable.eq(issuing & ~patch & descriptor.draw_noise),
        ]
        with m.If(begin):
            m.d.sync += issuing.eq(1)
            m.d.sync += second.eq(0)
        with m.Elif(ending):
            m.d.sync += issuing.eq(0)
        with m.Else():
            m.d.sync += second.eq(issuing & ~second)
        current = Signal(self.control_layout)
        is_zero_tail = Signal()
        m.d.comb += [
            is_zero_tail.eq(walk.tail_index == descriptor.coordinates),
            current.second.eq(second),
            current.inside.eq(walk.inside),
            current.bank.eq(rows.bank),
            current.slot.eq(walk.slot),
            current.coordinate.eq(walk.tail & ~is_zero_tail),
            current.pair.eq(walk.tail_index >> 1),
            current.zero.eq(Mux(walk.tail, is_zero_tail, ~walk.inside)),
            current.word_end.eq(walk.word_end),
            current.token_end.eq(walk.token_end),
        ]

        # Stages 1 to 8: what travels beside the data.
        valid = [issuing, *(Signal(name=f"valid_{i}") for i in range(1, STEP_STAGES + 1))]
        last = [ending, *(Signal(name=f"last_{i}") for i in range(1, STEP_STAGES + 1))]
        control = [current, *(Signal(self.control_layout, name=f"control_{i}", reset_less=True)
                              for i in range(1, STEP_STAGES + 1))]
        address = [bounded(walk.address, self.pixel_read.address),
                   *(Signal(len(self.pixel_read.address), name=f"address_{i}", reset_less=True)
                     for i in range(1, STEP_STAGES + 1))]
        for line in (valid, last, control, address):
            for before, after in zip(line, line[1:], strict=False):
                m.d.sync += after.eq(before)

        # Stage 1: reads.
        residual_row = Signal(PIXEL_ADDRESS_BITS, reset_less=True)
        line = Signal(8, reset_less=True)
        base = Mux(second, descriptor.unguided_base, descriptor.guided_base)
        m.d.sync += residual_row.eq(rows.row + walk.word + base)
        m.d.sync += line.eq(Mux(walk.tail_index[0], walk.column, walk.line))
        m.d.comb += [
            self.pixel_read.enable.eq(valid[1] & Mux(patch, control[1].inside, ~control[1].second)),
            self.pixel_read.address.eq(address[1]),
            self.coordinate.enable.eq(valid[1] & patch & control[1].coordinate),
            self.coordinate.address.eq(bounded(line, self.coordinate.address)),
        ]
        for bank, port in enumerate((self.residual_0, self.residual_1)):
            m.d.comb += port.enable.eq(valid[1] & ~patch & (control[1].bank == bank))
            m.d.comb += port.address.eq(bounded(residual_row, port.address))

        self.sampler_step(m, descriptor, begin, noise, valid, control, address)
        self.patches(m, descriptor, begin, patch, valid, control)
        m.d.comb += done.eq(Mux(patch, last[PATCH_STAGES], last[STEP_STAGES]))
        m.d.comb += self.pixel_write.enable.eq(valid[STEP_STAGES] & control[STEP_STAGES].second & ~patch)
        return m

    def accept_descriptors(self, m: Module, descriptor: data.View, begin: Signal, done: Signal) -> None:
        """Handshake with the sequencer."""
        incoming = self.descriptor.payload
        needs = Signal.like(self.take)
        accept = Signal()
        m.d.comb += [
            needs.eq(incoming.wait_first | incoming.wait_each),
            accept.eq(self.descriptor.valid & self.idle & ~(needs & ~self.available).any()),
            self.descriptor.ready.eq(accept),
            self.take.eq(Mux(accept, needs, 0)),
            self.give.eq(Mux(done, descriptor.signal_each | descriptor.signal_last, 0)),
            self.idle.eq(~self.busy),
        ]
        m.d.sync += begin.eq(accept)
        with m.If(accept):
            m.d.sync += descriptor.eq(incoming)
            m.d.sync += self.busy.eq(1)
        with m.Elif(done):
            m.d.sync += self.busy.eq(0)

    def sampler_step(self, m: Module, descriptor: data.View, begin: Signal, noise: NoiseGenerator, valid: list,
                     control: list, address: list) -> None:
        """STEP: from the data's arrival to the write."""
        m.submodules.sampler = sampler = SamplerStep()
        arriving = control[DATA_STAGE]
        coefficients = Signal(sampler.coefficients.shape(), reset_less=True)
        loading = [begin, *(Signal(name=f"loading_{i}") for i in range(1, READ_LATENCY + 1))]
        for before, after in zip(loading, loading[1:], strict=False):
            m.d.sync += after.eq(before)
        with m.If(loading[READ_LATENCY]):
            m.d.sync += [coefficients[name].eq(self.step.data.word_select(i, 32))
                         for i, name in enumerate(COEFFICIENTS)]
        word = Mux(arriving.bank, self.residual_1.data, self.residual_0.data)
        channel = word.word_select(arriving.slot, numbers.WIDE_BITS).as_signed()
        drawn = Mux(descriptor.draw_noise, noise.value, 0)
        m.d.comb += [
            self.step.enable.eq(begin & (descriptor.operation == PixelOperation.STEP)),
            self.step.address.eq(bounded(descriptor.step, self.step.address)),
            sampler.coefficients.eq(coefficients),
            sampler.second.eq(arriving.second),
            sampler.left.eq(Mux(arriving.second, drawn, self.pixel_read.data.as_signed())),
            sampler.right.eq(channel),
            self.pixel_write.address.eq(address[STEP_STAGES]),
            self.pixel_write.data.eq(sampler.value),
        ]

    def patches(self, m: Module, descriptor: data.View, begin: Signal, patch: Signal, valid: list,
                control: list) -> None:
        """PATCH: from the data's arrival to the writes."""
        m.submodules.packer = packer = self.packer_type(self.config)
        arriving = control[DATA_STAGE]
        m.d.comb += [
            packer.start.eq(begin),
            packer.base.eq(descriptor.destination_base),
            packer.words.eq(descriptor.words),
            packer.valid.eq(valid[DATA_STAGE] & patch),
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
