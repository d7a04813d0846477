"""Noise: xoshiro128++ and the sum of eight bytes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig

WORD_BITS = 32
STATE_WORDS = 4
BYTE_SUM_BITS = 10


class NoiseGenerator(wiring.Component):
    """One xoshiro128++ stream: one 32-bit output for each cycle with ``enable``, two outputs a value.

    Matches ``golden.integer.noise`` bit for bit. ``load`` sets the state to ``state`` (word 0 lowest) and wins over
    ``enable``. A word follows its enable after WORD_LATENCY cycles and a value its second enable after LATENCY cycles;
    both hold until the next one.
    """

    WORD_LATENCY = 2
    LATENCY = 3

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "load": In(1),
            "state": In(STATE_WORDS * WORD_BITS),
            "enable": In(1),
            "word": Out(WORD_BITS),
            "value": Out(signed(numbers.NOISE_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = [Signal(WORD_BITS, name=f"state_{i}", reset_less=True) for i in range(STATE_WORDS)]
        with m.If(self.load):
            m.d.sync += Cat(*state).eq(self.state)
        with m.Elif(self.enable):
            m.d.sync += [word.eq(new) for word, new in zip(state, self.next_state(*state), strict=True)]

        # Stage 1: the sum of the outer words.
        enable_1 = Signal()
        total = Signal(WORD_BITS, reset_less=True)
        first = Signal(WORD_BITS, reset_less=True)
        m.d.sync += enable_1.eq(self.enable)
        m.d.sync += total.eq(state[0] + state[3])
        m.d.sync += first.eq(state[0])

        # Stage 2: the output.
        enable_2 = Signal()
        m.d.sync += enable_2.eq(enable_1)
        with m.If(enable_1):
            m.d.sync += self.word.eq(total.rotate_left(7) + first)

        # Stage 3: the sum of its bytes, beside that of the output before.
        latest = Signal(BYTE_SUM_BITS, reset_less=True)
        previous = Signal(BYTE_SUM_BITS, reset_less=True)
        parts = [self.word.word_select(i, 8) for i in range(4)]
        with m.If(enable_2):
            m.d.sync += latest.eq((parts[0] + parts[1]) + (parts[2] + parts[3]))
            m.d.sync += previous.eq(latest)
        m.d.comb += self.value.eq(previous + latest - numbers.NOISE_MEAN)
        return m

    def next_state(self, s0: Signal, s1: Signal, s2: Signal, s3: Signal) -> tuple:
        """The state after one output."""
        mixed_2 = s2 ^ s0
        mixed_3 = s3 ^ s1
        return s0 ^ mixed_3, s1 ^ mixed_2, mixed_2 ^ (s1 << 9)[:WORD_BITS], mixed_3.rotate_left(11)
