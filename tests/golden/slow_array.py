"""The array cycle by cycle, from its rules rather than in closed form: what ``golden.spec.array_timing`` is held to."""

from __future__ import annotations

from dataclasses import dataclass, field

LINES_HELD, LINE_LATENCY, DRAIN_LATENCY, GROUPS_IN_FLIGHT, ARRAY_TAIL = 2, 5, 6, 8, 9
DENSE_DRAIN_LATENCY = 8


@dataclass
class Work:
    """A group: cycles of each line of each token, whether keys, whether it is fenced, when its semaphores are up."""

    tokens: list[list[int]]
    keys: bool
    fence: bool
    earliest: int
    dense: list[int] = field(default_factory=list)      # channels of each line on dense lanes; none: not one


@dataclass
class Line:
    """In a lane: first cycle that can multiply it, cycles that are left, token (its group) that it ends."""

    ready: int
    left: int
    ends: int | None


@dataclass
class SlowLane:
    """One lane's registers."""

    lines: list[Line] = field(default_factory=list)
    to_fetch: list[int] = field(default_factory=list)   # lines of its token
    group: int = 0
    done: int | None = None                             # group of its complete sums

    def issue(self, cycle: int, served: bool) -> int | None:
        """Multiply a channel if there is one; returns the group of a token that is complete."""
        if not self.lines or self.lines[0].ready > cycle:
            return None
        line = self.lines[0]
        if line.left == 1 and line.ends is not None and self.done is not None and not served:
            return None
        line.left -= 1
        if line.left:
            return None
        self.lines.pop(0)
        return line.ends


