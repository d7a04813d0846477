"""The timing contract of the array engine, one cycle after the other."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from golden.spec.descriptors import Destination
from golden.spec.latency import ARRAY_TAIL, DRAIN_LATENCY, GROUPS_IN_FLIGHT, LINE_LATENCY, LINES_HELD, key_hold

WRITE_LATENCY = 5
"""From the cycle in which a token is drained to its write; the residual stream's comes one cycle later."""
COUNT_LATENCY = 2
"""From what lanes do to the outputs that count the lanes that do it."""
LANE_COUNTS = ("issued", "waiting_line", "waiting_drain", "waiting_token")


@dataclass(eq=False)
class Group:
    """``lanes`` tokens in flight, or an empty descriptor."""

    values: dict
    index: int         # in its descriptor
    remaining: int     # tokens that are not drained
    signals: int
    tile: int          # keys: transposer tiles begun before this one

    @property
    def keys(self):
        return bool(self.values["count"]) and self.values["destination"] == Destination.KEY


@dataclass
class Line:
    """Words of one token that a lane gets at once."""

    words: int         # of the token's row
    left: int          # cycles of channels that are not issued yet
    counts: bool       # a line of zeros takes a cycle that does not count
    last: bool         # of its token
    token: tuple       # group and place in it
    begin: int = 0     # first cycle that may issue a channel


@dataclass
class LaneModel:
    walk: deque = field(default_factory=deque)   # lines of its token that are not fetched
    lines: deque = field(default_factory=deque)  # lines that are fetched and not ended
    done: tuple | None = None                    # token that is complete and not granted

    def step(self, cycle, served):
        """The token that is granted, and what the lane does."""
        granted = self.done if served else None
        if not self.lines:
            state = "waiting_token"
        elif self.lines[0].begin > cycle:
            state = "waiting_line"
        elif self.lines[0].last and self.lines[0].left == 1 and self.done and not served:
            return granted, "waiting_drain"
        else:
            line = self.lines[0]
            line.left -= 1
            state = "issued" if line.counts else "nothing"
            if not line.left:
                self.lines.popleft()
                if line.last:
                    self.done = line.token
                    return granted, state
        if served:
            self.done = None
        return granted, state


class TransposerModel:
    """Two tiles of keys, which leave one after the other."""

    def __init__(self, config):
        self.config = config
        self.arrived = Counter()  # vectors of each tile
        self.begins = {}          # tile -> cycle of its first write
        self.free = 0             # first cycle in which the other tile has left
        self.waited = 0           # tiles that were complete before

    def vector(self, cycle, tile):
        self.arrived[tile] += 1
        if self.arrived[tile] == self.config.width:
            self.waited += self.free > cycle + 1
            self.begins[tile] = max(cycle + 1, self.free)
            self.free = self.begins[tile] + self.config.width


