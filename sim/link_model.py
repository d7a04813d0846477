"""The board's end of the serial link in Python: what ``golden.spec.link`` says, on registers behind two functions."""

from __future__ import annotations

import re
from collections.abc import Callable

from boards.host.frames import Frame, Splitter, decode, encode
from golden.spec.link import FLAG, LINK_ADDRESSES, LINK_BASE, LINK_VERSION, MAX_WORDS, Answer, Command


class LinkModel:
    """Answers bytes with bytes.

    ``read(address)`` and ``write(address, value)`` are the core's registers. Differs from a board in time alone: it
    answers at once, forgets no frame for its age, and loses nothing that arrives while it answers.
    """

    def __init__(self, read: Callable[[int], int], write: Callable[[int, int], None], clock_hz: int = 1,
                 baud: int = 1) -> None:
        self.read = read
        self.write = write
        self.own = {"LINK_VERSION": LINK_VERSION, "CLOCK_HZ": clock_hz, "BAUD": baud, "DAMAGED": 0, "REPEATED": 0}
        self.reset()

    def reset(self) -> None:
        """As after power-up."""
        self.own |= {"DAMAGED": 0, "REPEATED": 0}
        self.splitter = Splitter()
        self.session = False
        self.last = Frame(0, Answer.OK, 0)

    def feed(self, content: bytes) -> bytes:
        """Take bytes; returns the answers to the frames that they complete."""
        answers = b""
        for piece in re.split(b"(%c)" % FLAG, content):
            for part in self.splitter.feed(piece):
                answer = self.answer(part)
                if answer:
                    self.splitter = Splitter()    # a board listens again after an answer, and waits for a flag
                answers += answer
        return answers

    def drop(self) -> None:
        """Forget a frame that has begun: a byte of it did not arrive well, or none came for too long."""
        self.own["DAMAGED"] += 1
        self.splitter = Splitter()

    def answer(self, part: bytes) -> bytes:
        """What is answered to the bytes between two flags."""
        frame = decode(part)
        if frame is None:
            self.own["DAMAGED"] += 1
            return b""
        if self.session and frame.code != Command.SYNC and frame.sequence == self.last.sequence:
            self.own["REPEATED"] += 1
        else:
            code, values = self.execute(frame)
            self.last = Frame(frame.sequence, code, frame.address, tuple(values))
        return encode(self.last)

    def execute(self, frame: Frame) -> tuple[Answer, list[int]]:
        """Do what a request says; returns the answer's code and words."""
        if frame.code == Command.SYNC and not frame.words:
            self.session = True
        elif not self.session:
            return Answer.NO_SESSION, []
        elif frame.code not in tuple(Command):
            return Answer.COMMAND, []
        elif frame.code == Command.WRITE and frame.words:
            for value in frame.words if frame.address < LINK_BASE else ():
                self.write(frame.address, value)
        elif frame.code == Command.READ and len(frame.words) == 1 and 1 <= frame.words[0] <= MAX_WORDS:
            return Answer.OK, [self.value(frame.address) for _ in range(frame.words[0])]
        else:
            return Answer.LENGTH, []
        return Answer.OK, []

    def value(self, address: int) -> int:
        """What a register reads; 0 where the link has none."""
        if address < LINK_BASE:
            return self.read(address)
        return next((self.own[name] for name, place in LINK_ADDRESSES.items() if place == address), 0)