class SlowArray:
    """Runs groups; ``allocated`` and ``retired`` are their cycles."""

    lane_type = SlowLane

    def __init__(self, lanes: int, width: int) -> None:
        self.lanes = [self.lane_type() for _ in range(lanes)]
        self.key_groups = min(GROUPS_IN_FLIGHT, width // lanes + 1)
        self.key_hold = width + ARRAY_TAIL
        self.cycle = self.slot = self.hold = self.busy = 0
        self.tail = [False] * ARRAY_TAIL
        self.flight: list[int] = []         # groups, oldest first
        self.remaining: dict[int, int] = {}
        self.drains: list[tuple[int, int]] = []
        self.allocated: list[int] = []
        self.retired: list[int] = []

    def run(self, groups: list[Work]) -> None:
        """Until every group has retired."""
        offered: list[list[int]] = []
        while len(self.retired) < len(groups):
            count = len(self.flight)
            taken = self.lane_cycle(offered, groups)
            due = not offered or (len(offered) == 1 and taken)
            upcoming = offered[1:] if taken else offered
            number = len(self.allocated)
            allocate = due and number < len(groups) and self.has_room(groups[number], count)
            self.retire(groups)
            if allocate:
                self.allocated.append(self.cycle)
                self.flight.append(number)
                self.remaining[number] = len(groups[number].tokens)
                upcoming = list(groups[number].tokens)
            self.drain()
            self.busy += count > 0
            self.slot = (self.slot + 1) % len(self.lanes) if count else 0
            self.cycle += 1
            offered = upcoming

    def has_room(self, work: Work, count: int) -> bool:
        """Whether a group can be allocated in this cycle."""
        if self.cycle < work.earliest or count >= (self.key_groups if work.keys else GROUPS_IN_FLIGHT):
            return False
        if work.fence and (count or self.hold or any(self.tail)):
            return False
        return not (work.keys and self.hold)

    def lane_cycle(self, offered: list[list[int]], groups: list[Work]) -> bool:
        """Serve one lane, and let all multiply; returns whether a token was taken."""
        taken = False
        served = self.lanes[self.slot] if self.flight else None
        held = len(served.lines) if served else 0
        if served and held < LINES_HELD and not served.to_fetch and offered:
            served.to_fetch, served.group, taken = list(offered[0]), len(self.allocated) - 1, True
        fetched = None
        if served and held < LINES_HELD and served.to_fetch:
            length = served.to_fetch.pop(0)
            fetched = Line(self.cycle + LINE_LATENCY, length, None if served.to_fetch else served.group)
        for lane in self.lanes:
            complete = lane.issue(self.cycle, lane is served)
            if lane is served and lane.done is not None:
                self.drains.append((self.cycle + DRAIN_LATENCY, lane.done))
                lane.done = None
            if complete is not None:
                assert lane.done is None
                lane.done = complete
        if fetched:
            served.lines.append(fetched)
        return taken

    def retire(self, groups: list[Work]) -> None:
        """The oldest group, if all of its tokens are drained."""
        retiring = bool(self.flight) and self.remaining[self.flight[0]] == 0
        self.tail = [retiring, *self.tail[:-1]]
        self.hold = max(0, self.hold - 1)
        if retiring:
            self.retired.append(self.cycle)
            if groups[self.flight.pop(0)].keys:
                self.hold = self.key_hold

    def drain(self) -> None:
        """Count the tokens that are drained in this cycle."""
        for cycle, group in self.drains:
            self.remaining[group] -= cycle == self.cycle


@dataclass
class SharedLine:
    """In a lane with dense lanes beside: what both kinds of lane have left of it."""

    ready: int
    sparse: int
    dense: int
    group: int
    last: bool      # of its token


@dataclass
class SharedLane:
    """One sparse lane's registers."""

    lines: list[SharedLine] = field(default_factory=list)
    to_fetch: list[tuple[int, int]] = field(default_factory=list)
    group: int = 0
    done: dict[str, int] = field(default_factory=dict)      # group of the complete sums, by kind of lane
    over: bool = False      # the dense pair is through with its token, and not yet with the other lane's

    def front(self, kind: str) -> SharedLine | None:
        """The line that a kind of lane works on or waits for."""
        return next((line for line in self.lines if getattr(line, kind)), None)

    def holds(self, kind: str, line: SharedLine, granted: SharedLane | None) -> bool:
        """Whether a token's last channel must wait for the token before it."""
        return line.last and kind in self.done and self is not granted


class SlowPairs(SlowArray):
    """The same with dense lanes: a pair takes two tokens, and each line is done with when both kinds of lane are."""

    lane_type = SharedLane

    def lane_cycle(self, offered: list[list[int]], groups: list[Work]) -> bool:
        """Serve one lane, and let all multiply; returns whether a token was taken."""
        served = self.lanes[self.slot] if self.flight else None
        room = served is not None and len(served.lines) < LINES_HELD
        taken = bool(served and offered) and self.takes()
        if taken:
            served.group = len(self.allocated) - 1
            dense = groups[served.group].dense or [0] * len(offered[0])
            served.to_fetch = list(zip(offered[0], dense, strict=True))
        granted = served if served and len(served.done) == 2 else None
        if granted:
            self.drains.append((self.cycle + DENSE_DRAIN_LATENCY, granted.done["dense"]))
        complete = [*self.multiply_sparse(granted), *self.multiply_dense(granted)]
        if granted:
            granted.done.clear()
        for lane, kind, group in complete:
            assert kind not in lane.done
            lane.done[kind] = group
        for lane in self.lanes:
            lane.lines = [line for line in lane.lines if line.sparse or line.dense]
        if room and served.to_fetch:
            sparse, dense = served.to_fetch.pop(0)
            served.lines.append(SharedLine(self.cycle + LINE_LATENCY, sparse, max(1, dense), served.group,
                                           not served.to_fetch))
        return taken

    def takes(self) -> bool:
        """Whether the served lane takes a token: a pair's first if both have room, its second in the next cycle."""
        if self.slot % 2:
            taken, self.second_due = self.second_due, False
            return taken
        pair = self.lanes[self.slot:self.slot + 2]
        self.second_due = all(not lane.to_fetch and len(lane.lines) < LINES_HELD for lane in pair)
        return self.second_due

    second_due = False

    def multiply_sparse(self, granted: SharedLane | None) -> list[tuple[SharedLane, str, int]]:
        """A channel of every sparse lane; returns the tokens that end."""
        complete = []
        for lane in self.lanes:
            line = lane.front("sparse")
            if line is None or line.ready > self.cycle or (line.sparse == 1 and lane.holds("sparse", line, granted)):
                continue
            line.sparse -= 1
            if line.last and not line.sparse:
                complete.append((lane, "sparse", line.group))
        return complete

    def multiply_dense(self, granted: SharedLane | None) -> list[tuple[SharedLane, str, int]]:
        """A channel of every dense pair; returns the tokens that end."""
        complete = []
        for first in range(0, len(self.lanes), 2):
            lanes = [lane for lane in self.lanes[first:first + 2] if not lane.over]
            turn = [(lane, lane.front("dense")) for lane in lanes]
            if any(line is None or line.ready > self.cycle for _, line in turn):
                continue
            if any(line.dense == 1 and lane.holds("dense", line, granted) for lane, line in turn):
                continue
            for lane, line in turn:
                line.dense -= 1
                if line.last and not line.dense:
                    lane.over = True
                    complete.append((lane, "dense", line.group))
            if all(lane.over for lane in self.lanes[first:first + 2]):
                for lane in self.lanes[first:first + 2]:
                    lane.over = False
        return complete
