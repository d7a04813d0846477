"""Counters of non-zeros: each channel of each entry of the split table, in block RAM."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import SPLIT_ENTRY_BITS, HardwareConfig, address_bits
from golden.spec.split import COUNT_BITS, COUNT_MAXIMUM, line_channels, sample_cycles
from rtl.memory.bounds import bounded
from rtl.memory.ports import READ_LATENCY
from rtl.memory.ram import Ram

COLUMN_BITS = 4
"""The entries that are counted since the restart are marked in rows of so many bits' entries."""


class SampleLayout(data.StructLayout):
    """A sampled line: the entry that it belongs to, and its non-zero channels."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({"entry": SPLIT_ENTRY_BITS, "nonzero": line_channels(config)})


class CounterLayout(data.StructLayout):
    """A word of the counters: those of ``width`` channels; every word of an entry has its count of samples."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__({"counts": data.ArrayLayout(COUNT_BITS, config.width), "samples": COUNT_BITS})


class Progress(data.StructLayout):
    """A word on its way from its read to its write."""

    def __init__(self, config: HardwareConfig) -> None:
        bits = address_bits(config.split_lines * config.line_words) + 1
        super().__init__({"valid": 1, "address": bits, "word": address_bits(config.line_words), "known": 1,
                          "copying": 1, "nonzero": config.width})


class SampleCounters(wiring.Component):
    """Adds samples to their entries' counters, a word a cycle; gives an entry's counters away and clears them.

    ``front`` is a sample while ``valid``; ``pop`` is high in the last of its ``sample_cycles`` cycles. A copy of
    ``copy_entry``, which stands still, goes before the next sample; ``copy_taken`` is high in the cycle before it
    begins. Word w is at ``copied`` with ``copied_valid`` READ_LATENCY + 1 + w cycles after ``copy_taken``; the entry's
    counters are zero for the next sample. Initiation interval of samples and copies: ``sample_cycles``.

    Block RAM has no reset: an entry is zero until it is marked, and a restart takes all marks away.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "valid": In(1),
            "several": In(1),    # a sample comes after ``front``
            "front": In(SampleLayout(config)),
            "pop": Out(1),
            "copy_due": In(1),
            "copy_entry": In(SPLIT_ENTRY_BITS),
            "copy_taken": Out(1),
            "copied_valid": Out(1),
            "copied_word": Out(address_bits(config.line_words)),
            "copied": Out(CounterLayout(config)),
            "fault": Out(1),     # an entry past the table's end
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = self.config.split_lines * self.config.line_words
        m.submodules.counters = self.counters = Ram(words, CounterLayout(self.config).size)
        self.running = Signal()
        self.copying = Signal()
        self.step = Signal(range(sample_cycles(self.config)))
        self.last = Signal()
        self.entry = Signal(SPLIT_ENTRY_BITS)
        self.sequence(m)
        stage = self.read(m, self.mark(m))
        self.count(m, stage)
        m.d.comb += self.fault.eq(self.counters.fault | self.counters.collision)
        return m

    def sequence(self, m: Module) -> None:
        """Stage 0: a copy, or else the next sample, as soon as the one before ends."""
        ready = Signal()
        m.d.comb += [
            self.last.eq(self.running & (self.step == sample_cycles(self.config) - 1)),
            self.entry.eq(Mux(self.copying, self.copy_entry, self.front.entry)),
            self.pop.eq(self.last & ~self.copying),
            ready.eq(~self.running | self.last),
            self.copy_taken.eq(ready & self.copy_due),
        ]
        with m.If(self.running):
            m.d.sync += self.step.eq(self.step + 1)
        with m.If(ready):
            m.d.sync += [self.running.eq(self.copy_due | Mux(self.pop, self.several, self.valid)),
                         self.copying.eq(self.copy_due)]

    def mark(self, m: Module) -> Value:
        """Stage 1: whether the entry is counted since the restart; from the next sample on it is."""
        rows = -(-self.config.split_lines >> COLUMN_BITS)
        m.submodules.marks = marks = memory.Memory(shape=1 << COLUMN_BITS, depth=rows, init=[])
        read = marks.read_port(domain="comb")
        write = marks.write_port()
        begun = Signal(rows)    # rows of which an entry is marked; of the others, the memory holds anything
        column = self.entry[:COLUMN_BITS]
        row = self.entry[COLUMN_BITS:COLUMN_BITS + address_bits(rows)]
        present = Signal(1 << COLUMN_BITS)
        m.d.comb += [
            present.eq(Mux(self.is_begun(begun, row), read.data, 0)),
            read.addr.eq(row),
            write.addr.eq(row),
            write.data.eq(present | (1 << column)),
            write.en.eq(self.last),
        ]
        with m.If(self.last):
            m.d.sync += begun.bit_select(row, 1).eq(1)
        return present.bit_select(column, 1)

    def is_begun(self, begun: Value, row: Value) -> Value:
        """Whether a row of marks is written since the restart."""
        return begun.bit_select(row, 1)

    def read(self, m: Module, known: Value) -> data.View:
        """Stage 1: a word's address. Stage 3: its data."""
        config, port = self.config, self.counters.read
        word = self.step[:address_bits(config.line_words)] if config.line_words > 1 else Const(0, 0)
        stage = Signal(Progress(config), name="read_0")
        m.d.comb += [
            stage.valid.eq(self.running & (self.step < config.line_words)),
            stage.address.eq(bounded(Cat(word, self.entry), stage.address)),
            stage.word.eq(word),
            stage.known.eq(known),
            stage.copying.eq(self.copying),
            stage.nonzero.eq(self.front.nonzero.word_select(word, config.width)),
            port.enable.eq(stage.valid),
            port.address.eq(stage.address),
        ]
        for number in range(READ_LATENCY):
            following = Signal(Progress(config), name=f"read_{number + 1}")
            m.d.sync += following.eq(stage)
            stage = following
        return stage

    def count(self, m: Module, stage: data.View) -> None:
        """Stage 3: counters of a word after the sample, or cleared. Stage 4: they are written."""
        before = Signal(CounterLayout(self.config))
        after = Signal(CounterLayout(self.config))
        write = self.counters.write
        valid = Signal()
        address = Signal.like(stage.address, reset_less=True)
        written = Signal.like(after, reset_less=True)
        counts = Signal()
        m.d.comb += [
            before.eq(Mux(stage.known, self.counters.read.data, 0)),
            counts.eq(self.may_count(before.samples)),
            self.copied_valid.eq(stage.valid & stage.copying),
            self.copied_word.eq(stage.word),
            self.copied.eq(before),
            write.enable.eq(valid),
            write.address.eq(address),
            write.data.eq(written),
        ]
        with m.If(~self.clears(stage.copying)):
            m.d.comb += after.samples.eq(before.samples + counts)
            for i in range(self.config.width):
                m.d.comb += after.counts[i].eq(before.counts[i] + (stage.nonzero[i] & counts))
        m.d.sync += [valid.eq(stage.valid), address.eq(stage.address), written.eq(after)]

    def may_count(self, samples: Value) -> Value:
        """Whether the entry's counters can take another sample: none is above the count of samples."""
        return samples != COUNT_MAXIMUM

    def clears(self, copying: Value) -> Value:
        """Whether a word is zero after this cycle's."""
        return copying
