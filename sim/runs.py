"""Descriptors as the RTL ran them: from event records to when each was issued, taken, finished and done with."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from golden.spec.descriptors import Engine
from sim.events import Events, Interval, Levels

Fields = dict[str, int]


class EventError(RuntimeError):
    """Records that contradict each other; one sentence."""


@dataclass(frozen=True)
class Run:
    """One descriptor on its engine; every time is a cycle of the core's own counter.

    ``issued``: it entered the queue; ``accepted``: the engine took it; ``finished``: its last cycle of work, of the
    array the retirement of its last group; ``released``: the first cycle in which the engine can take another.
    """

    engine: Engine
    fields: Fields
    issued: int
    accepted: int
    finished: int
    released: int
    groups: tuple[Interval, ...] = ()       # of the array: allocation and retirement of each
    waits: tuple[Interval, ...] = ()        # of the norm: between its groups


@dataclass(frozen=True)
class Recorded:
    """What was recorded of the cycles ``first`` to ``stop - 1``, at both of which nothing is under way."""

    first: int
    stop: int
    control: Events
    state: Levels
    lanes: Levels
    accepts: Mapping[Engine, Events]
    runs: Sequence[Run] = field(default=())     # in the order of issue

    def busy(self, engine: Engine) -> list[Interval]:
        """Where an engine works, as its counter counts it."""
        return self.state.intervals("busy", engine)


def recorded(events: Mapping[str, Events], first: int, stop: int) -> Recorded:
    """Sort the records of all ports; raises ``EventError`` where they contradict each other."""
    parts = {name: port.within(first, stop) for name, port in events.items()}
    accepts = {engine: parts[f"accept_{engine.name.lower()}"] for engine in Engine}
    raw = Recorded(first, stop, parts["control"], Levels(parts["state"], stop), Levels(parts["lanes"], stop), accepts)
    runs = [run for engine in Engine for run in engine_runs(raw, engine)]
    return Recorded(first, stop, raw.control, raw.state, raw.lanes, accepts, sorted(runs, key=lambda run: run.issued))


def engine_runs(raw: Recorded, engine: Engine) -> list[Run]:
    """The runs of one engine, in order."""
    issued, accepted = raw.control.at("issue", engine), raw.control.at("accept", engine)
    taken = raw.accepts[engine]
    if not len(issued) == len(accepted) == len(taken.cycles) or (accepted != taken.cycles).any():
        raise EventError(f"{engine.name} was issued {len(issued)} descriptors and took {len(accepted)}, of which "
                         f"{len(taken.cycles)} were recorded; expected as many of each, in the same cycles")
    names = list(taken.fields)
    rows = np.stack([taken.fields[name] for name in names], axis=1).tolist() if names else []
    fields = [dict(zip(names, row, strict=True)) for row in rows]
    limits = [*accepted.tolist()[1:], raw.stop][:len(accepted)]
    ends = array_ends(raw, accepted) if engine is Engine.ARRAY else working_ends(raw, engine, accepted, limits)
    return [Run(engine, *parts, **end) for *parts, end in
            zip(fields, issued.tolist(), accepted.tolist(), ends, strict=True)]


def working_ends(raw: Recorded, engine: Engine, accepted: np.ndarray, limits: Sequence[int]) -> list[dict]:
    """Ends of an engine that works on one descriptor at a time, from the cycles in which it is busy."""
    busy, idle = raw.busy(engine), raw.state.intervals("idle", engine)
    starts, rests = [start for start, _ in busy], [start for start, _ in idle]
    waiting = raw.state.intervals("norm_waiting") if engine is Engine.NORM else []
    waits = [start for start, _ in waiting]
    ends = []
    for begin, limit in zip(accepted.tolist(), limits, strict=True):
        own = busy[bisect_left(starts, begin):bisect_left(starts, limit)]
        finished = own[-1][1] - 1 if own else begin
        released = finished + 1
        if engine is Engine.NORM:       # it takes nothing before its last write
            rest = bisect_left(rests, released)
            released = min(rests[rest] if rest < len(rests) else limit, limit)
        ends.append({"finished": finished, "released": released,
                     "waits": tuple(waiting[bisect_left(waits, begin):bisect_left(waits, limit)])})
    return ends


def array_ends(raw: Recorded, accepted: np.ndarray) -> list[dict]:
    """Ends of the array's descriptors, from the groups that it allocates and retires in order."""
    allocated, retired = raw.control.at("allocate"), raw.control.at("retire")
    if len(allocated) != len(retired):
        raise EventError(f"the array allocated {len(allocated)} groups and retired {len(retired)}; "
                         "expected as many of each")
    groups = list(zip(allocated.tolist(), retired.tolist(), strict=True))
    firsts = np.searchsorted(allocated, accepted).tolist()
    dispatching = raw.state.intervals("dispatching")
    begins = [begin for begin, _ in dispatching]
    ends = []
    for number, (begin, first) in enumerate(zip(accepted.tolist(), firsts, strict=True)):
        last = number + 1 == len(firsts)
        own = groups[first:len(groups) if last else firsts[number + 1]]
        limit = raw.stop if last else int(accepted[number + 1])
        released = begin + 1            # of one without tokens
        place = bisect_left(begins, begin + 2) - 1
        if place >= 0 and dispatching[place][1] > begin + 1:
            released = min(dispatching[place][1] - 1, limit)
        ends.append({"finished": own[-1][1], "released": released, "groups": tuple(own)})
    return ends
