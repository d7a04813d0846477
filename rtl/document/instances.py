"""How a component is made that takes something else than a configuration."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.hdl import unsigned
from amaranth.lib import wiring

from golden.spec.descriptors import Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.link import bit_cycles
from rtl.array.dense_grid import DenseGrid
from rtl.array.dense_lane import DenseLane, nibble_shape
from rtl.array.dense_pair import DenseMultiply
from rtl.array.multiplier import DSP_BITS, Multiplier
from rtl.array.packed import PackedMultiplier
from rtl.bench.catalogue_array import BENCH_MEMORIES
from rtl.bus.added_register import AddedRegister
from rtl.bus.arbiter import RequestArbiter
from rtl.bus.axi import STREAM_PIXELS, AxiBridge
from rtl.bus.axi_lite import AxiLite
from rtl.bus.axi_stream import LoadStream, PixelStream
from rtl.bus.wishbone import WishboneBridge
from rtl.control.counters import Counters
from rtl.control.engine import descriptor_layout
from rtl.control.guard import Guard
from rtl.control.queue import DescriptorQueue
from rtl.control.register_file import RegisterFile
from rtl.control.semaphores import Semaphores
from rtl.link.access import RegisterAccess
from rtl.link.decoder import FrameDecoder
from rtl.link.encoder import FrameEncoder
from rtl.link.frames import FrameLink
from rtl.link.link import SerialLink
from rtl.link.uart import UartReceiver, UartTransmitter
from rtl.memory.burst_queue import BurstQueue
from rtl.memory.checked_ram import CheckedRam, VerifiedRam
from rtl.memory.line_ram import LineRam
from rtl.memory.part_ram import PARTS, PartRam
from rtl.memory.ram import Ram
from rtl.memory.step_ram import StepRam
from rtl.memory.twin_ram import TwinRam
from rtl.memory.word_check import WordCheck
from rtl.top import Top
from rtl.units.gather import Gather
from rtl.units.iterations import Iterations
from rtl.units.modulate import INT8_BITS
from rtl.units.norm_control import NormReplay
from rtl.units.norm_engine import COUNT_BITS, longest_words
from rtl.units.reciprocal import Reciprocal
from rtl.units.reciprocal_square_root import ReciprocalSquareRoot
from rtl.units.sampler_step import SamplerStep
from rtl.units.square_sum import SquareSum
from rtl.units.update_sum import UpdateSum

Maker = Callable[[HardwareConfig], wiring.Component]
CLOCK_HZ, BAUD = 4_000_000, 1_000_000
BIT_CYCLES = bit_cycles(CLOCK_HZ, BAUD)
"""The fewest cycles of a bit, so that a diagram holds a byte."""
ONE_LINE = f"one with {BIT_CYCLES} cycles a bit"
AXI_CLIENTS = 4
COUNTED = (1, 3, 7)
"""Bits of the increments of three counters, as of a flag, lanes and multiply-accumulates."""


def _square_sum(config: HardwareConfig) -> SquareSum:
    return SquareSum(config, longest_words(config))


LINK: dict[type, tuple[Maker, str]] = {
    UartReceiver: (lambda config: UartReceiver(BIT_CYCLES), ONE_LINE),
    UartTransmitter: (lambda config: UartTransmitter(BIT_CYCLES), ONE_LINE),
    FrameDecoder: (lambda config: FrameDecoder(BIT_CYCLES), ONE_LINE),
    FrameEncoder: (lambda config: FrameEncoder(), ""),
    RegisterAccess: (lambda config: RegisterAccess(CLOCK_HZ, BAUD), ""),
    FrameLink: (lambda config: FrameLink(CLOCK_HZ, BAUD, BIT_CYCLES), ONE_LINE),
    SerialLink: (lambda config: SerialLink(CLOCK_HZ, BAUD), ONE_LINE),
    Top: (lambda config: Top(config, clock_hz=CLOCK_HZ, baud=BAUD), ""),
}
BUSES: dict[type, tuple[Maker, str]] = {
    RequestArbiter: (lambda config: RequestArbiter(AXI_CLIENTS), "the AXI bridge's"),
    AddedRegister: (lambda config: AddedRegister(STREAM_PIXELS), "STREAM_PIXELS"),
    AxiLite: (lambda config: AxiLite(), ""),
    LoadStream: (lambda config: LoadStream(), ""),
    PixelStream: (lambda config: PixelStream(), ""),
    AxiBridge: (lambda config: AxiBridge(), ""),
    WishboneBridge: (lambda config: WishboneBridge(), ""),
}
INSTANCES: dict[type, tuple[Maker, str]] = {
    **LINK, **BUSES,
    Ram: (lambda config: Ram(*config.memory_shapes["key_value"]), "the keys' and values'"),
    VerifiedRam: (lambda config: VerifiedRam(*config.memory_shapes["tile"]), "a lane's copy of the weight tiles"),
    CheckedRam: (lambda config: CheckedRam(*config.memory_shapes["weight"]), "the weight store's"),
    WordCheck: (lambda config: WordCheck(config.word_bits), "a weight row's"),
    TwinRam: (lambda config: TwinRam(*config.memory_shapes["residual"]), "the residual stream's"),
    LineRam: (lambda config: LineRam(*config.memory_shapes["normalised"], config.line_words),
              "the normalised memory's"),
    PartRam: (lambda config: PartRam(*config.memory_shapes["modulation"]), "the modulation memory's"),
    StepRam: (lambda config: StepRam(config.memory_shapes["step"][0]), ""),
    BurstQueue: (lambda config: BurstQueue(4, unsigned(8)), "four items of eight bits"),
    DescriptorQueue: (lambda config: DescriptorQueue(descriptor_layout(Opcode.NORM)), "the norm's"),
    Counters: (lambda config: Counters(COUNTED), f"{len(COUNTED)} counters"),
    RegisterFile: (lambda config: RegisterFile(), ""),
    Semaphores: (lambda config: Semaphores(), ""),
    Guard: (lambda config: Guard(config, BENCH_MEMORIES), "the bench's"),
    Multiplier: (lambda config: Multiplier(DSP_BITS, DSP_BITS), "the widest"),
    PackedMultiplier: (lambda config: PackedMultiplier(), ""),
    DenseLane: (lambda config: DenseLane(nibble_shape(config)), "4-bit operands"),
    DenseGrid: (lambda config: DenseGrid(nibble_shape(config), ["dsp"] * (config.lanes // 2)), "4-bit operands"),
    DenseMultiply: (lambda config: DenseMultiply(config, "dsp", "generic"), ""),
    Iterations: (lambda config: Iterations(COUNT_BITS), "the norm's"),
    NormReplay: (lambda config: NormReplay(config.norm_parts), ""),
    Gather: (lambda config: Gather(config.width // PARTS * INT8_BITS), "the norm's where `norm_parts` is 2"),
    SquareSum: (_square_sum, "the norm's"),
    ReciprocalSquareRoot: (lambda config: ReciprocalSquareRoot(len(_square_sum(config).total)), "the norm's"),
    Reciprocal: (lambda config: Reciprocal(12), "totals of 12 bits"),
    SamplerStep: (lambda config: SamplerStep(), ""),
    UpdateSum: (lambda config: UpdateSum(), ""),
}
"""Components that are made of something else than a configuration: how, and which of them the ports are given of."""
