"""Whether a timeline agrees with the program, with the RTL's own counters and with the timing model: exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from golden.spec.descriptors import Engine
from golden.spec.hardware import HardwareConfig
from golden.spec.registers import BUSY_COUNTERS, STALL_COUNTERS
from golden.spec.timing import Span
from sim.program_order import Order
from sim.runs import Recorded, Run


def differences(recorded: Recorded, issued: Sequence[Order], counted: Mapping[str, int], spans: Sequence[Span],
                hardware: HardwareConfig) -> list[str]:
    """Everything that does not agree, a sentence each.

    ``counted``: what the core's counters grew by in these cycles. ``spans``: those that the timing model predicts.
    """
    return [*of_program(recorded.runs, issued), *of_intervals(recorded), *of_counters(recorded, counted, hardware),
            *of_spans(recorded.runs, spans)]


def of_program(runs: Sequence[Run], issued: Sequence[Order]) -> Iterator[str]:
    """The same descriptors as the program's, in its order."""
    if len(runs) != len(issued):
        yield f"{len(runs)} descriptors were issued; the program has {len(issued)}"
    for number, (run, order) in enumerate(zip(runs, issued, strict=False)):
        if run.engine is not order.engine or run.fields != order.fields:
            yield (f"descriptor {number} went to {run.engine.name} with {run.fields}; the program's at address "
                   f"{order.address} is for {order.engine.name} with {order.fields}")
            return


def of_intervals(recorded: Recorded) -> Iterator[str]:
    """An engine takes a descriptor only once it is done with the one before, and all end by the end."""
    for engine in Engine:
        own = [run for run in recorded.runs if run.engine is engine]
        for before, after in pairwise(own):
            if after.accepted < before.released:
                yield (f"{engine.name} took a descriptor in cycle {after.accepted}; it was free from cycle "
                       f"{before.released} on")
                break
    ends = recorded.control.at("executed")
    if not len(ends) or ends[-1] + 1 != recorded.stop:
        yield f"the sequencer's last descriptor ended ahead of cycle {ends[-1:] + 1}; the step at {recorded.stop}"
    late = [run for run in recorded.runs if max(run.finished + 1, run.released) > recorded.stop]
    if late:
        yield f"a descriptor of {late[0].engine.name} ends after the step, at {recorded.stop}"


def of_counters(recorded: Recorded, counted: Mapping[str, int], hardware: HardwareConfig) -> Iterator[str]:
    """Lengths and sums of what was recorded are what the core counted."""
    state, lanes, width = recorded.state, recorded.lanes, hardware.width
    stalls = [state.intervals("array_starved"), state.intervals("array_windowed"),
              *(state.intervals("array_waiting", giver) for giver in Engine)]
    found = {
        "CYCLES": total(state.intervals("running")),
        **{name: total(recorded.busy(engine)) for name, engine in zip(BUSY_COUNTERS, Engine, strict=True)},
        **{name: total(stall) for name, stall in zip(STALL_COUNTERS, stalls, strict=True)},
        "WAIT_LINE": lanes.total("line"), "WAIT_DRAIN": lanes.total("drain"), "WAIT_TOKEN": lanes.total("token"),
        "MACS": lanes.total("multiplying") * width, "MACS_OFFERED": lanes.total("words") * width * width,
    }
    for name, value in found.items():
        if value != counted[name]:
            yield f"the timeline has {name} {value}; the core counted {counted[name]}"


def of_spans(runs: Sequence[Run], spans: Sequence[Span]) -> Iterator[str]:
    """Each descriptor was issued, accepted and finished in the predicted cycle."""
    for run, span in zip(runs, spans, strict=False):
        got = (run.engine, run.issued, run.accepted, run.finished)
        expected = (span.engine, span.issued, span.accepted, span.finished)
        if got != expected:
            yield (f"{run.engine.name} was issued, accepted, finished in cycles {got[1:]}; the timing model predicts "
                   f"{span.engine.name} in {expected[1:]}")
            return
    if len(runs) != len(spans):
        yield f"{len(runs)} descriptors ran; the timing model predicts {len(spans)}"


def total(parts: Sequence[tuple[int, int]]) -> int:
    """Cycles of intervals."""
    return sum(stop - first for first, stop in parts)
