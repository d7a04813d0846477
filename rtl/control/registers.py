"""The register file: the host's side of the core."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.descriptors import ENGINES
from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.registers import (
    ADDRESS_BITS,
    ADDRESSES,
    COUNTER_BITS,
    COUNTERS,
    DATA_BITS,
    IDENTITY,
    LANE_WAITS,
    STALL_CAUSES,
    Control,
    ErrorCode,
    Option,
    Status,
)
from rtl.control.counters import Counters
from rtl.memory.ports import READ_LATENCY, ReadPort

LANES_BITS = 7
"""Bits of a number of lanes, of which there are at most 64."""
MACS_BITS = 16
"""Bits of a cycle's multiply-accumulates: at most 8 words of 64 channels for 64 outputs."""
SEED_BITS = 128
FIRST_COUNTER = ADDRESSES[f"{next(iter(COUNTERS))}_LOW"]
"""Address of the first half of the first counter; the others follow it, their low halves first."""
REQUEST_LAYOUT = data.StructLayout({"write": 1, "address": ADDRESS_BITS, "data": DATA_BITS})


class HostRegisters(wiring.Component):
    """Registers of ``golden.spec.registers`` behind a request and a response stream; one request at a time.

    A write takes WRITE_CYCLES cycles from request to request, more where the loader is not ready, and has no response;
    a read answers READ_CYCLES cycles after its request. Reads of addresses without a register give 0, writes there do
    nothing.

    ``start``, ``resume`` and ``clear`` are pulses; ``loader_clear`` comes with ``clear`` and ``start``. A start while
    running, without image or with a zero seed is refused with an error and gives no pulse. The first error is kept
    until ``clear`` or the next start that is not refused as BUSY. ``running`` includes paused time and the end, while
    words are still checked; cycles count in every cycle with ``counting``. ``clean`` and ``pixel`` (the latent) are
    read only when done or paused, and never after an error: a picture that is not finished, or wrong, can't be read.
    """

    WRITE_CYCLES = 2
    READ_CYCLES = 4
    PIXEL_INCREMENT = 1
    counters_unit = Counters

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "request": In(stream.Signature(REQUEST_LAYOUT)),
            "response": Out(stream.Signature(DATA_BITS)),
            "status": Out(len(Status)),
            "load_words": Out(stream.Signature(DATA_BITS)),
            "clean": Out(ReadPort(config.pixel_words, 16)),
            "pixel": Out(ReadPort(config.pixel_words, 16)),
            "start": Out(1),
            "resume": Out(1),
            "clear": Out(1),
            "loader_clear": Out(1),
            "pause": Out(1),
            "seed": Out(SEED_BITS),
            "running": In(1),
            "paused": In(1),
            "counting": In(1),            # cycles count
            "done": In(1),
            "program_loaded": In(1),
            "conditioning_loaded": In(1),
            "loading": In(1),
            "error": In(1),               # pulse
            "error_code": In(ErrorCode),
            "error_detail": In(DATA_BITS),
            "step": In(DATA_BITS),
            "update": In(DATA_BITS),
            "engine_busy": In(ENGINES),
            "stall": In(len(STALL_CAUSES)),  # in the order of STALL_CAUSES
            "lane_waits": In(data.ArrayLayout(LANES_BITS, len(LANE_WAITS))),  # lanes, in the order of LANE_WAITS
            "macs_increment": In(MACS_BITS),
            "offered_increment": In(MACS_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.current = Signal(REQUEST_LAYOUT, reset_less=True)
        self.fresh = Signal()          # the cycle after the request came
        self.age = Signal(range(self.READ_CYCLES + 1))
        self.free = Signal(init=1)
        self.own_code = Signal(ErrorCode)
        self.take_request(m)
        self.decode(m)
        self.settings(m)
        self.commands(m)
        self.errors(m)
        self.show_status(m)
        self.load(m)
        self.pixels(m)
        self.choose_value(m, self.values())
        self.counters(m)
        self.answer(m)
        return m

    def show_status(self, m: Module) -> None:
        """The bits of STATUS."""
        m.d.comb += self.status.eq(Cat(self.running, self.paused, self.done, self.code != ErrorCode.NONE,
                                       self.program_loaded, self.conditioning_loaded, self.loading))

    def take_request(self, m: Module) -> None:
        """Stage 1: the request."""
        m.d.comb += self.request.ready.eq(self.free)
        with m.If(self.request.valid & self.free):
            m.d.sync += [self.current.eq(self.request.payload), self.fresh.eq(1), self.free.eq(0), self.age.eq(1)]
        with m.If(self.fresh):
            m.d.sync += self.fresh.eq(0)

    def decode(self, m: Module) -> None:
        """Stage 2: which register is written or read, by name."""
        write = Signal(len(ADDRESSES))
        read = Signal(len(ADDRESSES))
        for position in range(len(ADDRESSES)):
            here = self.fresh & (self.current.address == position)
            m.d.comb += write[position].eq(here & self.current.write)
            m.d.comb += read[position].eq(here & ~self.current.write)
        self.writes = {name: write[position] for name, position in ADDRESSES.items()}
        self.reads = {name: read[position] for name, position in ADDRESSES.items()}

    def values(self) -> dict[str, Value]:
        """The values of the registers, without counters."""
        return {
            "IDENTITY": Const(IDENTITY, DATA_BITS),
            "VERSION": Const(FORMAT_VERSION, DATA_BITS),
            "FINGERPRINT": Const(self.config.fingerprint, DATA_BITS),
            "OPTIONS": self.pause,
            "STATUS": self.status,
            "ERROR": self.code,
            "ERROR_DETAIL": self.detail,
            "STEP": self.step,
            "UPDATE": self.update,
            **{f"SEED{i}": self.seed.word_select(i, DATA_BITS) for i in range(SEED_BITS // DATA_BITS)},
            "PIXEL_ADDRESS": self.pixel_address,
        }

    def choose_value(self, m: Module, values: dict[str, Value]) -> None:
        """Stage 2: the register that is read."""
        self.chosen = Signal(DATA_BITS, reset_less=True)
        with m.If(self.fresh):
            m.d.sync += self.chosen.eq(0)
            with m.Switch(self.current.address):
                for name, value in values.items():
                    with m.Case(ADDRESSES[name]):
                        m.d.sync += self.chosen.eq(value)

    def answer(self, m: Module) -> None:
        """Stages 3 and 4: the pixel arrives; the response."""
        address = self.current.address
        is_pixel = (address == ADDRESSES["PIXEL_DATA"]) | (address == ADDRESSES["LATENT_DATA"])
        with m.If(~self.free & ~self.current.write & (self.age != self.READ_CYCLES)):
            m.d.sync += self.age.eq(self.age + 1)
        with m.If(self.age == self.READ_CYCLES - 1):
            m.d.sync += self.response.payload.eq(Mux(is_pixel, self.pixel_value, self.chosen))
            m.d.sync += self.response.valid.eq(1)
        with m.If(self.response.valid & self.response.ready):
            m.d.sync += self.response.valid.eq(0)
            m.d.sync += self.free.eq(1)
            m.d.sync += self.age.eq(0)

    def settings(self, m: Module) -> None:
        """OPTIONS and the seed."""
        written = self.current.data
        for i in range(SEED_BITS // DATA_BITS):
            with m.If(self.writes[f"SEED{i}"]):
                m.d.sync += self.seed.word_select(i, DATA_BITS).eq(written)
        with m.If(self.writes["OPTIONS"]):
            m.d.sync += self.pause.eq((written & Option.PAUSE.value).any())

    def commands(self, m: Module) -> None:
        """CONTROL; a CLEAR goes before the other commands of the same write."""
        wanted = {flag: (self.current.data & flag.value).any() for flag in Control}
        m.d.comb += self.loader_clear.eq(self.clear | self.start)
        with m.If(self.writes["CONTROL"]):
            m.d.comb += self.clear.eq(wanted[Control.CLEAR])
            m.d.comb += self.resume.eq(wanted[Control.RESUME] & ~wanted[Control.CLEAR])
            with m.If(wanted[Control.START] & ~wanted[Control.CLEAR]):
                with m.If(self.running | self.paused | self.loading):
                    m.d.comb += self.own_code.eq(ErrorCode.BUSY)
                with m.Elif(~self.program_loaded | ~self.conditioning_loaded):
                    m.d.comb += self.own_code.eq(ErrorCode.NOT_LOADED)
                with m.Elif(self.seed == 0):
                    m.d.comb += self.own_code.eq(ErrorCode.SEED)
                with m.Else():
                    m.d.comb += self.start.eq(1)

    def errors(self, m: Module) -> None:
        """The first error is kept."""
        self.code = Signal(ErrorCode, name="code")
        self.detail = Signal(DATA_BITS, name="detail", reset_less=True)
        none = self.code == ErrorCode.NONE
        refused_start = Signal()       # says why, whatever was wrong before
        m.d.comb += refused_start.eq((self.own_code == ErrorCode.NOT_LOADED) | (self.own_code == ErrorCode.SEED))
        with m.If(self.clear | self.start):
            m.d.sync += self.code.eq(ErrorCode.NONE)
            m.d.sync += self.detail.eq(0)
        with m.Elif(refused_start | (none & (self.own_code != ErrorCode.NONE) & ~self.error)):
            m.d.sync += self.code.eq(self.own_code)
            m.d.sync += self.detail.eq(self.current.data)
        with m.Elif(self.error & none):
            m.d.sync += self.code.eq(self.error_code)
            m.d.sync += self.detail.eq(self.error_detail)

    def load(self, m: Module) -> None:
        """Image words; a write ends when its word is taken."""
        refused = Signal()
        waiting = Signal()
        m.d.comb += [
            refused.eq(self.running | self.paused),
            self.load_words.valid.eq((self.writes["LOAD"] & ~refused) | waiting),
            self.load_words.payload.eq(self.current.data),
        ]
        m.d.sync += waiting.eq(self.load_words.valid & ~self.load_words.ready)
        with m.If(self.writes["LOAD"] & refused):
            m.d.comb += self.own_code.eq(ErrorCode.BUSY)
        with m.If(self.fresh & self.current.write | waiting):
            m.d.sync += self.free.eq(~self.load_words.valid | self.load_words.ready)

    def pixels(self, m: Module) -> None:
        """PIXEL_ADDRESS, PIXEL_DATA and LATENT_DATA; ``pixel_value`` comes READ_LATENCY cycles after the read.

        Only a finished or paused drawing without an error has an image to show.
        """
        self.pixel_address = Signal(DATA_BITS)
        self.pixel_value = Signal(DATA_BITS, reset_less=True)
        still = Signal()
        in_range = Signal()
        read = Signal()
        latent = Signal()              # the read that is under way is of the latent
        allowed = [Signal(name=f"pixel_allowed_{i}") for i in range(READ_LATENCY + 1)]
        m.d.comb += [
            still.eq(((self.done & ~self.running) | self.paused) & (self.code == ErrorCode.NONE)),
            in_range.eq(self.pixel_address < self.config.pixel_words),
            read.eq(self.reads["PIXEL_DATA"] | self.reads["LATENT_DATA"]),
            allowed[0].eq(read & in_range & still),
            latent.eq(self.is_latent()),
            self.clean.enable.eq(allowed[0] & ~latent),
            self.pixel.enable.eq(allowed[0] & latent),
            self.clean.address.eq(self.pixel_address),
            self.pixel.address.eq(self.pixel_address),
        ]
        shown = Mux(latent, self.pixel.data.as_signed(), self.clean.data.as_signed())
        m.d.comb += self.pixel_value.eq(Mux(allowed[READ_LATENCY], shown, 0))
        for before, after in zip(allowed, allowed[1:], strict=False):
            m.d.sync += after.eq(before)
        with m.If(self.writes["PIXEL_ADDRESS"]):
            m.d.sync += self.pixel_address.eq(self.current.data)
        with m.If(read):
            with m.If(~still):
                m.d.comb += self.own_code.eq(ErrorCode.BUSY)
            with m.Elif(~in_range):
                m.d.comb += self.own_code.eq(ErrorCode.ADDRESS)
            with m.Else():
                m.d.sync += self.pixel_address.eq(self.pixel_address + self.PIXEL_INCREMENT)

    def is_latent(self) -> Value:
        """Whether a read is of the latent, not of the clean image."""
        return self.current.address == ADDRESSES["LATENT_DATA"]

    def counters(self, m: Module) -> None:
        """Counters, and stage 2 where one of them is read."""
        increments = [self.counting, *self.engine_busy, *self.stall,
                      *(self.lane_waits[i] for i in range(len(LANE_WAITS))),
                      self.macs_increment, self.offered_increment]
        m.submodules.counters = counters = self.counters_unit(tuple(len(increment) for increment in increments))
        place = Signal(ADDRESS_BITS)   # of the half of a counter that is read, behind the first
        upper = Signal(COUNTER_BITS - DATA_BITS, reset_less=True)
        m.d.comb += [
            place.eq(self.current.address - FIRST_COUNTER),
            counters.increments.eq(Cat(increments)),
            counters.clear.eq(self.start),
            counters.read.eq(self.fresh & ~self.current.write & (place < 2 * len(COUNTERS)) & ~place[0]),
            counters.index.eq(place >> 1),
        ]
        with m.If(counters.read):
            m.d.sync += upper.eq(counters.value[DATA_BITS:])
        with m.If(self.fresh & (place < 2 * len(COUNTERS))):
            m.d.sync += self.chosen.eq(Mux(place[0], upper, counters.value))
