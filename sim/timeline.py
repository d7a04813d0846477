"""The timeline of a drawing: what each engine of the RTL did in which cycle, as a trace that Perfetto opens.

Every time comes from the RTL's own events; the program only names what was issued.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from golden.spec.descriptors import OPCODE_BITS, Engine, Opcode
from golden.spec.latency import FETCH_CYCLES
from sim.events import Interval, Levels
from sim.program_order import Order, decoded, engine_names, title
from sim.runs import Recorded, Run
from sim.trace_format import Event, counter, named_process, named_thread, piece

STEPS, SEQUENCER, ENGINE_TRACKS = 1, 2, 3
LANES = {"multiply": "multiplying", "await a line": "line", "await the drain": "drain", "have no token": "token"}
"""What lanes do, and the field that counts them."""
MOST_POINTS = 4096
"""Points of a counter; each is the mean of as many cycles as it takes."""
SHORTEST_SPAN = 16


def work_track(engine: Engine) -> int:
    """Track of an engine's descriptors."""
    return ENGINE_TRACKS + 2 * engine


def wait_track(engine: Engine) -> int:
    """Track of what an engine waits for."""
    return work_track(engine) + 1


def timeline(recorded: Recorded, issued: Sequence[Order], program: Sequence[int], operands: Mapping[int, str],
             name: str) -> list[Event]:
    """Trace events of what was recorded, under ``name``. ``issued``: what each run is, in the same order."""
    return [named_process(name), *names(), *sequencer(recorded, program),
            *(event for run, order in zip(recorded.runs, issued, strict=True)
              for event in descriptor(run, order, operands)),
            *waits(recorded), *counters(recorded)]


def names() -> Iterator[Event]:
    """Names of the tracks."""
    yield from named_thread(STEPS, "steps")
    yield from named_thread(SEQUENCER, "sequencer")
    for engine in Engine:
        yield from named_thread(work_track(engine), engine.name)
        yield from named_thread(wait_track(engine), f"{engine.name} waits for")


def step_slices(bounds: Sequence[tuple[int, int, int]]) -> list[Event]:
    """A slice for each step: number, first cycle, first one after it."""
    return [piece(STEPS, f"step {number}" if number else "first noise", "step", first, stop)
            for number, first, stop in bounds]


def sequencer(recorded: Recorded, program: Sequence[int]) -> Iterator[Event]:
    """What the sequencer executes; a slice longer than a cycle is a wait."""
    fetches, ends = recorded.control.at("fetch"), recorded.control.at("executed")
    chosen = recorded.control.fields["fetch"] != 0
    addresses = recorded.control.fields["address"][chosen]
    for address, fetched, end in zip(addresses.tolist(), fetches.tolist(), ends.tolist(), strict=False):
        opcode = Opcode(program[address] & (1 << OPCODE_BITS) - 1)
        first = fetched + FETCH_CYCLES
        args: dict[str, int | str] = {"address": address}
        if end > first:
            args["waits for"] = "every engine" if opcode in (Opcode.SYNC, Opcode.HALT) else \
                f"room in the queue of {opcode.name}"
        yield piece(SEQUENCER, opcode.name, "sequencer", first, end + 1, args)


def descriptor(run: Run, order: Order, operands: Mapping[int, str]) -> Iterator[Event]:
    """The slice of a descriptor and, inside, the array's groups or the norm's waits and last writes."""
    track, category = work_track(run.engine), run.engine.name
    args = {"opcode": category, "address": order.address, "step": order.step, "loops": " of ".join(order.rounds) or "-",
            "issued": run.issued, "accepted": run.accepted, "finished": run.finished,
            **decoded(Opcode(run.engine), run.fields)}
    yield piece(track, title(order, operands), category, run.accepted, run.released, args)
    if len(run.groups) > 1:
        stops = [begin for begin, _ in run.groups[1:]] + [run.released]
        for number, ((begin, retired), stop) in enumerate(zip(run.groups, stops, strict=True)):
            yield piece(track, f"group {number}", category, begin, stop, {"retired": retired})
    for begin, stop in run.waits:
        yield piece(track, f"waits for {engine_names(run.fields['wait_each'])}", category, begin, stop)
    if run.engine is Engine.NORM:
        yield piece(track, "last writes", category, run.finished + 1, run.released)


def waits(recorded: Recorded) -> Iterator[Event]:
    """What holds an engine's oldest descriptor back; of the array, what the counters STALL_* count, and groups too."""
    state = recorded.state
    for engine in Engine:
        if engine is not Engine.ARRAY:
            waiting = state.pieces(f"missing_{engine.name.lower()}")
            for first, stop, giver in without(waiting, recorded.busy(engine)):
                yield piece(wait_track(engine), engine_names(giver), "semaphore", first, stop)
    track = wait_track(Engine.ARRAY)
    for name, words in (("array_starved", "a descriptor"), ("array_windowed", "groups in flight")):
        for first, stop in state.intervals(name):
            yield piece(track, words, "stall", first, stop)
    for first, stop, givers in state.pieces("array_waiting"):
        yield piece(track, engine_names(givers), "semaphore", first, stop)


def without(wanted: Sequence[tuple[int, int, int]], unwanted: Sequence[Interval]) -> Iterator[tuple[int, int, int]]:
    """Stretches less the parts that intervals cover; both in order."""
    start = 0
    for first, stop, value in wanted:
        while start < len(unwanted) and unwanted[start][1] <= first:
            start += 1
        for begin, end in islice(unwanted, start, None):
            if begin >= stop:
                break
            if begin > first:
                yield first, begin, value
            first = max(first, end)
        if first < stop:
            yield first, stop, value


def counters(recorded: Recorded) -> Iterator[Event]:
    """Lanes by what they do and vectors drained, means of short spans; groups in flight."""
    for name, shown in (("lanes", LANES), ("drain", {"vectors a cycle": "drained"})):
        values = {words: means(recorded.lanes, field, recorded.first, recorded.stop) for words, field in shown.items()}
        before: dict[str, float] = {}
        for place, cycle in enumerate(spans(recorded.first, recorded.stop)[:-1]):
            now = {words: value[place] for words, value in values.items()}
            if now != before:
                yield counter(name, cycle, now)
            before = now
    flight = [(int(cycle), 1) for cycle in recorded.control.at("allocate")]
    flight += [(int(cycle) + 1, -1) for cycle in recorded.control.at("retire")]
    level = 0
    for cycle, change in sorted(flight):
        level += change
        yield counter("array", cycle, {"groups in flight": level})


def spans(first: int, stop: int) -> list[int]:
    """Edges of spans of equal length, but for the last one."""
    return [*range(first, stop, max(SHORTEST_SPAN, -(-(stop - first) // MOST_POINTS))), stop]


def means(levels: Levels, name: str, first: int, stop: int) -> list[float]:
    """Mean of a field over each span."""
    edges = spans(first, stop)
    sums = np.concatenate([[0], np.cumsum(levels.events.fields[name] * levels.lengths())])
    starts = np.append(levels.events.cycles, levels.stop)
    parts = np.interp(edges, starts, sums, left=0)
    return np.round(np.diff(parts) / np.diff(edges), 3).tolist()
