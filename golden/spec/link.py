"""The serial link: how the host reaches a board's registers over a UART.

A line of 8 data bits, no parity and one stop bit, least significant bit first, carries frames. A frame lies between
two flags; within it, a byte that is a flag or an escape is sent as an escape and the byte with ESCAPE_FLIP inverted, as
in RFC 1662; several escapes in a row count as one. So wherever a reader begins, or whatever noise it has read, the next
flag puts it right, and no damaged length can make it wait. Bytes between two flags, escapes taken out: a header of one
32-bit word, up to MAX_WORDS payload words, and the CRC-32 (ISO-HDLC) of header and payload, all little-endian. A frame
that is cut, too long, or has another CRC has no effect and gets no answer.

The host sends a request and waits for its answer, which has the same sequence number and address, before it sends the
next. Without one it sends the request again. The board keeps its last answer: a request with the sequence number of the
one before is not executed again, and gets the same answer. SYNC begins a session; without one, after power-up or
reset, the board refuses every other request, so that a host learns that what it has loaded is gone.
"""

from __future__ import annotations

import enum

from golden.spec.validation import require

LINK_VERSION = 1
FLAG = 0x7E
ESCAPE = 0x7D
ESCAPE_FLIP = 0x20
"""Bits that are inverted in a byte behind an escape."""
WORD_BYTES = 4
MAX_WORDS = 256
"""Payload words of the longest frame."""
OVERHEAD_WORDS = 2
"""Words of a frame beside its payload: header and CRC."""
HEADER_BITS = {"sequence": 8, "code": 8, "address": 16}
"""Fields of a frame's first word, the lowest first; ``code`` is a Command in a request and an Answer in an answer."""
BITS_A_BYTE = 10
"""Bit times that a byte takes on the line: a start bit, the byte, a stop bit."""
BYTE_TIMEOUT_BITS = 1 << 14
"""Bit times without a byte after which the board forgets a frame that has begun."""
LEAST_BIT_CYCLES = 4
LARGEST_BAUD_ERROR = 0.02
"""Share by which a bit on the board's side may be longer or shorter than the baud rate says."""


class Command(enum.IntEnum):
    """What a request asks for."""

    SYNC = 1
    READ = 2
    WRITE = 3


class Answer(enum.IntEnum):
    """What became of a request."""

    OK = 0x80
    NO_SESSION = 0x81
    COMMAND = 0x82
    LENGTH = 0x83


COMMANDS: dict[Command, tuple[str, str]] = {
    Command.SYNC: ("none", "Begins a session: the next request must have another sequence number"),
    Command.READ: ("one word: how often, 1 to MAX_WORDS", "Reads one register so many times; the answer holds the "
                                                          "values, in order"),
    Command.WRITE: ("1 to MAX_WORDS words", "Writes them to one register, in order; the answer comes after the last"),
}
"""Payload and meaning of each command."""

ANSWERS: dict[Answer, str] = {
    Answer.OK: "the request was executed",
    Answer.NO_SESSION: "nothing was done: the board was switched on or reset since the last SYNC",
    Answer.COMMAND: "nothing was done: the board does not know the command",
    Answer.LENGTH: "nothing was done: the payload has another length than the command needs, or the count is out of "
                   "range",
}
"""What each answer means."""

LINK_BASE = 0xFF00
"""Addresses from here on are the link's own registers, not the core's; they are read-only, and writes do nothing."""
LINK_REGISTERS: dict[str, str] = {
    "LINK_VERSION": "Version of this link",
    "CLOCK_HZ": "Cycles of the core's clock in a second",
    "BAUD": "Bits a second on the line",
    "DAMAGED": "Frames that the board could not use, since reset; counts to 65535 and stays there",
    "REPEATED": "Requests that were answered again without being executed again, likewise",
}
"""Name and description of each of the link's own registers, in the order of their addresses."""
LINK_ADDRESSES: dict[str, int] = {name: LINK_BASE + position for position, name in enumerate(LINK_REGISTERS)}
LINK_COUNTER_BITS = 16


def bit_cycles(clock_hz: int, baud: int) -> int:
    """Clock cycles of a bit on the line; raises ``ConfigError`` for a baud rate that the clock cannot make."""
    require(clock_hz > 0, f"the clock is {clock_hz} Hz; expected a positive number")
    require(baud > 0, f"the baud rate is {baud}; expected a positive number")
    cycles = max(1, round(clock_hz / baud))
    error = abs(clock_hz / (cycles * baud) - 1)
    require(cycles >= LEAST_BIT_CYCLES, f"a bit of {baud} baud has {clock_hz / baud:.2f} cycles of {clock_hz} Hz; "
                                        f"expected at least {LEAST_BIT_CYCLES}, so lower the baud rate")
    require(error <= LARGEST_BAUD_ERROR, f"{baud} baud is {error:.1%} off with {cycles} cycles of {clock_hz} Hz a bit; "
                                         f"expected at most {LARGEST_BAUD_ERROR:.0%}, so choose another baud rate")
    return cycles
