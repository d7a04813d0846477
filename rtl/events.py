"""Event ports of the core: what its engines do in which cycle, for a simulation's timeline and waveforms.

They show signals that are there anyway and change nothing; a core without them has none of this.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.spec.descriptors import ENGINES, Engine, Opcode
from golden.spec.hardware import REGISTER_BITS, HardwareConfig
from rtl.array.engine import ArrayEngine
from rtl.control.engine import descriptor_layout
from rtl.units.norm_engine import NormEngine

NAMES = tuple(engine.name.lower() for engine in Engine)
LANES_BITS = 8


def control_layout() -> data.StructLayout:
    """Pulses of one cycle; a bit for each engine where there are ENGINES.

    ``fetch`` with ``address``: the sequencer reads a descriptor; ``executed``: it is done with one; ``issue``: that one
    went to an engine's queue; ``accept``: an engine takes the oldest of its queue. ``allocate`` and ``retire``: a group
    of tokens of the array begins and ends.
    """
    return data.StructLayout({
        "fetch": 1, "address": REGISTER_BITS, "executed": 1, "step_end": 1, "done": 1, "issue": ENGINES,
        "accept": ENGINES, "allocate": 1, "retire": 1})


def state_layout() -> data.StructLayout:
    """Levels; a bit for each engine where there are ENGINES.

    ``queued``: a descriptor waits in front of the engine; ``blocked``: the sequencer waits for room in that queue;
    ``missing_<engine>``: semaphores from these engines that hold its oldest descriptor back; ``array_*``: what the
    array waits for, as the counters STALL_* count it; ``dispatching``: tokens of a descriptor of the array are being
    handed out; ``norm_waiting``: the norm waits between two groups.
    """
    return data.StructLayout({
        "running": 1, "paused": 1, "busy": ENGINES, "idle": ENGINES, "queued": ENGINES, "blocked": ENGINES,
        **{f"missing_{name}": ENGINES for name in NAMES},
        "array_waiting": ENGINES, "array_starved": 1, "array_windowed": 1, "dispatching": 1, "norm_waiting": 1})


def lanes_layout() -> data.StructLayout:
    """The array's lanes in a cycle, as the counters count them.

    How many multiply or wait for what, words fetched, and whether a vector of sums is drained.
    """
    return data.StructLayout({
        "multiplying": LANES_BITS, "line": LANES_BITS, "drain": LANES_BITS, "token": LANES_BITS, "words": LANES_BITS,
        "drained": 1})


def event_layouts() -> dict[str, data.StructLayout]:
    """Fields of each event port; ``accept_<engine>`` has those of the descriptor that is taken."""
    return {"control": control_layout(), "state": state_layout(), "lanes": lanes_layout(),
            **{f"accept_{name}": descriptor_layout(Opcode(engine))
               for engine, name in zip(Engine, NAMES, strict=True)}}


def event_members() -> dict[str, wiring.Member]:
    """Ports: ``event_<name>`` is worth recording in a cycle with its ``enable``; the data of levels is always valid.

    ``event_begin`` comes in the cycle before the first one that counts, ``event_running`` in every one that does.
    """
    ports = {f"event_{name}": Out(wiring.Signature({"enable": Out(1), "data": Out(layout.size)}))
             for name, layout in event_layouts().items()}
    return {**ports, "event_begin": Out(1), "event_running": Out(1)}


def describe_events() -> list[dict]:
    """For ``core.json``: name, bits, and fields with their bits, least significant first."""
    return [{"name": name, "bits": layout.size,
             "fields": [{"name": key, "bits": field.width} for key, field in layout]}
            for name, layout in event_layouts().items()]


class WatchedArray(ArrayEngine):
    """An array that shows its groups, its drain and its dispatcher in ``seen``."""

    def __init__(self, config: HardwareConfig, family: str = "generic") -> None:
        super().__init__(config, family=family)
        self.seen = Signal(data.StructLayout({"allocate": 1, "retire": 1, "drained": 1, "dispatching": 1}), name="seen")

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += [
            self.seen.allocate.eq(self.dispatcher.allocate),
            self.seen.retire.eq(self.in_flight.retire),
            self.seen.drained.eq(self.grid.drained_valid),
            self.seen.dispatching.eq(~self.dispatcher.idle),
        ]
        return m


class WatchedNorm(NormEngine):
    """A norm that shows in ``seen_waiting`` when it waits between two groups."""

    def __init__(self, config: HardwareConfig) -> None:
        super().__init__(config)
        self.seen_waiting = Signal()

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.seen_waiting.eq(self.iterations.waiting)
        return m


def connect_events(m: Module, core: wiring.Component) -> None:
    """Drive the event ports of a core whose array and norm are watched."""
    layouts = event_layouts()
    running = core.sequencer.running
    control = Signal(layouts["control"], name="control_events")
    state = Signal(layouts["state"], name="state_events")
    lanes = Signal(layouts["lanes"], name="lanes_events")
    drive_control(m, core, control)
    drive_state(m, core, state)
    drive_lanes(m, core, lanes)
    pulses = Cat(control[key] for key, _ in layouts["control"] if key != "address")
    show(m, core.event_control, control, pulses.any())
    for name, levels in (("state", state), ("lanes", lanes)):
        before = Signal(len(levels.as_value()), name=f"{name}_before")
        m.d.sync += before.eq(levels)
        show(m, getattr(core, f"event_{name}"), levels, before != levels.as_value())
    for engine, name in zip(Engine, NAMES, strict=True):
        unit = core.engines[engine]
        show(m, getattr(core, f"event_accept_{name}"), unit.descriptor.payload, control.accept[engine])
    m.d.comb += [core.event_begin.eq(core.sequencer.begin), core.event_running.eq(running)]


def show(m: Module, port: wiring.PureInterface, content: data.View, enable: Value) -> None:
    """Drive one port."""
    m.d.comb += [port.enable.eq(enable), port.data.eq(content)]


def drive_control(m: Module, core: wiring.Component, control: data.View) -> None:
    """Pulses of sequencer and engines."""
    sequencer, units = core.sequencer, core.engines.values()
    issues = [getattr(sequencer, f"issue_{name}") for name in NAMES]
    m.d.comb += [
        control.fetch.eq(sequencer.program.enable & ~sequencer.program.address[0]),     # the first of its parts
        control.address.eq(sequencer.program.address[1:]),
        control.executed.eq(sequencer.progress),
        control.step_end.eq(sequencer.step_end),
        control.done.eq(sequencer.done),
        control.issue.eq(Cat(issue.valid & issue.ready for issue in issues)),
        control.accept.eq(Cat(unit.descriptor.valid & unit.descriptor.ready for unit in units)),
        control.allocate.eq(core.array.seen.allocate),
        control.retire.eq(core.array.seen.retire),
    ]


def drive_state(m: Module, core: wiring.Component, state: data.View) -> None:
    """Levels of sequencer and engines; waits of the array count only while the sequencer runs, as its counters do."""
    sequencer, units, array = core.sequencer, core.engines.values(), core.array
    issues = [getattr(sequencer, f"issue_{name}") for name in NAMES]
    m.d.comb += [
        state.running.eq(sequencer.running),
        state.paused.eq(sequencer.paused),
        state.busy.eq(Cat(unit.busy for unit in units)),
        state.idle.eq(Cat(unit.idle for unit in units)),
        state.queued.eq(Cat(unit.descriptor.valid for unit in units)),
        state.blocked.eq(Cat(issue.valid & ~issue.ready for issue in issues)),
        state.array_waiting.eq(Mux(sequencer.running, array.waiting, 0)),
        state.array_starved.eq(sequencer.running & array.starved),
        state.array_windowed.eq(sequencer.running & array.windowed),
        state.dispatching.eq(array.seen.dispatching),
        state.norm_waiting.eq(core.norm.seen_waiting),
    ]
    for name, unit in zip(NAMES, units, strict=True):
        upcoming = unit.descriptor
        needs = upcoming.payload.wait_first | upcoming.payload.wait_each
        held = upcoming.valid & ~upcoming.ready
        m.d.comb += state[f"missing_{name}"].eq(Mux(held, needs & ~unit.available, Const(0, ENGINES)))


def drive_lanes(m: Module, core: wiring.Component, lanes: data.View) -> None:
    """What the lanes' counters add in this cycle."""
    array = core.array
    m.d.comb += [
        lanes.multiplying.eq(array.issued),
        lanes.line.eq(array.waiting_line),
        lanes.drain.eq(array.waiting_drain),
        lanes.token.eq(Mux(array.busy, array.waiting_token, 0)),
        lanes.words.eq(array.offered),
        lanes.drained.eq(array.seen.drained),
    ]
