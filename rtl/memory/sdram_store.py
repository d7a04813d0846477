"""The weight store in an SDRAM: what ``CheckedRam`` is in block RAM, but fetched in order."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.hardware import REGISTER_BITS, HardwareConfig
from golden.spec.sdram import require_size
from rtl.memory.ports import READ_LATENCY, WritePort
from rtl.memory.sdram import COUNT_BITS, SdramController, SdramPins
from rtl.memory.word_check import WordCheck, with_check


class FetchPort(wiring.Signature):
    """Reader's side: a pulse of ``start`` asks for ``count`` words from ``first`` on.

    In the cycles of ``golden.spec.sdram.arrivals``, counted from the pulse, ``coming`` is high and counts as the read
    of the next word, whose ``data`` is there READ_LATENCY (2) cycles later for one cycle. A pulse before all words of
    the last one have come is not allowed, but after ``abort``, which ends what is under way.
    """

    def __init__(self, bits: int) -> None:
        super().__init__({
            "start": Out(1),
            "first": Out(REGISTER_BITS),
            "count": Out(COUNT_BITS),
            "coming": In(1),
            "data": In(bits),
        })


class SdramStore(wiring.Component):
    """``weight_words`` words of ``word_bits`` bits; written with their check bits, verified when they are fetched.

    ``write`` takes a word where ``filling`` is low; then that is high until the word is written (``SdramController``).
    ``fault``: a word at or past the end is written or asked for, in the same cycle; nothing is written or fetched then.
    ``collision``: a write that comes too soon and is lost. ``damaged``: 1 cycle after the data of a word that does not
    match its check bits. Raises ``ConfigError`` for more words than the chip holds.
    """

    controller_unit = SdramController

    def __init__(self, config: HardwareConfig) -> None:
        require_size(config)
        self.config = config
        self.checked = bool(config.word_checks)
        depth, bits = config.memory_shapes["weight"]
        self.depth = depth
        self.bits = bits
        super().__init__({
            "write": In(WritePort(depth, bits)),
            "filling": Out(1),
            "fetch": In(FetchPort(bits)),
            "abort": In(1),
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),
            "pins": Out(SdramPins()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = self.controller_unit(self.config)
        connect(m, controller.pins, flipped(self.pins))
        write, fetch = self.write, self.fetch
        write_fault = Signal()
        past_end = Signal()
        m.d.comb += [
            write_fault.eq(write.enable & (write.address >= self.depth)),
            past_end.eq(fetch.first + fetch.count > self.depth),
            self.fault.eq(write_fault | (fetch.start & past_end)),
            self.filling.eq(controller.filling),
            self.collision.eq(write.enable & controller.filling),
            controller.write.eq(write.enable & ~write_fault & ~controller.filling),
            controller.write_word.eq(write.address),
            controller.write_data.eq(with_check(write.data) if self.checked else write.data),
            controller.fetch.eq(fetch.start & ~past_end),
            controller.first.eq(fetch.first),
            controller.count.eq(fetch.count),
            controller.abort.eq(self.abort),
            fetch.coming.eq(controller.coming),
            fetch.data.eq(controller.word),
        ]
        if self.checked:
            self.verify(m, controller)
        return m

    def verify(self, m: Module, controller: SdramController) -> None:
        """Each word that came, in the cycle in which it is there."""
        m.submodules.check = check = WordCheck(self.bits)
        coming = controller.coming
        for stage in range(READ_LATENCY):
            following = Signal(name=f"coming_{stage}")
            m.d.sync += following.eq(coming)
            coming = following
        m.d.comb += [check.word.eq(controller.word), check.valid.eq(coming), self.damaged.eq(check.damaged)]
