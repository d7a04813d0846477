"""Each channel that is dense or counts is multiplied exactly once, by exactly one of the two kinds of lanes.

In three steps. **Split**: for every line, every mask of dense channels and every set of the token's words, the channels
of the sparse lane and those of the dense pair have none in common, and are together those of the token's words that are
dense, not zero, or all where zeros are not skipped. **Queues**: the sparse lane issues each of its channels once, as
``tests.formal.line_queue`` proves, here with dense channels among them, and value 0 where it has none. The pair issues
each of its own once, as ``tests.formal.dense_queue`` proves. **Sums**: whatever a queue issues that keeps back last
channels on demand, and whatever is granted, no token is done before its lane's last one is granted, and its sums change
only DENSE_SUMS_LATENCY cycles after a last channel. By induction, for all time.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import HardwareConfig
from rtl.array.dense_pair import DENSE_SUMS_LATENCY, DensePair
from rtl.array.dense_queue import LANES, DenseQueue, find_dense
from rtl.array.layouts import LineControl
from rtl.array.line_queue import LineQueue, LineWork, Step, find_nonzero, find_work, without_lowest
from rtl.bench.bugs_pair import HastyPair, StaleQueue
from tests.formal.dense_queue import BITS, CHANNELS, PAIR, WIDTH
from tests.formal.line_queue import QueueMonitor
from tests.formal.prove import Monitor, Property, free, previous


class Split(wiring.Component):
    """Both kinds' channels of a line."""

    def __init__(self, config: HardwareConfig) -> None:
        self.config = config
        super().__init__({
            "line": In(config.line_bits), "control": In(LineControl(config)), "dense": In(CHANNELS),
            "sparse_work": Out(LineWork(config)), "dense_work": Out(LineWork(config))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        nonzero = find_nonzero(m, self.config, self.line)
        m.d.comb += [
            self.sparse_work.eq(find_work(m, self.config, nonzero, self.control, self.excluded())),
            self.dense_work.eq(find_dense(m, self.config, self.dense, self.control))]
        return m

    def excluded(self) -> Value | None:
        return self.dense


class DoubleSplit(Split):
    """Leaves the dense channels to the sparse lanes too."""

    def excluded(self) -> Value | None:
        return None


class SplitMonitor(Monitor):
    def __init__(self, unit: type) -> None:
        self.unit = unit(PAIR)

    def claim(self, m: Module) -> None:
        m.submodules.unit = unit = self.unit
        free(m, unit.line, unit.control, unit.dense)
        sparse, dense, control = unit.sparse_work, unit.dense_work, unit.control
        used = Cat(word.replicate(WIDTH) for word in control.words)
        counts = Cat(unit.line.word_select(place, BITS).any() | ~control.skip for place in range(CHANNELS))
        words = [Cat(work.channels.word_select(word, WIDTH).any() for word in range(PAIR.line_words))
                 for work in (sparse, dense)]
        m.d.comb += [
            Assume(control.words != 0),
            Assert((sparse.channels & dense.channels) == 0, "not on both"),
            Assert((sparse.channels | dense.channels) == ((counts | unit.dense) & used), "all on one"),
            Assert(dense.words == words[1], "dense words"),
            Assert(sparse.words == Mux(words[0].any(), words[0], control.words & ~without_lowest(control.words)),
                   "sparse words"),
        ]


class SplitQueueMonitor(QueueMonitor):
    """The sparse lane's queue, where other lanes multiply any of the channels."""

    config = PAIR

    def excluded(self, m: Module) -> Value:
        dense = Signal(CHANNELS)
        free(m, dense)
        return dense

    @staticmethod
    def operand(todo: Value, value: Value) -> Value:
        return Mux(todo.any(), value, 0)


class FreeQueue(DenseQueue):
    """Issues anything, but not the last channel of a token while it is held."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        free(m, self.address, self.read, self.values)
        go = Signal()
        free(m, go)
        held = Cat(self.steps[lane].last & self.hold[lane] for lane in range(LANES)).any()
        for lane in range(LANES):
            step = Signal(Step, name=f"step_{lane}")
            free(m, step)
            m.d.comb += [self.steps[lane].eq(step), self.steps[lane].valid.eq(step.valid & go & ~held)]
        return m


class SumsMonitor(Monitor):
    def __init__(self, unit: type[DensePair]) -> None:
        self.unit = type(unit.__name__, (unit,), {"queue_unit": FreeQueue})(PAIR, "lut")

    def claim(self, m: Module) -> None:
        unit = self.unit
        m.submodules.unit = body = unit.elaborate(None)
        unit._MustUse__used = True
        free(m, unit.grant, unit.tile.enable, unit.tile.address, unit.tile.data)
        steps = body.submodules.queue.steps
        for lane in range(LANES):
            done, last, granted = unit.done[lane], Signal(name=f"last_{lane}"), Signal(name=f"granted_{lane}")
            sums = Signal(len(unit.sums) // LANES, name=f"sums_{lane}")
            m.d.comb += [
                last.eq(steps[lane].valid & steps[lane].last),
                granted.eq(done & unit.grant[lane]),
                sums.eq(unit.sums.word_select(lane, len(sums))),
            ]
            waiting = Signal(name=f"waiting_{lane}")
            m.d.sync += waiting.eq(done & ~granted)
            m.d.comb += [
                Assert(~last | ~done | granted, "granted before the next is complete"),
                Assert(done == (waiting | previous(m, last)), "done from the last channel to the grant"),
                Assert((sums == previous(m, sums)) | previous(m, last, DENSE_SUMS_LATENCY), "sums kept"),
            ]


PROPERTIES = [
    Property("split", SplitMonitor, Split, (DoubleSplit,), depth=1, induction=True),
    Property("line_queue_split", SplitQueueMonitor, LineQueue, (StaleQueue,), depth=8, induction=True),
    Property("dense_sums", SumsMonitor, DensePair, (HastyPair,), depth=DENSE_SUMS_LATENCY + 3, induction=True),
]
