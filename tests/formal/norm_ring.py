"""The ring in which the norm keeps a token's words loses, repeats and reorders nothing: for all time, by induction.

Every word that the reader reads is written into the ring, and read from it exactly ``delay`` cycles after its own read:
with its value, once, in order, as the word of its token that it is; with two parts, the lower part and then the upper
one. The ring is never read where it is written in the same cycle.

The engine is the real one, with its reader, iterations, sum of squares, replay and memory; what computes with values,
and the writer, do anything. Assumed: a token has 1 to ``longest_words`` words; and the writer does not say that it is
done before the words have left the ring, as it counts them (``nests``). The longest token has as many words as fill
the ring that the engine makes for it, and fewer.

*History*: of each of the last cycles, whether a word was read in it, and its number in its token. *The marked word*:
any one, of which one bit is followed, any one too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from unittest.mock import patch

from amaranth.hdl import Assert, Assume, Module, Mux, Signal, Value

from golden.spec.hardware import HardwareConfig
from rtl.memory.part_ram import PARTS
from rtl.memory.ports import READ_LATENCY
from rtl.units.norm_control import WORDS_BITS
from rtl.units.norm_engine import NormEngine, longest_words
from tests.formal.memories import ProbedRam
from tests.formal.prove import SMALL, Monitor, Property, driven, fixed, free
from tests.formal.streams import free_inputs
from tests.formal.wiring import Anything

LANES = 2
HELD_STAGES = READ_LATENCY + 1
"""Cycles from a word's read to its write into the ring."""
LOOSE = ("writer", "reciprocal", "normalise", "modulate", "table", "gather")
"""Parts that do anything."""


def config(longest: int, parts: int) -> HardwareConfig:
    """Hardware whose longest token has so many words."""
    return dataclasses.replace(SMALL, lanes=LANES, residual_words=LANES * longest, norm_parts=parts)


