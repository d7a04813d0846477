"""Detector: counts non-zeros of sampled lines and decides which channels the dense lanes take."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import SPLIT_ENTRY_BITS, HardwareConfig
from golden.spec.split import RANGE_BITS, REQUEST_DEPTH, SAMPLE_DEPTH, line_channels
from rtl.array.decider import Decider, RequestLayout
from rtl.array.sample_counters import SampleCounters, SampleLayout
from rtl.memory.bounds import bounded
from rtl.memory.burst_queue import BurstQueue
from rtl.memory.ports import WritePort


class Detector(wiring.Component):
    """Statistics of the split table's entries, and new masks from them, in the background of the array.

    **Samples** come up to one a cycle and are counted one in ``sample_cycles`` cycles, from a queue of SAMPLE_DEPTH
    (32). One that finds no room is lost: ``overrun`` tells, and the core reports a conflict at the split table. A turn
    is ``lanes`` cycles: a lane fetches at most one line in it. One token of ``lanes`` is a sample, so in the long run
    one sample comes a turn. But the groups in flight, up to GROUPS_IN_FLIGHT (8), may have all their sampled tokens in
    lanes at once.

    - While no more than lanes // sample_cycles (4: 16 lanes, lines of 4 words; 2: 8 lanes) are fetched at once, all
      that come in a turn are counted in one; these wait, and one more for a copy, which takes the time of a sample.
    - Whatever the groups do, no more than 8 come a turn (with up to 16 lanes a group takes the place of another no
      sooner than a turn after the last line of its sampled token), and in w turns no more than 16 * L + w for rows of
      up to L lines: w of groups that are fetched wholly in them, as a group's sampled token is one of ``lanes`` alike,
      and L of each other one, in flight at the beginning or the end. So the queue grows for 16 * L / 7 turns at most,
      by 8 - 4 in each: there is room for rows of up to 3 lines, or 2 with 8 lanes.
    - For longer rows nothing is guaranteed, and an overrun ends the run with that error. It needs that the oldest of
      more than four sampled tokens has been slow while four groups passed it, and that then all of them are fast for
      many lines: with 16 lanes, the queue is full after some 8 turns with a line of eight of them, or 32 with five.

    **Decisions**: entries ``decide_entry`` on, ``decide_count`` of them (0 as 1), by golden/integer/split.py. Samples
    of the request's cycle and before count for it. One that comes later counts for it until the copy of its entry's
    counters is taken, and for the next decision from then on: none is lost. Each entry takes ``decide_cycles`` cycles,
    whatever comes meanwhile: a request of cycle t to an idle detector writes its n-th mask (from 1) in cycle
    t + n * decide_cycles. REQUEST_DEPTH requests are held, the one at work included; one more is lost, and tells
    ``request_overrun``. ``busy`` from t + 1 to the last entry's last cycle; from then on the memory has its mask.
    """

    counters_unit = SampleCounters
    decider_unit = Decider
    queue_unit = BurstQueue

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "sample_valid": In(1),
            "sample_entry": In(SPLIT_ENTRY_BITS),
            "sample_nonzero": In(line_channels(config)),  # of the masked words, as they lie in the line
            "decide_valid": In(1),
            "decide_entry": In(SPLIT_ENTRY_BITS),
            "decide_count": In(RANGE_BITS),
            "decide_fixed": In(1),
            "split": Out(WritePort(*config.memory_shapes["split"])),
            "busy": Out(1),
            "overrun": Out(1),
            "request_overrun": Out(1),
            "fault": Out(1),     # an entry past the table's end
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.samples = samples = self.queue_unit(SAMPLE_DEPTH, SampleLayout(self.config))
        m.submodules.requests = requests = BurstQueue(REQUEST_DEPTH, RequestLayout())
        m.submodules.counters = counters = self.counters_unit(self.config)
        m.submodules.decider = decider = self.decider_unit(self.config)
        m.d.comb += [
            samples.push.eq(self.sample_valid),
            samples.item.entry.eq(self.sample_entry),
            samples.item.nonzero.eq(self.sample_nonzero),
            requests.push.eq(self.decide_valid),
            requests.item.entry.eq(self.decide_entry),
            requests.item.count.eq(self.decide_count),
            requests.item.fixed.eq(self.decide_fixed),
            samples.pop.eq(counters.pop),
            requests.pop.eq(decider.pop),
            counters.copy_entry.eq(decider.entry),
            self.split.enable.eq(decider.write),
            self.split.address.eq(bounded(decider.entry, self.split.address)),
            self.split.data.eq(decider.mask),
            self.busy.eq(requests.valid),
            self.overrun.eq(samples.overrun),
            self.request_overrun.eq(requests.overrun),
            self.fault.eq(counters.fault),
        ]
        m.d.comb += [getattr(counters, name).eq(getattr(samples, name)) for name in ("valid", "several", "front")]
        m.d.comb += [getattr(decider, name).eq(getattr(requests, name)) for name in ("valid", "front")]
        m.d.comb += counters.copy_due.eq(decider.copy_due)
        m.d.comb += [getattr(decider, name).eq(getattr(counters, name))
                     for name in ("copy_taken", "copied_valid", "copied_word", "copied")]
        return m
