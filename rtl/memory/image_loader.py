"""From the host's words to the memories, checked."""

from __future__ import annotations

import enum

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import SEGMENT_MAGIC, Kind, Memory, stream_words
from golden.spec.registers import ErrorCode
from rtl.memory.ports import WritePort

WORD_BITS = 32


class State(enum.Enum):
    """The word that is awaited."""

    MAGIC = 0
    VERSION = 1
    KIND = 2
    FINGERPRINT = 3
    SECTIONS = 4
    MEMORY = 5
    START = 6
    LENGTH = 7
    CONTENT = 8
    CRC = 9
    ERROR = 10  # none: swallows words


class ImageLoader(wiring.Component):
    """Takes segments (``golden.spec.image``), one 32-bit word a cycle, and writes the memories.

    ``words`` is always ready; but where weights go to an SDRAM not while one of them is on its way there, which
    ``filling`` says from the cycle after the write on, and at best every other cycle. A segment's flag falls when its
    kind is known and rises after its CRC was right, all its words being written by then; a program also clears
    ``conditioning_loaded``. ``loading`` is high within a segment. ``error`` pulses with ``error_code`` and the refused
    word; then words are swallowed until ``clear``, which also ends a segment before its end.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.shapes = {memory: config.memory_shapes[memory.name.lower()] for memory in Memory}
        super().__init__({
            "words": In(stream.Signature(WORD_BITS)),
            "clear": In(1),
            **({"filling": In(1)} if config.sdram_weights else {}),
            "program_loaded": Out(1),
            "conditioning_loaded": Out(1),
            "loading": Out(1),
            "error": Out(1),
            "error_code": Out(ErrorCode),
            "error_detail": Out(WORD_BITS),
            **{memory.name.lower(): Out(WritePort(*shape)) for memory, shape in self.shapes.items()},
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = self.crc = catalog.CRC32_ISO_HDLC(data_width=WORD_BITS).create()
        self.valid = Signal()
        self.word = Signal(WORD_BITS, reset_less=True)
        self.state = Signal(State)
        self.sections = Signal(WORD_BITS, reset_less=True)  # sections of the segment, this one counted
        self.memory = Signal(range(len(Memory)), reset_less=True)
        self.start = Signal(WORD_BITS, reset_less=True)
        self.left = Signal(WORD_BITS, reset_less=True)      # memory words of the section, this one counted
        self.is_program = Signal(reset_less=True)
        self.code = Signal(ErrorCode)
        self.complete = Signal()                            # the last part of a memory word
        self.take_word(m)
        self.outputs(m)
        self.gather_parts(m)
        self.write_words(m)
        with m.If(self.valid), m.Switch(self.state):
            self.read_header(m)
            self.read_section(m)
            self.read_content(m)
            self.read_crc(m)
        with m.If(self.clear):
            m.d.sync += self.state.eq(State.MAGIC)
        return m

    def take_word(self, m: Module) -> None:
        """Stage 1: the word. Stage 2: into the CRC."""
        ready = ~(self.valid | self.weight.enable | self.filling) if self.config.sdram_weights else Const(1)
        taken = self.words.valid & ready if self.config.sdram_weights else self.words.valid
        m.d.sync += self.valid.eq(taken & ~self.clear)
        m.d.sync += self.word.eq(self.words.payload)
        m.d.comb += [
            self.words.ready.eq(ready),
            self.crc.start.eq(self.valid & (self.state == State.MAGIC)),
            self.crc.valid.eq(self.valid),
            self.crc.data.eq(self.word),
        ]

    def outputs(self, m: Module) -> None:
        """What the register file sees."""
        m.d.comb += [
            self.loading.eq((self.state != State.MAGIC) & (self.state != State.ERROR)),
            self.error.eq(self.code != ErrorCode.NONE),
            self.error_code.eq(self.code),
            self.error_detail.eq(self.word),
        ]

    def expect(self, m: Module, good: Value, error: ErrorCode, following: State) -> None:
        """Go on to another state if ``good``; otherwise stop with ``error``."""
        with m.If(good):
            m.d.sync += self.state.eq(following)
        with m.Else():
            m.d.comb += self.code.eq(error)
            m.d.sync += self.state.eq(State.ERROR)

    def read_header(self, m: Module) -> None:
        """Stage 2: a segment's header."""
        word = self.word
        is_program = word == Kind.PROGRAM
        is_known = is_program | (word == Kind.CONDITIONING)
        with m.Case(State.MAGIC):
            self.expect(m, word == SEGMENT_MAGIC, ErrorCode.MAGIC, State.VERSION)
        with m.Case(State.VERSION):
            self.expect(m, word == FORMAT_VERSION, ErrorCode.VERSION, State.KIND)
        with m.Case(State.KIND):
            m.d.sync += self.is_program.eq(is_program)
            with m.If(is_program):
                m.d.sync += self.program_loaded.eq(0)
            with m.If(is_known):
                m.d.sync += self.conditioning_loaded.eq(0)
            self.expect(m, is_known, ErrorCode.KIND, State.FINGERPRINT)
        with m.Case(State.FINGERPRINT):
            self.expect(m, word == self.config.fingerprint, ErrorCode.FINGERPRINT, State.SECTIONS)
        with m.Case(State.SECTIONS):
            m.d.sync += self.sections.eq(word)
            self.expect(m, word != 0, ErrorCode.SECTION, State.MEMORY)

    def read_section(self, m: Module) -> None:
        """Stage 2: a section's header."""
        word = self.word
        depth = Array(shape[0] for shape in self.shapes.values())[self.memory]
        with m.Case(State.MEMORY):
            m.d.sync += self.memory.eq(word)
            self.expect(m, word < len(Memory), ErrorCode.SECTION, State.START)
        with m.Case(State.START):
            m.d.sync += self.start.eq(word)
            m.d.sync += self.state.eq(State.LENGTH)
        with m.Case(State.LENGTH):
            m.d.sync += self.left.eq(word)
            fits = (word != 0) & self.section_fits(self.start, word, depth)
            self.expect(m, fits, ErrorCode.SECTION, State.CONTENT)

    def section_fits(self, start: Value, count: Value, depth: Value) -> Value:
        """The section lies within its memory."""
        return (start + count) <= depth

    def read_content(self, m: Module) -> None:
        """Stage 2: a section's memory words."""
        with m.Case(State.CONTENT), m.If(self.complete):
            m.d.sync += self.start.eq(self.start + 1)
            m.d.sync += self.left.eq(self.left - 1)
            with m.If(self.left == 1):
                m.d.sync += self.sections.eq(self.sections - 1)
                with m.If(self.sections == 1):
                    m.d.sync += self.state.eq(State.CRC)
                with m.Else():
                    m.d.sync += self.state.eq(State.MEMORY)

    def read_crc(self, m: Module) -> None:
        """Stage 2: a segment's end."""
        right = self.word == self.crc.crc
        with m.Case(State.CRC):
            with m.If(right):
                m.d.sync += self.program_loaded.eq(self.program_loaded | self.is_program)
                m.d.sync += self.conditioning_loaded.eq(~self.is_program)
            self.expect(m, right, ErrorCode.CRC, State.MAGIC)

    def gather_parts(self, m: Module) -> None:
        """Stage 2: 32-bit words to a memory word."""
        parts = [stream_words(bits) for _, bits in self.shapes.values()]
        content = self.valid & (self.state == State.CONTENT)
        part = Signal(range(max(parts)))
        self.gathered = [Signal(WORD_BITS, name=f"gathered_{i}", reset_less=True) for i in range(max(parts))]
        m.d.comb += self.complete.eq(content & (part == Array(count - 1 for count in parts)[self.memory]))
        with m.If(content):
            m.d.sync += Array(self.gathered)[part].eq(self.word)
            m.d.sync += part.eq(part + 1)
        with m.If(self.complete | self.clear):
            m.d.sync += part.eq(0)

    def write_words(self, m: Module) -> None:
        """Stage 3: the write."""
        write_address = Signal(WORD_BITS, reset_less=True)
        m.d.sync += write_address.eq(self.start)
        for kind in Memory:
            port = getattr(self, kind.name.lower())
            enable = Signal(name=f"{kind.name.lower()}_complete")
            m.d.sync += enable.eq(self.complete & (self.memory == kind))
            m.d.comb += port.enable.eq(enable)
            m.d.comb += port.address.eq(write_address)
            m.d.comb += port.data.eq(Cat(*self.gathered))
