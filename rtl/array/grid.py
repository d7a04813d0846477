"""The array: lanes that are served in turn, dense pairs beside them, and the drain that collects their sums."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.hardware import HardwareConfig, address_bits
from golden.spec.latency import DENSE_DRAIN, DRAIN_LATENCY
from rtl.array.dense_lane import nibble_shape, pack_row
from rtl.array.dense_pair import DensePair
from rtl.array.dense_queue import LANES, find_dense
from rtl.array.lane import Lane
from rtl.array.layouts import ENTRY_BITS, LineControl
from rtl.array.line_queue import find_nonzero, find_work
from rtl.array.multiplier import require_family
from rtl.memory.ports import WritePort
from rtl.memory.word_check import with_check

COUNT_LATENCY = 2
"""Cycles from what lanes do to the counts of lanes that do it."""
COUNTS = ("issued", "waiting_line", "waiting_drain", "waiting_token")


class Grid(wiring.Component):
    """``lanes`` lanes of ``width`` multipliers, each at its own pace; with dense lanes, a dense pair beside every two.

    In its slot a lane may be given a line, and its complete sums are granted: they are ``drained`` ``drain_latency``
    cycles later. As one lane is served a cycle, no two meet at the port of the lines or at the drain. A line fetched in
    cycle t arrives in t + LINE_LATENCY - 2 and may be issued from t + LINE_LATENCY on. Counts come COUNT_LATENCY
    cycles late. Initiation interval: one line and one drained token a cycle.

    With dense lanes the channels of ``dense`` are multiplied by the pair, for both of its tokens, and the others by
    the lanes; a token is complete, and a line ended, when it is on both. So many pairs as ``dsp_lanes`` says multiply
    in DSP blocks, of ``family``; the others in look-up tables.
    """

    grant_stages = DRAIN_LATENCY - 1
    pair_unit = DensePair

    def __init__(self, config: HardwareConfig, lane: type[Lane] = Lane, family: str = "generic") -> None:
        require_family(family)
        self.config = config
        self.lane = lane
        self.family = family
        lane_bits = address_bits(config.lanes)
        channels = config.line_words * config.width
        super().__init__({
            "slot": In(lane_bits),        # the lane that is served
            "reserve": In(1),             # it is given a line in this cycle; needs ``space``
            "space": Out(1),              # it holds fewer than two lines; of the same cycle
            "partner_space": Out(1),      # so does the other lane of its pair
            "line": In(config.line_bits),
            "control": In(LineControl(config)),
            "dense": In(channels),        # channels of the line that the dense lanes multiply; none without dense lanes
            "line_valid": In(1),
            "line_lane": In(lane_bits),
            "nonzero": Out(channels),     # non-zero channels of the token's words of ``line``; of the same cycle
            "tile": In(WritePort(config.tile_rows, config.word_bits)),  # to every lane's copy
            "fault": Out(1),
            "collision": Out(1),
            "damaged": Out(1),       # a row that does not match its check bits
            "drained": Out(config.width * config.accumulator_bits),
            "drained_valid": Out(1),
            "drained_entry": Out(ENTRY_BITS),
            "drained_token": Out(lane_bits),
            "issued": Out(range(config.lanes + config.dense_lanes + 1)),
            **{name: Out(range(config.lanes + 1)) for name in COUNTS[1:]},
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        lanes = [self.lane(config) for _ in range(config.lanes)]
        pairs = [self.pair_unit(config, "dsp" if first < config.dsp_lanes else "lut", self.family)
                 for first in range(0, config.dense_lanes, LANES)]
        space, done = [lane.space for lane in lanes], [lane.done for lane in lanes]
        if pairs:
            space = [one & other for one, other in zip(space, Cat(pair.space for pair in pairs), strict=True)]
            done = [one & other for one, other in zip(done, Cat(pair.done for pair in pairs), strict=True)]
        served = [self.slot == index for index in range(config.lanes)]
        grant = [serve & complete for serve, complete in zip(served, done, strict=True)] if pairs else served
        self.feed_lanes(m, lanes, served, grant)
        self.feed_pairs(m, pairs, served, grant)
        units = [*lanes, *pairs]
        m.d.comb += [
            self.space.eq(Cat(space).bit_select(self.slot, 1)),
            self.partner_space.eq(Cat(space).bit_select(self.slot ^ 1, 1)),
            self.fault.eq(Cat(unit.fault for unit in units).any()),
            self.collision.eq(Cat(unit.collision for unit in units).any()),
        ]
        self.gather_damage(m, Cat(unit.damaged for unit in units))
        self.drain(m, lanes, pairs, done)
        for name in COUNTS:
            self.count(m, name, lanes, pairs if name == "issued" else [])
        return m

    def feed_lanes(self, m: Module, lanes: list[Lane], served: list[Value], grant: list[Value]) -> None:
        """Lines, each to its lane, with the channels to multiply; weight rows to every lane."""
        config = self.config
        nonzero = find_nonzero(m, config, self.line)
        used = Cat(word.replicate(config.width) for word in self.control.words)
        work = find_work(m, config, nonzero, self.control, self.excluded())
        m.d.comb += self.nonzero.eq(nonzero & used)
        row = self.kept(self.tile.data)
        for index, lane in enumerate(lanes):
            m.submodules[f"lane_{index}"] = lane
            m.d.comb += [
                lane.grant.eq(grant[index]),
                lane.reserve.eq(served[index] & self.reserve),
                lane.line.eq(self.line),
                lane.control.eq(self.control),
                lane.work.eq(work),
                lane.line_valid.eq(self.line_valid & (self.line_lane == index)),
                lane.tile.enable.eq(self.tile.enable),
                lane.tile.address.eq(self.tile.address),
                lane.tile.data.eq(row),
            ]

    def kept(self, row: Value) -> Value:
        """What every copy of the tile memory keeps for a weight row: its check bits are made once for all."""
        return with_check(row) if self.config.word_checks else row

    def gather_damage(self, m: Module, damaged: Value) -> None:
        """Of all copies; registered, as they come from far apart."""
        before = Signal(len(damaged))
        m.d.sync += before.eq(damaged)
        m.d.comb += self.damaged.eq(before.any())

    def excluded(self) -> Value | None:
        """Channels that the sparse lanes leave to the dense ones."""
        return self.dense if self.config.dense_lanes else None

    def feed_pairs(self, m: Module, pairs: list[DensePair], served: list[Value], grant: list[Value]) -> None:
        """The same for dense pairs; the weight rows for DSP blocks are packed once for all."""
        if not pairs:
            return
        work = find_dense(m, self.config, self.dense, self.control)
        rows = {"lut": self.kept(self.tile.data),
                "dsp": self.kept(pack_row(self.tile.data, nibble_shape(self.config)))}
        for number, pair in enumerate(pairs):
            m.submodules[f"pair_{number}"] = pair
            own = range(LANES * number, LANES * (number + 1))
            m.d.comb += [
                pair.grant.eq(Cat(grant[index] for index in own)),
                pair.reserve.eq(Cat(served[index] & self.reserve for index in own)),
                pair.line.eq(self.line),
                pair.control.eq(self.control),
                pair.work.eq(work),
                pair.line_valid.eq(Cat(self.line_valid & (self.line_lane == index) for index in own)),
                pair.tile.enable.eq(self.tile.enable),
                pair.tile.address.eq(self.tile.address),
                pair.tile.data.eq(rows[pair.multiply.kind]),
            ]

    def drain(self, m: Module, lanes: list[Lane], pairs: list[DensePair], done: list[Value]) -> None:
        """Stage 0: the grant; then the granted lane's sums, and with pairs its dense sums, and the sum of both."""
        layout = data.StructLayout({
            "valid": unsigned(1), "lane": unsigned(len(self.slot)), "entry": unsigned(ENTRY_BITS),
            "token": unsigned(len(self.slot))})
        grants = [Signal(layout, name="grant")]
        m.d.comb += [
            grants[0].valid.eq(Cat(done).bit_select(self.slot, 1)),
            grants[0].lane.eq(self.slot),
            grants[0].entry.eq(Array(lane.entry for lane in lanes)[self.slot]),
            grants[0].token.eq(Array(lane.token for lane in lanes)[self.slot]),
        ]
        selection = self.grant_stages
        for stage in range(1, selection + 2 + (DENSE_DRAIN if pairs else 0)):
            grants.append(Signal(layout, name=f"grant_{stage}"))
            m.d.sync += grants[stage].eq(grants[stage - 1])
        drained = self.select(m, "selected", grants[selection].lane, [lane.sums for lane in lanes])
        if pairs:
            sums = [pair.sums.word_select(lane, len(self.drained)) for pair in pairs for lane in range(LANES)]
            dense = self.select(m, "selected_dense", grants[selection + 1].lane, sums)
            drained = self.add_sums(m, drained, dense)
        m.d.comb += [self.drained.eq(drained), self.drained_valid.eq(grants[-1].valid),
                     self.drained_entry.eq(grants[-1].entry), self.drained_token.eq(grants[-1].token)]

    @staticmethod
    def select(m: Module, name: str, lane: Value, sums: list[Value]) -> Signal:
        """The sums of one lane, registered."""
        selected = Signal(len(sums[0]), name=name, reset_less=True)
        with m.Switch(lane):
            for index, choice in enumerate(sums):
                with m.Case(index):
                    m.d.sync += selected.eq(choice)
        return selected

    def add_sums(self, m: Module, sparse: Value, dense: Value) -> Signal:
        """Both kinds' sums of one token, registered; the sparse ones come a cycle before the dense ones."""
        bits = self.config.accumulator_bits
        delayed = Signal(len(sparse), name="selected_sparse", reset_less=True)
        added = Signal(len(sparse), name="added", reset_less=True)
        m.d.sync += delayed.eq(sparse)
        for column in range(self.config.width):
            one, other = (sums.word_select(column, bits).as_signed() for sums in (delayed, dense))
            total = Signal(signed(bits), name=f"sum_{column}")
            m.d.comb += total.eq(self.both(one, other))
            m.d.sync += added.word_select(column, bits).eq(total)
        return added

    @staticmethod
    def both(sparse: Value, dense: Value) -> Value:
        return sparse + dense

    def count(self, m: Module, name: str, lanes: list[Lane], pairs: list[DensePair]) -> None:
        """How many lanes, a pair being two; they were registered before, as they come from far apart."""
        units = Cat(getattr(unit, name) for unit in (*lanes, *pairs))
        before = Signal(len(units), name=f"{name}_lanes")
        single = sum(before[index] for index in range(len(lanes)))
        double = sum(before[index] for index in range(len(lanes), len(units)))
        m.d.sync += [before.eq(units), getattr(self, name).eq(single + double * LANES if pairs else single)]
