"""The board's end of the serial link in Python: what ``golden.spec.link`` says, on registers behind two functions."""

from __future__ import annotations

import re
from collections.abc import Callable

from boards.host.frames import LEAST_BYTES, MOST_BYTES, Frame, Splitter, decode, encode, unstuff
from golden.spec.link import FLAG, LINK_ADDRESSES, LINK_BASE, LINK_VERSION, MAX_WORDS, WORD_BYTES, Answer, Command

WITHIN_ESCAPE, SHORT, LONG, BROKEN_WORD, OTHER_CRC = DAMAGES = (
    "frame that ends within an escape", "frame shorter than header and CRC", "frame longer than the longest",
    "frame that ends within a word", "frame with another CRC")
"""What can be wrong with the bytes between two flags."""
BEHIND_DAMAGE, BEHIND_NOISE = RECOVERIES = ("good frame behind a damaged one", "good frame behind noise")
REPEATED, AGAIN = REPEATS = ("request that is not executed again", "session begun anew")
OTHER_LENGTH = tuple(f"{command.name} of another length" for command in Command)
NO_READS, MANY_READS = READS = ("READ of no value", "READ of too many values")
OWN_WRITTEN, OWN_UNKNOWN = OWN = ("write to a register of the link", "read past the registers of the link")
EVENTS = (*DAMAGES, *RECOVERIES, *REPEATS, *OTHER_LENGTH, *READS, *OWN, "longest READ", "longest WRITE",
          *(f"{command.name} executed" for command in Command), *(f"{code.name} answered" for code in Answer),
          *(f"{name} of the link read" for name in LINK_ADDRESSES))
"""Everything that the model says of what it has met."""


def damage_of(part: bytes) -> str:
    """What is wrong with the bytes of a frame that does not decode."""
    plain = unstuff(part)
    if plain is None:
        return WITHIN_ESCAPE
    if len(plain) < LEAST_BYTES:
        return SHORT
    if len(plain) > MOST_BYTES:
        return LONG
    return BROKEN_WORD if len(plain) % WORD_BYTES else OTHER_CRC


class LinkModel:
    """Answers bytes with bytes; ``met`` holds those of ``EVENTS`` that were among them.

    ``read(address)`` and ``write(address, value)`` are the core's registers. Differs from a board in time alone: it
    answers at once, forgets no frame for its age, and loses nothing that arrives while it answers.
    """

    def __init__(self, read: Callable[[int], int], write: Callable[[int, int], None], clock_hz: int = 1,
                 baud: int = 1) -> None:
        self.read = read
        self.write = write
        self.met: set[str] = set()
        self.own = {"LINK_VERSION": LINK_VERSION, "CLOCK_HZ": clock_hz, "BAUD": baud, "DAMAGED": 0, "REPEATED": 0}
        self.reset()

    def reset(self) -> None:
        """As after power-up."""
        self.own |= {"DAMAGED": 0, "REPEATED": 0}
        self.splitter = Splitter()
        self.session = False
        self.before = ""        # which of RECOVERIES the next good frame is
        self.last = Frame(0, Answer.OK, 0)

    def feed(self, content: bytes) -> bytes:
        """Take bytes; returns the answers to the frames that they complete."""
        answers = b""
        for piece in re.split(b"(%c)" % FLAG, content):
            if piece and piece[0] != FLAG and self.splitter.is_waiting:
                self.before = BEHIND_NOISE
            for part in self.splitter.feed(piece):
                answer = self.answer(part)
                if answer:
                    self.splitter = Splitter()    # a board listens again after an answer, and waits for a flag
                answers += answer
        return answers

    def drop(self) -> None:
        """Forget a frame that has begun: a byte of it did not arrive well, or none came for too long."""
        self.own["DAMAGED"] += 1
        self.before = BEHIND_DAMAGE
        self.splitter = Splitter()

    def answer(self, part: bytes) -> bytes:
        """What is answered to the bytes between two flags."""
        frame = decode(part)
        if frame is None:
            self.own["DAMAGED"] += 1
            self.met.add(damage_of(part))
            self.before = BEHIND_DAMAGE
            return b""
        self.met |= {self.before} - {""}
        self.before = ""
        if self.session and frame.code != Command.SYNC and frame.sequence == self.last.sequence:
            self.own["REPEATED"] += 1
            self.met.add(REPEATED)
        else:
            again = self.session
            code, values = self.execute(frame)
            self.met |= events_of(frame, code, again)
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


def events_of(frame: Frame, code: Answer, session: bool) -> set[str]:
    """Those of EVENTS that a request and its answer are, the first time; ``session``: there was one before it."""
    met, size = {f"{code.name} answered"}, len(frame.words)
    name = Command(frame.code).name if frame.code in tuple(Command) else ""
    names = {address: name for name, address in LINK_ADDRESSES.items()}
    if code is Answer.OK:
        met |= {f"{name} executed"} | ({AGAIN} if frame.code == Command.SYNC and session else set())
        read = frame.code == Command.READ
        met |= {f"longest {name}"} if MAX_WORDS in (frame.words if read else (size,)) else set()
        if frame.address in names and read:
            met.add(f"{names[frame.address]} of the link read")
        elif frame.address >= LINK_BASE and frame.code != Command.SYNC:
            met.add(OWN_UNKNOWN if read else OWN_WRITTEN)
    elif code is Answer.LENGTH:
        counted = frame.code == Command.READ and size == 1
        met.add((MANY_READS if frame.words[0] else NO_READS) if counted else f"{name} of another length")
    return met
