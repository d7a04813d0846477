"""From the host's words to the memories, checked."""

from __future__ import annotations

import enum

from amaranth.hdl import Array, Cat, Module, Signal, Value
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

    ``words`` is always ready. A segment's flag falls when its kind is known and rises after its CRC was right, all its
    words being written by then; a program also clears ``conditioning_loaded``. ``loading`` is high within a segment.
    ``error`` pulses with ``error_code`` and the refused word; then words are swallowed until ``clear``, which also ends
    a segment before its end.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.shapes = {memory: config.memory_shapes[memory.name.lower()] for memory in Memory}
        super().__init__({
            "words": In(stream.Signature(WORD_BITS)),
            "clear": In(1),
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
        m.submodules.crc = crc = catalog.CRC32_ISO_HDLC(data_width=WORD_BITS).create()

        # Stage 1: the word.
        valid = Signal()
        word = Signal(WORD_BITS, reset_less=True)
        m.d.sync += valid.eq(self.words.valid & ~self.clear)
        m.d.sync += word.eq(self.words.payload)

        # Stage 2: what it is.
        state = Signal(State)
        sections = Signal(WORD_BITS, reset_less=True)
        memory = Signal(range(len(Memory)), reset_less=True)
        start = Signal(WORD_BITS, reset_less=True)
        left = Signal(WORD_BITS, reset_less=True)      # memory words of the section, this one counted
        is_program = Signal(reset_less=True)
        code = Signal(ErrorCode)
        complete = Signal()
        self.write_words(m, valid & (state == State.CONTENT), word, memory, start, complete)
        m.d.comb += [
            self.words.ready.eq(1),
            crc.start.eq(valid & (state == State.MAGIC)),
            crc.valid.eq(valid),
            crc.data.eq(word),
            self.loading.eq((state != State.MAGIC) & (state != State.ERROR)),
            self.error.eq(code != ErrorCode.NONE),
            self.error_code.eq(code),
            self.error_detail.eq(word),
        ]

        def expect(good: Value, error: ErrorCode, following: State) -> None:
            """Go on to another state if ``good``; otherwise stop with ``error``."""
            with m.If(good):
                m.d.sync += state.eq(following)
            with m.Else():
                m.d.comb += code.eq(error)
                m.d.sync += state.eq(State.ERROR)

        with m.If(valid), m.Switch(state):
            with m.Case(State.MAGIC):
                expect(word == SEGMENT_MAGIC, ErrorCode.MAGIC, State.VERSION)
            with m.Case(State.VERSION):
                expect(word == FORMAT_VERSION, ErrorCode.VERSION, State.KIND)
            with m.Case(State.KIND):
                m.d.sync += is_program.eq(word == Kind.PROGRAM)
                with m.If(word == Kind.PROGRAM):
                    m.d.sync += self.program_loaded.eq(0)
                with m.If((word == Kind.PROGRAM) | (word == Kind.CONDITIONING)):
                    m.d.sync += self.conditioning_loaded.eq(0)
                expect((word == Kind.PROGRAM) | (word == Kind.CONDITIONING), ErrorCode.KIND, State.FINGERPRINT)
            with m.Case(State.FINGERPRINT):
                expect(word == self.config.fingerprint, ErrorCode.FINGERPRINT, State.SECTIONS)
            with m.Case(State.SECTIONS):
                m.d.sync += sections.eq(word)
                expect(word != 0, ErrorCode.SECTION, State.MEMORY)
            with m.Case(State.MEMORY):
                m.d.sync += memory.eq(word)
                expect(word < len(Memory), ErrorCode.SECTION, State.START)
            with m.Case(State.START):
                m.d.sync += start.eq(word)
                m.d.sync += state.eq(State.LENGTH)
            with m.Case(State.LENGTH):
                m.d.sync += left.eq(word)
                depth = Array(shape[0] for shape in self.shapes.values())[memory]
                expect((word != 0) & self.section_fits(start, word, depth), ErrorCode.SECTION, State.CONTENT)
            with m.Case(State.CONTENT), m.If(complete):
                m.d.sync += start.eq(start + 1)
                m.d.sync += left.eq(left - 1)
                with m.If(left == 1):
                    m.d.sync += sections.eq(sections - 1)
                    with m.If(sections == 1):
                        m.d.sync += state.eq(State.CRC)
                    with m.Else():
                        m.d.sync += state.eq(State.MEMORY)
            with m.Case(State.CRC):
                with m.If(word == crc.crc):
                    m.d.sync += self.program_loaded.eq(self.program_loaded | is_program)
                    m.d.sync += self.conditioning_loaded.eq(~is_program)
                expect(word == crc.crc, ErrorCode.CRC, State.MAGIC)
        with m.If(self.clear):
            m.d.sync += state.eq(State.MAGIC)
        return m

    def section_fits(self, start: Value, count: Value, depth: Value) -> Value:
        """The section lies within its memory."""
        return (start + count) <= depth

    def write_words(self, m: Module, valid: Value, word: Value, memory: Value, address: Value,
                    complete: Signal) -> None:
        """Gather 32-bit words into memory words; ``complete`` is high in the cycle of a memory word's last part."""
        parts = {kind: stream_words(bits) for kind, (_, bits) in self.shapes.items()}
        gathered = [Signal(WORD_BITS, name=f"gathered_{i}", reset_less=True) for i in range(max(parts.values()))]
        part = Signal(range(max(parts.values())))
        m.d.comb += complete.eq(valid & (part == Array(count - 1 for count in parts.values())[memory]))
        with m.If(valid):
            m.d.sync += Array(gathered)[part].eq(word)
            m.d.sync += part.eq(part + 1)
        with m.If(complete | self.clear):
            m.d.sync += part.eq(0)

        # Stage 3: the write.
        write_address = Signal(len(address), reset_less=True)
        m.d.sync += write_address.eq(address)
        for kind in Memory:
            port = getattr(self, kind.name.lower())
            enable = Signal(name=f"{kind.name.lower()}_complete")
            m.d.sync += enable.eq(complete & (memory == kind))
            m.d.comb += port.enable.eq(enable)
            m.d.comb += port.address.eq(write_address)
            m.d.comb += port.data.eq(Cat(*gathered))
