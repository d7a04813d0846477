"""Image loader: good segments reach the memories, every damaged one is refused by its code."""

from __future__ import annotations

import os
import zlib

import cocotb
import numpy as np

from golden.spec.hardware import FORMAT_VERSION, load_hardware
from golden.spec.image import ImageError, Kind, Memory, Section, build_segment, parse_segment, segment_words
from golden.spec.registers import ErrorCode
from golden.spec.step import STEP_WORD_BITS
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark
from sim.scoreboard import Scoreboard
from sim.streams import Source
from sim.units import config_file

CONFIG_VARIABLE = "HALFTONE_BENCH_CONFIG"
KIND_WORD, COUNT_WORD = 2, 4


class Bench:
    """The loader's ports and what it wrote."""

    def __init__(self, dut, idle: float) -> None:
        self.dut = dut
        self.config = load_hardware(config_file(os.environ[CONFIG_VARIABLE]))
        self.random = seeds.generator(f"image loader {idle}")
        self.clock = Clock(dut)
        self.source = Source(dut, "words", self.clock, idle=idle, generator=seeds.generator("idle"))
        self.memories: dict[Memory, dict[int, int]] = {memory: {} for memory in Memory}
        self.errors: list[tuple[int, int]] = []
        self.board = Scoreboard("image loader")

    async def start(self) -> None:
        self.dut.clear.value = 0
        if self.config.sdram_weights:
            self.dut.filling.value = 1
        await self.clock.start()
        cocotb.start_soon(self.watch())
        if self.config.sdram_weights:
            cocotb.start_soon(self.fill())

    async def fill(self) -> None:
        """A store that takes a word and then its time; whatever comes meanwhile is lost."""
        generator = seeds.generator("filling")
        left = 50
        while True:
            await self.clock.next_edge()
            written = int(self.dut.weight__enable.value)
            assert not (written and left), "image loader: a weight comes before the last one is written"
            left = generator.randrange(1, 20) if written else max(0, left - 1)
            self.dut.filling.value = int(left > 0)

    async def watch(self) -> None:
        ports = [(memory, *(getattr(self.dut, f"{memory.name.lower()}__{part}") for part in
                            ("enable", "address", "data"))) for memory in Memory]
        while True:
            await self.clock.next_edge()
            for memory, enable, address, data in ports:
                if int(enable.value):
                    assert int(address.value) < self.config.memory_shapes[memory.name.lower()][0]
                    self.memories[memory][int(address.value)] = int(data.value)
            if int(self.dut.error.value):
                self.errors.append((int(self.dut.error_code.value), int(self.dut.error_detail.value)))

    def sections(self, count: int) -> list[Section]:
        """Random ones, now and then at the very end of a memory."""
        result = []
        for _ in range(count):
            memory = self.random.choice(list(Memory))
            depth, bits = self.config.memory_shapes[memory.name.lower()]
            length = self.random.randrange(1, min(12, depth) + 1)
            start = self.random.choice([0, depth - length, self.random.randrange(depth - length + 1)])
            result.append(Section(memory, start, [self.random.getrandbits(bits) for _ in range(length)]))
        return result

    def segment(self, kind: Kind, count: int = 3) -> tuple[bytes, list[Section]]:
        sections = self.sections(count)
        return build_segment(self.config, kind, sections), sections

    async def send(self, words) -> None:
        await self.source.send(words)
        await self.clock.wait_cycles(3)        # all words are written by then

    async def clear(self) -> None:
        self.dut.clear.value = 1
        await self.clock.next_edge()
        self.dut.clear.value = 0
        await self.clock.wait_cycles(1)
        self.errors.clear()

    def flags(self) -> tuple[int, int, int]:
        return (int(self.dut.program_loaded.value), int(self.dut.conditioning_loaded.value),
                int(self.dut.loading.value))

    def mark(self, kind: Kind, sections: list[Section]) -> None:
        """The bins of a segment that arrived."""
        mark(f"segment of kind {kind.name}")
        for section in sections:
            mark(f"section for {section.memory.name}")
            if section.start + len(section.words) == self.config.memory_shapes[section.memory.name.lower()][0]:
                mark(f"section to the end of {section.memory.name}")

    def check_content(self, sections: list[Section]) -> None:
        expected: dict[Memory, dict[int, int]] = {memory: {} for memory in Memory}
        for section in sections:
            for index, word in enumerate(section.words):
                expected[section.memory][section.start + index] = word
        for memory in Memory:
            content = sorted(expected[memory].items())
            got = [(address, self.memories[memory].get(address)) for address, _ in content]
            self.board.compare(memory.name, np.array(content, dtype=object).reshape(-1, 2),
                               np.array(got, dtype=object).reshape(-1, 2))


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(idle=[0.0, 0.5])
async def good_segments(dut, idle):
    """Content arrives, flags rise at the end only and fall at a new beginning; one word a cycle."""
    bench = Bench(dut, idle)
    await bench.start()
    loaded = (0, 0)
    for round_ in range(12):
        kind = Kind.PROGRAM if round_ == 0 else bench.random.choice(list(Kind))
        content, sections = bench.segment(kind, bench.random.randrange(1, 6))
        assert parse_segment(content, bench.config).sections == tuple(sections)
        words = segment_words(content)
        await bench.send(words[:KIND_WORD])
        assert bench.flags() == (*loaded, 1)
        await bench.send(words[KIND_WORD:-1])
        program = 0 if kind is Kind.PROGRAM else loaded[0]
        assert bench.flags() == (program, 0, 1)
        await bench.send(words[-1:])
        loaded = (1, 0) if kind is Kind.PROGRAM else (program, 1)
        assert bench.flags() == (*loaded, 0)
        assert not bench.errors
        bench.check_content(sections)
        bench.mark(kind, sections)
    if not idle:
        content, _ = bench.segment(Kind.CONDITIONING, 5)
        cycles = await bench.source.send(segment_words(content))
        assert cycles[-1] - cycles[0] == len(cycles) - 1, "a word a cycle"
    print(bench.board.finish(least=100))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_refusal(dut):
    """Each header word wrong in turn: its code, no flag, nothing more written, and recovery after clear."""
    bench = Bench(dut, 0.2)
    await bench.start()
    depth = bench.config.step_words
    cases = [
        ({0: 0x314E5449}, ErrorCode.MAGIC), ({1: FORMAT_VERSION + 1}, ErrorCode.VERSION), ({2: 0}, ErrorCode.KIND),
        ({2: 3}, ErrorCode.KIND), ({2: 0x80000001}, ErrorCode.KIND),
        ({3: bench.config.fingerprint ^ 1}, ErrorCode.FINGERPRINT), ({4: 0}, ErrorCode.SECTION),
        ({5: len(Memory)}, ErrorCode.SECTION), ({5: 0x80000000}, ErrorCode.SECTION), ({6: depth}, ErrorCode.SECTION),
        ({6: depth - 1}, ErrorCode.SECTION), ({6: 0xFFFFFFFF}, ErrorCode.SECTION), ({7: 0}, ErrorCode.SECTION),
        ({7: depth + 1}, ErrorCode.SECTION), ({7: 0xFFFFFFFF}, ErrorCode.SECTION), ({-1: None}, ErrorCode.CRC),
    ]
    for changes, code in cases:
        sections = [Section(Memory.STEP, 0, [bench.random.getrandbits(STEP_WORD_BITS) for _ in range(2)])]
        good = list(segment_words(build_segment(bench.config, Kind.PROGRAM, sections)))
        await bench.send(good)
        assert bench.flags() == (1, 0, 0)
        bad = list(good)
        for position, value in changes.items():
            bad[position] = bad[position] ^ 1 << bench.random.randrange(32) if value is None else value
        if code != ErrorCode.CRC:  # the check itself refuses, not the CRC
            bad[-1] = zlib.crc32(b"".join(word.to_bytes(4, "little") for word in bad[:-1]))
        (position,) = (i for i, word in enumerate(bad[:-1] if code != ErrorCode.CRC else bad) if word != good[i])
        bench.memories[Memory.STEP].clear()
        await bench.send([*bad, *good])
        assert bench.errors[0][0] == code and len(bench.errors) == 1, f"{changes}: {bench.errors}, expected {code!r}"
        if code != ErrorCode.SECTION:
            assert bench.errors[0][1] == bad[position]
        assert bench.flags() == (int(position < KIND_WORD or code == ErrorCode.KIND), 0, 0)
        assert bool(bench.memories[Memory.STEP]) == (code == ErrorCode.CRC)
        try:
            parse_segment(b"".join(word.to_bytes(4, "little") for word in bad), bench.config)
        except ImageError:
            pass
        else:
            raise AssertionError(f"{changes}: the specification takes what the hardware refuses")
        await bench.clear()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def more_sections_than_come(dut):
    """A count with any high bit set beside the sections that are there: the segment is not over with them."""
    bench = Bench(dut, 0.0)
    await bench.start()
    for bit in range(2, 32):
        sections = bench.sections(2)
        words = list(segment_words(build_segment(bench.config, Kind.PROGRAM, sections)))
        words[COUNT_WORD] += 1 << bit
        words[-1] = zlib.crc32(b"".join(word.to_bytes(4, "little") for word in words[:-1])) | 1 << 31
        await bench.send(words)
        assert bench.errors == [(ErrorCode.SECTION, words[-1])], f"2 + 2^{bit} sections: {bench.errors}"
        assert bench.flags() == (0, 0, 0)
        await bench.clear()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def damage(dut):
    """Any flipped bit is refused or leaves the segment unfinished; so does any cut; never a flag."""
    bench = Bench(dut, 0.0)
    await bench.start()
    for round_ in range(150):
        content, _ = bench.segment(Kind.PROGRAM, 2)
        words = list(segment_words(content))
        if round_ % 3:
            position = bench.random.randrange(len(words))
            words[position] ^= 1 << bench.random.randrange(32)
        else:
            words = words[:bench.random.randrange(1, len(words))]
        await bench.send(words)
        assert bench.flags()[0] == 0, "a damaged program counts as loaded"
        assert bench.errors or bench.flags()[2], "neither refused nor unfinished"
        await bench.clear()
        assert bench.flags() == (0, 0, 0)
    content, sections = bench.segment(Kind.PROGRAM)
    await bench.send(segment_words(content))
    assert bench.flags() == (1, 0, 0)
    bench.check_content(sections)