class RingMonitor(Monitor):
    def __init__(self, hardware: HardwareConfig, unit: type) -> None:
        self.unit = unit(hardware)
        self.parts, self.longest = hardware.norm_parts, longest_words(hardware)

    def claim(self, m: Module) -> None:
        unit = self.unit
        self.place(m)
        free_inputs(m, unit)
        self.words = unit.held.words
        self.delays(m)
        self.follow(m)
        in_flight = self.reads[1:]
        m.d.comb += [
            Assume(~unit.iterations.accept | ~(any_of(in_flight) | unit.iterations.running), "the writer counts"),
            Assume((unit.descriptor.payload.words >= 1) & (unit.descriptor.payload.words <= self.longest)),
            Assert(~(any_of(in_flight) | unit.iterations.running | unit.iterations.waiting)
                   | ((self.words >= 1) & (self.words <= self.longest))),
        ]
        self.tokens(m)
        self.replayed(m)
        self.level(m)
        self.marked(m)

    def place(self, m: Module) -> None:
        """The engine, of whose parts some do anything, and the signals of the others."""
        with patch("rtl.units.norm_engine.Ram", ProbedRam):
            m.submodules.unit = body = self.unit.elaborate(None)
        self.unit._MustUse__used = True
        self.parts_own = {}
        for name, (part, where) in list(body._named_submodules.items()):
            if name in LOOSE:
                body._named_submodules[name] = Anything(part), where
            elif name in ("reader", "replay"):
                body._named_submodules[name] = inner, _ = part.elaborate(None), where
                part._MustUse__used = True
                self.parts_own[name] = {signal.name: signal for signal in inner._driving}
        self.ring = {signal.name: signal for signal in body._driving}

    def delays(self, m: Module) -> None:
        """Cycles from a word's read by the reader to its read from the ring, for each length of a token and pace."""
        def delay(words: int, slow: int) -> int:
            return HELD_STAGES + self.unit.square_sum.latency + 1 + (words - 1) * (1 + slow) + (self.parts == PARTS)

        slows = (1,) if self.parts == PARTS else (0, 1)
        self.delay_of = {(words, slow): delay(words, slow) for words in range(1, self.longest + 1) for slow in slows}
        self.last = max(self.delay_of.values()) + READ_LATENCY + 1
        self.delay = Signal(range(self.last + 1))
        for (words, slow), cycles in self.delay_of.items():
            with m.If((self.words == words) & (self.unit.slow == slow)):
                m.d.comb += self.delay.eq(cycles)

    def follow(self, m: Module) -> None:
        """The history; a word is forgotten when it has left the ring."""
        reader = self.unit.reader
        self.reads, self.numbers = [reader.enable], [self.parts_own["reader"]["word"]]
        for cycle in range(1, self.last + 1):
            read, number = Signal(name=f"read_{cycle}"), Signal(WORDS_BITS, name=f"number_{cycle}")
            m.d.sync += [read.eq(self.reads[-1] & (cycle - 1 <= self.delay + READ_LATENCY)),
                         number.eq(self.numbers[-1])]
            self.reads.append(read)
            self.numbers.append(number)

    def at(self, values: list[Value], later: int = 0) -> Value:
        """What the history says of the cycle ``delay`` ago, or ``later`` cycles before it."""
        result = values[0]
        for cycles in sorted(set(self.delay_of.values())):
            result = Mux(self.delay == cycles, values[cycles + later], result)
        return result

    def tokens(self, m: Module) -> None:
        """A token's words are read one after the other; the reader's registers say which comes next."""
        slow, own, last = self.unit.slow, self.parts_own["reader"], self.words - 1
        running = self.unit.iterations.running
        for pace, step in ((~slow, 1), (slow, 2)):
            for cycle, (read, number) in enumerate(zip(self.reads, self.numbers, strict=True)):
                here = pace & read & (cycle <= self.delay + READ_LATENCY)
                m.d.comb += Assert(~here | (number <= last))
                if cycle >= step:
                    after, its = self.reads[cycle - step], self.numbers[cycle - step]
                    follows = after & (its == number + 1)
                    m.d.comb += Assert(~here | (number == last) | follows, "the next word follows")
                if cycle + step <= self.last:
                    before, its = self.reads[cycle + step], self.numbers[cycle + step]
                    known = here & (number != 0) & (cycle + step <= self.delay + READ_LATENCY)
                    m.d.comb += Assert(~known | (before & (its == number - 1)), "the word before it came")
                if cycle >= step == 2:
                    m.d.comb += Assert(~here | ~self.reads[cycle - 1], "a pause")
        m.d.comb += [
            Assert(running | ((own["word"] == 0) & ~own["second"])),
            Assert(own["second"] == (slow & self.reads[1] & running)),
            Assert(~running | (own["word"] < self.words)),
            Assert((own["word"] == 0) | own["second"] | Mux(slow, self.reads[2], self.reads[1])),
        ]

    def replayed(self, m: Module) -> None:
        """The claim on time: the replay is the history, ``delay`` cycles ago."""
        unit, own = self.unit, self.parts_own["replay"]
        now, then = self.at(self.reads), self.at(self.reads, 1)
        second = then & unit.slow
        parts = self.parts == PARTS
        number = Mux(now, self.at(self.numbers), self.at(self.numbers, 1))
        m.d.comb += [
            Assert(unit.replay.enable == (now | (second if parts else 0)), "each word, or part, once and in time"),
            Assert(~unit.replay.enable | (unit.replay.word == number), "the word that it is"),
            Assert(unit.replay.upper == second, "the lower part first"),
            Assert(own["active"] == (now | second)),
            Assert(~own["active"] | (own["second"] == second)),
            Assert(~own["active"] | (own["word"] == number)),
        ]

    def halves(self) -> Iterator[tuple[int, Value]]:
        """Age and presence of each word, or part, by cycles since its write: 0 in the cycle of the write."""
        for part in range(self.parts):
            for cycle, read in enumerate(self.reads):
                if cycle >= HELD_STAGES + part:
                    yield cycle - HELD_STAGES - part, read

    def count(self, chosen: Callable[[int], Value]) -> Value:
        """How many words, or parts, of a chosen age there are."""
        return sum(read & chosen(age) for age, read in self.halves())

    def level(self, m: Module) -> None:
        """The ring's pointers are as far apart as there are words in it; it is never read where it is written."""
        self.kept = self.delay - HELD_STAGES      # cycles in the ring
        inside = self.count(lambda age: (age >= 1) & (age <= self.kept) if age else Value.cast(0))
        m.d.comb += [
            Assert((self.ring["head"] - self.ring["oldest"])[:len(self.ring["head"])]
                   == inside[:len(self.ring["head"])], "as many as there are"),
            Assert(~self.unit.delay.collision & ~self.unit.delay.fault, "not read where it is written"),
        ]

    def marked(self, m: Module) -> None:
        """The claim on values, of any bit of any word."""
        ring, address_bits = self.unit.delay, len(self.ring["head"])
        place = fixed(m, "place", range(ring.bits))
        mark, marking = Signal(), Signal()
        held, bit, upper = Signal(), Signal(), Signal()
        address, age = Signal(address_bits), Signal(range(self.last + 1))
        free(m, mark)
        m.d.comb += [Assume(place < ring.bits), marking.eq(mark & ring.write.enable & ~held)]
        with m.If(marking):
            m.d.sync += [held.eq(1), bit.eq(ring.write.data.bit_select(place, 1)), age.eq(1),
                         address.eq(self.ring["head"]), upper.eq(~self.reads[HELD_STAGES])]
        with m.Elif(held):
            m.d.sync += [age.eq(age + 1), held.eq(age != self.kept + READ_LATENCY)]
        leaves = held & (age == self.kept)
        (probed, word), *others = ring.probes
        m.d.comb += [probe.eq(0) for probe, _ in others]
        newer = self.count(lambda other: (other >= 1) & (other <= age) if other else Value.cast(0))
        there = sum(read & (other == age) & (upper == part) for part in range(self.parts)
                    for other, read in enumerate(self.reads[HELD_STAGES + part:]))
        m.d.comb += [
            probed.eq(address),
            Assert(~leaves | (ring.read.enable & (ring.read.address == address)), "it is read in its turn"),
            Assert(~(held & (age == self.kept + READ_LATENCY)) | (ring.read.data.bit_select(place, 1) == bit),
                   "with its value"),
            Assert(~held | (age > self.kept) | (word.bit_select(place, 1) == bit), "stored"),
            Assert(~held | (age > self.kept) | (address == (self.ring["head"] - newer)[:address_bits])),
            Assert(~held | (there != 0)),
            Assert(~held | ((age >= 1) & (age <= self.kept + READ_LATENCY))),
        ]


