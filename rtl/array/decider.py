"""Decision of which channels of a line are dense, from their counts of non-zeros."""

from __future__ import annotations

import enum

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import SPLIT_ENTRY_BITS, HardwareConfig, address_bits
from golden.spec.split import (
    COUNT_BITS,
    COUNT_MAXIMUM,
    RANGE_BITS,
    SAMPLE_DEPTH,
    fixed_thresholds,
    line_channels,
    phase_cycles,
    sample_cycles,
)
from rtl.array.sample_counters import CounterLayout


class RequestLayout(data.StructLayout):
    """Entries that are to be decided, one after the other."""

    def __init__(self) -> None:
        super().__init__({"entry": SPLIT_ENTRY_BITS, "count": RANGE_BITS, "fixed": 1})


class Phase(enum.IntEnum):
    """Phases of an entry's decision, in order."""

    COPY = 0      # waits for earlier samples, takes a copy of the counters, clears the histogram
    COUNT = 1     # histogram of the counters, a channel a cycle
    SEARCH = 2    # thresholds from the highest down, a channel or a threshold a cycle
    COMPARE = 3   # the mask, a channel a cycle
    WRITE = 4


class Decider(wiring.Component):
    """Decides the entries of the request at ``front``, one after the other, in ``decide_cycles`` cycles each.

    A copy of the entry's counters is due once all samples that were held at the decision's beginning are counted. The
    histogram of the counters gives, threshold by threshold, what the dense lane's cycles and the sparse lane's are:
    balance = (non-zeros of sparse channels) - (dense channels) * (samples). A channel of count c that turns from sparse
    to dense lowers it by c + samples. The threshold is the last at which the balance is not negative. Channels of
    one non-zero less, which do not all fit, turn dense too, the lowest first, as long as what is left of the balance
    pays for them. The mask shows at ``mask`` with ``write`` in the last cycle, unless the entry has no samples; ``pop``
    in a request's last cycle.
    """

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        self.channels = line_channels(config)
        self.value_bits = address_bits(self.channels)
        super().__init__({
            "valid": In(1),
            "front": In(RequestLayout()),
            "pop": Out(1),
            "entry": Out(SPLIT_ENTRY_BITS),
            "copy_due": Out(1),
            "copy_taken": In(1),
            "copied_valid": In(1),
            "copied_word": In(address_bits(config.line_words)),
            "copied": In(CounterLayout(config)),
            "write": Out(1),
            "mask": Out(self.channels),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.phase = Signal(Phase)
        self.cycle = Signal(range(max(phase_cycles(self.config))))    # of the phase
        self.samples = Signal(COUNT_BITS, reset_less=True)
        self.value = Signal(COUNT_BITS, reset_less=True)              # counter of the channel of the cycle before
        self.is_value = Signal()
        self.balance = Signal(signed((self.channels * 2 * COUNT_MAXIMUM).bit_length() + 1), reset_less=True)
        self.threshold = Signal(COUNT_BITS + 1, reset_less=True)
        self.budget = Signal(len(self.balance) - 1, reset_less=True)  # balance at the threshold, less what ties took
        self.sequence(m)
        self.keep_copy(m)
        self.search(m, self.histogram(m))
        self.compare(m)
        return m

    def sequence(self, m: Module) -> None:
        """Phases of constant length, entries, requests."""
        copied = Signal()
        done = Signal(RANGE_BITS)    # entries of the request
        final = Signal()
        lengths = phase_cycles(self.config)
        m.d.comb += [
            self.entry.eq(self.front.entry + done),
            self.copy_due.eq((self.phase == Phase.COPY) & self.counted_earlier() & ~copied),
            final.eq(self.is_final(done)),
            self.pop.eq((self.phase == Phase.WRITE) & final),
            self.write.eq((self.phase == Phase.WRITE) & (self.samples != 0)),
            self.is_value.eq(((self.phase == Phase.COUNT) | (self.phase == Phase.COMPARE)) & (self.cycle != 0)),
        ]
        with m.If(self.copy_taken):
            m.d.sync += copied.eq(1)
        with m.If(self.valid):
            m.d.sync += self.cycle.eq(self.cycle + 1)
        with m.Switch(self.phase):
            for phase in Phase:
                with m.Case(phase), m.If(self.cycle == lengths[phase] - 1):
                    m.d.sync += [self.phase.eq((phase + 1) % len(Phase)), self.cycle.eq(0)]
        with m.If(self.phase == Phase.WRITE):
            m.d.sync += [copied.eq(0), done.eq(Mux(final, 0, done + 1))]

    def counted_earlier(self) -> Value:
        """Whether the samples that were held at the beginning are counted, or their last is being counted."""
        return self.cycle >= (SAMPLE_DEPTH - 1) * sample_cycles(self.config)

    def is_final(self, done: Value) -> Value:
        """Whether the entry is the request's last; there is at least one."""
        return done + 1 >= self.front.count

    def keep_copy(self, m: Module) -> None:
        """COPY: the counters, word by word. COUNT and COMPARE: one of them, a cycle late."""
        shape = CounterLayout(self.config)["counts"].shape
        m.submodules.copy = copy = memory.Memory(shape=unsigned(shape.size), depth=max(2, self.config.line_words),
                                                 init=[])
        write = copy.write_port()
        read = copy.read_port(domain="comb")
        channel_bits = address_bits(self.config.width)
        m.d.comb += [
            write.en.eq(self.copied_valid),
            write.addr.eq(self.copied_word),
            write.data.eq(self.copied.counts.as_value()),
            read.addr.eq(self.cycle[channel_bits:self.value_bits] if self.config.line_words > 1 else 0),
        ]
        with m.If(self.copied_valid):
            m.d.sync += self.samples.eq(self.copied.samples)
        m.d.sync += self.value.eq(read.data.word_select(self.cycle[:channel_bits], COUNT_BITS))

    def histogram(self, m: Module) -> memory.ReadPort:
        """COPY: clears it. COUNT: channels of each count, and the balance if no channel were dense."""
        m.submodules.histogram = store = memory.Memory(shape=unsigned(self.value_bits + 1), depth=COUNT_MAXIMUM + 1,
                                                       init=[])
        write = store.write_port()
        read = store.read_port(domain="comb")
        clearing = self.phase == Phase.COPY
        counting = (self.phase == Phase.COUNT) & self.is_value
        m.d.comb += [
            read.addr.eq(self.value),
            write.en.eq(clearing | counting),
            write.addr.eq(Mux(clearing, self.cycle[:COUNT_BITS], self.value)),
            write.data.eq(Mux(clearing, 0, read.data + 1)),
        ]
        with m.If(clearing):
            m.d.sync += self.balance.eq(0)
        with m.If(counting):
            m.d.sync += self.balance.eq(self.balance + self.value)
        return read

    def search(self, m: Module, histogram: memory.ReadPort) -> None:
        """SEARCH: the lowest threshold at which the balance is not negative; the first, above all counts, always is."""
        trial = Signal(COUNT_BITS + 1)    # threshold that is tried; those of ``left`` channels more turn dense
        left = Signal(self.value_bits + 1)
        fixed = Signal(COUNT_BITS)
        with m.Switch(self.samples):
            for samples, threshold in enumerate(fixed_thresholds()):
                with m.Case(samples):
                    m.d.comb += fixed.eq(threshold)
        with m.If(self.phase != Phase.SEARCH):
            m.d.sync += [trial.eq(COUNT_MAXIMUM + 1), left.eq(0)]
        with m.Elif(left != 0):
            m.d.sync += [self.balance.eq(self.balance - trial - self.samples), left.eq(left - 1)]
        with m.Elif(trial != 0):
            m.d.comb += histogram.addr.eq(trial - 1)
            m.d.sync += [trial.eq(trial - 1), left.eq(histogram.data)]
            with m.If(self.balance >= 0):
                m.d.sync += [self.threshold.eq(Mux(self.front.fixed, fixed, trial)), self.budget.eq(self.balance)]

    def compare(self, m: Module) -> None:
        """COMPARE: the mask's bits, the first channel's lowest; ties below the threshold while the budget lasts."""
        price = Signal(COUNT_BITS + 1, reset_less=True)    # of each of them; it is there with the first channel
        tied = Signal()
        taken = Signal()
        m.d.comb += [
            tied.eq(~self.front.fixed & (self.value != 0) & (self.value + 1 == self.threshold)),
            taken.eq(tied & self.is_paid(price)),
        ]
        m.d.sync += price.eq(self.threshold - 1 + self.samples)
        with m.If((self.phase == Phase.COMPARE) & self.is_value):
            m.d.sync += self.mask.eq(Cat(self.mask[1:], (self.value >= self.threshold) | taken))
            with m.If(taken):
                m.d.sync += self.budget.eq(self.budget - price)

    def is_paid(self, price: Value) -> Value:
        """Whether with another channel the dense lane still needs no more cycles than the sparse one."""
        return self.budget >= price
