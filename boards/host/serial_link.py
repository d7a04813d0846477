"""Registers of a board over a serial line: frames, retries, sessions."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable, Sequence

from boards.host.frames import Frame, Splitter, decode, encode
from boards.host.link import Link, LinkError
from boards.host.pipe import Pipe
from golden.spec.link import (
    ANSWERS,
    BITS_A_BYTE,
    LINK_ADDRESSES,
    LINK_VERSION,
    MAX_WORDS,
    Answer,
    Command,
)

ATTEMPTS = 8
"""Times that a request is sent before the board counts as silent."""
PATIENCE_SECONDS = 0.3
"""Time for an answer beside that on the line: the operating system's and the USB adapter's."""
REST_SECONDS = 0.01
"""Between two looks at a core that draws."""
SEQUENCES = 256


class SerialLink(Link):
    """A link whose every request is executed once, or ends in a ``LinkError`` of one sentence.

    A request without an answer is sent again, up to ``ATTEMPTS`` times in all. Damaged, late and foreign answers are
    dropped, and counted in ``dropped``; ``retries`` counts requests that were sent again. A board that was reset since
    the session began says so, which is an error: what was loaded is gone. ``open`` then begins a new session.
    """

    def __init__(self, pipe: Pipe, baud: int, patience: float = PATIENCE_SECONDS, rest: float = REST_SECONDS) -> None:
        self.pipe = pipe
        self.baud = baud
        self.patience = patience
        self.rest_seconds = rest
        self.retries = 0
        self.dropped = 0
        self.moved: Callable[[int], None] | None = None     # told how many words each exchange has moved
        self._sequence = secrets.randbelow(SEQUENCES)       # an answer to an earlier program is foreign, most likely
        self._splitter = Splitter()
        self._waiting: list[bytes] = []
        self._open = False

    async def open(self) -> None:
        """Begin a session: whatever came before is forgotten."""
        await self.pipe.discard()
        self._splitter = Splitter()
        self._waiting.clear()
        await self._exchange(Command.SYNC, 0)
        self._open = True
        version = await self.read(LINK_ADDRESSES["LINK_VERSION"])
        if version != LINK_VERSION:
            self._open = False
            raise LinkError(f"the board's link has version {version} and this software {LINK_VERSION}; use the "
                            "software that the bitstream was built with")

    async def read(self, address: int) -> int:
        (value,) = await self.read_many(address, 1)
        return value

    async def read_many(self, address: int, count: int) -> list[int]:
        values: list[int] = []
        while len(values) < count:
            values += await self._request(Command.READ, address, [min(MAX_WORDS, count - len(values))])
        return values

    async def write(self, address: int, value: int) -> None:
        await self._request(Command.WRITE, address, [value])

    async def write_many(self, address: int, values: Iterable[int]) -> None:
        remaining = iter(values)
        while chunk := list(itertools.islice(remaining, MAX_WORDS)):
            await self._request(Command.WRITE, address, chunk)

    async def rest(self) -> None:
        await self.pipe.rest(self.rest_seconds)

    async def counts(self) -> dict[str, int]:
        """The link's own registers, and what this side has counted."""
        values = {name: await self.read(address) for name, address in LINK_ADDRESSES.items()}
        return {**values, "RETRIES": self.retries, "DROPPED": self.dropped}

    async def _request(self, command: Command, address: int, words: Sequence[int]) -> Sequence[int]:
        if not self._open:
            await self.open()
        answer = await self._exchange(command, address, words)
        expected = words[0] if command is Command.READ else 0
        if len(answer.words) != expected:
            raise LinkError(f"the board answered with {len(answer.words)} words where {expected} were due; use the "
                            "software that the bitstream was built with")
        if self.moved is not None:
            self.moved(max(len(words), expected))
        return answer.words

    async def _exchange(self, command: Command, address: int, words: Sequence[int] = ()) -> Frame:
        """Send until the answer is there; raises ``LinkError`` for none, and for one that refuses."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        content = encode(Frame(self._sequence, command, address, tuple(words)))
        due = words[0] if command is Command.READ else 0
        longest = len(content) + len(encode(Frame(0, Answer.OK, 0, (0,) * due))) * 2
        seconds = longest * BITS_A_BYTE / self.baud + self.patience
        for attempt in range(ATTEMPTS):
            self.retries += attempt > 0
            await self.pipe.write(content)
            answer = await self._answer(address, self.pipe.now() + seconds)
            if answer is not None:
                return self._accepted(answer)
        self._open = False
        raise LinkError(f"the board did not answer {ATTEMPTS} times; check that it is on and its bitstream loaded, and "
                        f"that the port and the {self.baud} baud are right")

    async def _answer(self, address: int, deadline: float) -> Frame | None:
        """The answer to the request at hand; None if it is not there by the deadline."""
        while True:
            while self._waiting:
                frame = decode(self._waiting.pop(0))
                if frame is not None and (frame.sequence, frame.address) == (self._sequence, address) \
                        and frame.code in tuple(Answer):
                    return frame
                self.dropped += 1
            left = deadline - self.pipe.now()
            if left <= 0:
                return None
            self._waiting += self._splitter.feed(await self.pipe.read(left))

    def _accepted(self, answer: Frame) -> Frame:
        if answer.code == Answer.NO_SESSION:
            self._open = False
            raise LinkError("the board was reset or switched on again in mid-work, so what it had is gone; load the "
                            "image again")
        if answer.code != Answer.OK:
            raise LinkError(f"the board refused a request: {ANSWERS[Answer(answer.code)]}; use the software that the "
                            "bitstream was built with")
        return answer