def any_of(bits: list[Value]) -> Value:
    """Whether one of them is set."""
    result = bits[0]
    for bit in bits[1:]:
        result = result | bit
    return result


class ShortRing(NormEngine):
    """Has half the ring that it needs."""

    def delay_words(self, m: Module) -> None:
        super().delay_words(m)
        ring, head = self.delay, driven(m, "head")
        half = ring.depth // 2
        for pointer, port in ((head, ring.write), (driven(m, "oldest"), ring.read)):
            m.d.comb += port.address.eq(pointer & (half - 1))


class HastyRing(NormEngine):
    """Replays a token before its last word was squared."""

    def find_root(self, m: Module) -> None:
        super().find_root(m)
        m.d.comb += self.replay.start.eq(self.valid & self.last)


class ForgetfulRing(NormEngine):
    """Writes a word over the one before it when a token ends."""

    def delay_words(self, m: Module) -> None:
        super().delay_words(m)
        with m.If(self.valid & self.last):
            m.d.sync += driven(m, "head").eq(driven(m, "head"))


def ring(longest: int, parts: int, bugs: tuple[type, ...]) -> Property:
    """The proof for tokens of up to so many words, each in so many parts."""
    return Property(f"norm_ring_{longest}_{parts}", partial(RingMonitor, config(longest, parts)), NormEngine, bugs,
                    depth=10, induction=True)


PROPERTIES = [ring(2, 1, (ShortRing, HastyRing, ForgetfulRing)), ring(5, 2, (ForgetfulRing,))]