class ArrayModel:
    """What the ports show in each cycle; as ``sim.bench_engine.Model``.

    Args:
        lines: lines(values, group, token) gives (words, channels to multiply) of each line of a token, in order.
    """

    def __init__(self, config, lines):
        self.config = config
        self.lines_of = lines
        self.lanes = [LaneModel() for _ in range(config.lanes)]
        self.transposer = TransposerModel(config)
        self.ring = deque()       # groups in flight
        self.current = None       # descriptor whose groups are dispatched
        self.group = None         # whose tokens are dispatched
        self.between = False      # a later group of the descriptor is due
        self.index = self.token = self.slot = self.hold = self.tiles = 0
        self.granted = deque()    # (cycle in which it is drained, group, token)
        self.retired = deque()    # (cycle of the give, signals)
        self.counts = deque([{name: config.lanes if name == "waiting_token" else 0 for name in LANE_COUNTS}]
                            * COUNT_LATENCY)
        self.drained = []         # (cycle, group, token)
        self.shown = {}           # what else the ports show
        self.seen = Counter()     # what this run met

    def step(self, cycle, offered, available):
        while self.retired and self.retired[0][0] < cycle:
            self.retired.popleft()
        give = self.retired[0][1] if self.retired and self.retired[0][0] == cycle else 0
        transposing = any(begin <= cycle < begin + self.config.width for begin in self.transposer.begins.values())
        quiet = not self.ring and not self.hold and not self.retired
        outputs = {"take": 0, "give": give, "busy": int(bool(self.ring)), "ready": 0,
                   "idle": int(not self.group and not self.between and quiet and not transposing)}
        flight = len(self.ring)
        retires = bool(self.ring) and not self.ring[0].remaining
        served = self.lanes[self.slot]
        space = len(served.lines) < LINES_HELD
        self.issue(cycle)
        taken, words = self.fetch(cycle, served, space)
        self.dispatch(outputs, taken, offered, available, flight, quiet)
        self.shown["offered"] = words
        self.drain(cycle)
        self.hold = max(0, self.hold - 1)
        if retires:
            self.retire(cycle)
        self.slot = (self.slot + 1) % self.config.lanes if flight else 0
        return outputs

    def issue(self, cycle):
        counts = Counter()
        for number, lane in enumerate(self.lanes):
            granted, state = lane.step(cycle, number == self.slot)
            counts[state] += 1
            if granted:
                self.granted.append((cycle + DRAIN_LATENCY, *granted))
        self.seen += counts
        self.counts.append({name: counts[name] for name in LANE_COUNTS})
        self.shown = self.counts.popleft()

    def fetch(self, cycle, lane, space):
        """Whether a token is taken, and the words that are fetched, for the served lane."""
        if not space or not (lane.walk or self.group):
            return False, 0
        taken = not lane.walk
        if taken:
            token = (self.group, self.token)
            lines = self.lines_of(self.group.values, self.group.index, self.token)
            lane.walk.extend(Line(words, max(1, channels), channels > 0, place == len(lines) - 1, token)
                             for place, (words, channels) in enumerate(lines))
        line = lane.walk.popleft()
        line.begin = cycle + LINE_LATENCY
        lane.lines.append(line)
        return taken, line.words

    def dispatch(self, outputs, taken, offered, available, flight, quiet):
        ends = taken and self.token == self.config.lanes - 1
        more = self.current is not None and self.index + 1 < self.current["count"]
        crossing = (ends and more) or self.between
        free = (not self.group and not self.between) or (ends and not more)
        self.token += taken
        if ends:
            self.group = None
        values = self.current if crossing else offered if free else None
        demand, room = 0, True
        if values:
            demand = values["wait_each"] | (0 if crossing else values["wait_first"])
            room = self.has_room(values, flight) and (crossing or quiet or not values["fence"])
            self.seen["full"] += flight >= GROUPS_IN_FLIGHT
            self.seen["fenced"] += not crossing and not quiet and values["fence"]
        missing = demand & ~available
        allocates = values is not None and not missing and room
        self.shown |= {"waiting": missing, "starved": int(free and not offered),
                       "windowed": int(values is not None and not missing and not room)}
        self.between = crossing and not allocates
        if allocates:
            outputs.update(take=demand, ready=int(not crossing))
            self.allocate(values, self.index + 1 if crossing else 0)

    def has_room(self, values, flight):
        if values["destination"] == Destination.KEY and values["count"]:
            most = min(GROUPS_IN_FLIGHT, self.config.width // self.config.lanes + 1)
            return flight < most and not self.hold
        return flight < GROUPS_IN_FLIGHT

    def allocate(self, values, index):
        count = values["count"]
        signals = (values["signal_each"] if count else 0) | (values["signal_last"] if index + 1 >= count else 0)
        group = Group(values, index, self.config.lanes if count else 0, signals, self.tiles)
        self.seen["empty"] += not count
        if group.keys:
            self.tiles += (index + 1) * self.config.lanes % self.config.width == 0
        self.ring.append(group)
        self.current, self.index = values, index
        self.group, self.token = (group if count else None), 0

    def drain(self, cycle):
        while self.granted and self.granted[0][0] == cycle:
            _, group, token = self.granted.popleft()
            self.seen["overtaken"] += group is not self.ring[0]
            self.drained.append((cycle, group, token))
            group.remaining -= 1
            if group.keys:
                self.transposer.vector(cycle + WRITE_LATENCY, group.tile)

    def retire(self, cycle):
        group = self.ring.popleft()
        self.retired.append((cycle + ARRAY_TAIL, group.signals))
        if group.keys:
            self.hold = key_hold(self.config)
