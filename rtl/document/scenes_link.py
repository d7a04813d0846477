"""Scenes of ``rtl.link``."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from golden.spec.hardware import HardwareConfig
from golden.spec.link import ESCAPE, ESCAPE_FLIP, FLAG, WORD_BYTES, Answer, Command
from golden.spec.registers import ADDRESSES
from rtl.document.instances import BAUD, BIT_CYCLES, CLOCK_HZ
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import hexadecimal, idle, member, nibbles, played
from rtl.link.access import RegisterAccess
from rtl.link.decoder import FrameDecoder
from rtl.link.encoder import FrameEncoder
from rtl.link.frames import FrameLink
from rtl.link.link import SerialLink
from rtl.link.uart import BYTE_BITS, FRAME_BITS, UartReceiver, UartTransmitter

SEED0 = ADDRESSES["SEED0"]
SYNC = {"sequence": 1, "code": Command.SYNC, "address": 0}
WRITE = {"sequence": 2, "code": Command.WRITE, "address": SEED0}
VALUE = 0x7E01
"""A word with a byte that must be escaped."""
SESSION_CYCLES = 4
"""In which the request that begins a session is answered, without a line."""


def frame(header: dict[str, int], *payload: int) -> bytes:
    """A request or an answer, from flag to flag."""
    fields = (header["sequence"], header["code"], *header["address"].to_bytes(2, "little"))
    content = bytes(fields) + b"".join(word.to_bytes(WORD_BYTES, "little") for word in payload)
    content += zlib.crc32(content).to_bytes(WORD_BYTES, "little")
    escaped = (bytes((ESCAPE, byte ^ ESCAPE_FLIP)) if byte in (FLAG, ESCAPE) else bytes((byte,)) for byte in content)
    return bytes((FLAG, *b"".join(escaped), FLAG))


def line(content: bytes) -> Iterator[int]:
    """Levels of a serial line in each cycle: start bit, byte, stop bit."""
    for byte in content:
        levels = (byte | 1 << BYTE_BITS) << 1
        for place in range(FRAME_BITS):
            yield from [levels >> place & 1] * BIT_CYCLES


def uart_receiver(config: HardwareConfig) -> Drive:
    yield from played({"rx": level} for level in [*line(b"\x53"), *[1] * BIT_CYCLES])


def uart_transmitter(config: HardwareConfig) -> Drive:
    """Two bytes, one behind the other; of the second the start bit is shown."""
    yield from played([{"bytes.valid": 1, "bytes.payload": 0x53}])
    while not (yield Cycle({"bytes.valid": 1, "bytes.payload": 0xA0}))["bytes.ready"]:
        pass
    yield from idle(BIT_CYCLES)


def frame_decoder(config: HardwareConfig) -> Drive:
    """A byte every second cycle."""
    for byte in frame(WRITE, VALUE):
        yield from played([{"listen": 1, "valid": 1, "byte": byte}, {"listen": 1}])
    yield from played([{"listen": 1}])


def frame_encoder(config: HardwareConfig) -> Drive:
    """An answer of one word to who always takes."""
    held = {"header": {"sequence": 2, "code": Answer.OK, "address": SEED0}, "count": 1, "payload.data": VALUE,
            "bytes.ready": 1}
    yield Cycle({**held, "start": 1})
    while (yield Cycle(held))["busy"]:
        pass
    yield Cycle(held)


def register_access(config: HardwareConfig) -> Drive:
    """A session begins; then a write of two words, and the same request once more."""
    asked = {"frame": 1, "header": WRITE, "count": 2}
    held = {"request.ready": 1, "words.data": VALUE}
    yield Cycle({**held, "frame": 1, "header": SYNC}, shown=False)
    for _ in range(SESSION_CYCLES):
        yield Cycle(held, shown=False)
    yield Cycle(held)
    for _ in range(2):
        yield Cycle({**held, **asked})
        while not (yield Cycle(held))["reply"]:
            pass
        yield from played([{**held, "sending": 1}] * 2)
        yield from played([held] * 2)


def frame_link(config: HardwareConfig) -> Drive:
    """A request that begins a session, before the diagram; then a write, a byte every second cycle."""
    held = {"sent.ready": 1, "request.ready": 1}
    for byte in frame(SYNC):
        yield Cycle({**held, "received": byte, "received_valid": 1}, shown=False)
        yield Cycle(held, shown=False)
    for _ in range(2 * len(frame(SYNC))):
        yield Cycle(held, shown=False)
    for byte in frame(WRITE, VALUE):
        yield from played([{**held, "received": byte, "received_valid": 1}, held])
    yield from played([held] * (len(frame(WRITE)) + 8))


def serial_link(config: HardwareConfig) -> Drive:
    """A session, and all but the last byte of a write, before the diagram; then that byte, and the answer begins."""
    held = {"request.ready": 1, "rx": 1}
    sync, write = frame(SYNC), frame(WRITE, VALUE)
    answer = len(list(line(frame(SYNC)))) + FRAME_BITS * BIT_CYCLES
    for level in (*line(sync), *[1] * answer, *line(write[:-1])):
        yield Cycle({**held, "rx": level}, shown=False)
    yield from played({**held, "rx": level} for level in line(write[-1:]))
    yield from played([held] * 4 * BIT_CYCLES)


def bytes_of(valid: str, name: str) -> tuple[Row, ...]:
    """Rows of bytes that come with a flag."""
    return Row(valid), Row(name, valid, hexadecimal)


REQUEST = (Row("request.valid"), Row("request.ready"), Row("request.payload.write", "request.valid"),
           Row("request.payload.address", "request.valid", hexadecimal),
           Row("request.payload.data", "request.valid", hexadecimal))
WRITTEN = f"a write of the word 0x{VALUE:x} to SEED0, whose address is 0x{SEED0:x}"
SCENES = {
    "uart_receiver": Scene(
        top=lambda config: UartReceiver(BIT_CYCLES), drive=uart_receiver,
        rows=(Row("rx"), *bytes_of("valid", "byte"), Row("broken")),
        text=f"The byte 53, lowest bit first, in bits of {BIT_CYCLES} cycles."),
    "uart_transmitter": Scene(
        top=lambda config: UartTransmitter(BIT_CYCLES), drive=uart_transmitter,
        rows=(Row("bytes.valid"), Row("bytes.ready"), Row("bytes.payload", "bytes.valid", hexadecimal), Row("tx")),
        text=f"The byte 53, lowest bit first, in bits of {BIT_CYCLES} cycles; the next byte waits and is taken at the "
             "end of the stop bit."),
    "frame_decoder": Scene(
        top=lambda config: FrameDecoder(BIT_CYCLES), drive=frame_decoder,
        rows=(Row("listen"), *bytes_of("valid", "byte"), Row("payload.enable"),
              Row("payload.address", "payload.enable"), Row("payload.data", "payload.enable", nibbles),
              Row("frame"), Row("header.sequence", "frame"), Row("header.code", "frame", hexadecimal),
              Row("header.address", "frame", hexadecimal), Row("count", "frame"), Row("damaged")),
        text=f"A frame that asks for {WRITTEN}: flag, header, word, CRC, flag. The word's byte 7e comes as 7d 5e. The "
             "CRC is written behind the word, as it is not known yet which word is the last; of both the lowest four "
             "digits are shown."),
    "frame_encoder": Scene(
        top=lambda config: FrameEncoder(), drive=frame_encoder,
        rows=(Row("start"), Row("count"), Row("payload.enable"), Row("payload.address", "payload.enable"),
              Row("payload.data", text=hexadecimal), Row("bytes.valid"), Row("bytes.ready"),
              Row("bytes.payload", "bytes.valid", hexadecimal), Row("busy")),
        text=f"An answer with the word 0x{VALUE:x}: flag, header, word, CRC, flag. The word's byte 7e is sent as "
             "7d 5e."),
    "register_access": Scene(
        top=lambda config: RegisterAccess(CLOCK_HZ, BAUD), drive=register_access,
        rows=(Row("listen"), Row("frame"), Row("header.code", "frame", hexadecimal),
              Row("header.sequence", "frame"), Row("count", "frame"), Row("words.enable"),
              Row("words.address", "words.enable"), *REQUEST, Row("reply"),
              Row("reply_header.code", "reply", member(Answer)), Row("sending")),
        text=f"In a session: a request to write, code {Command.WRITE.value}, two words, here two equal ones; then the "
             "same request, as from a host that has missed the answer. It is answered again, and writes nothing."),
    "frame_link": Scene(
        top=lambda config: FrameLink(CLOCK_HZ, BAUD, BIT_CYCLES), drive=frame_link,
        rows=(*bytes_of("received_valid", "received"), *REQUEST, Row("sent.valid"), Row("sent.ready"),
              Row("sent.payload", "sent.valid", hexadecimal)),
        text=f"In a session: {WRITTEN}, and its answer."),
    "serial_link": Scene(
        top=lambda config: SerialLink(CLOCK_HZ, BAUD), drive=serial_link,
        rows=(Row("rx"), *REQUEST, Row("tx")),
        text=f"The last byte of {WRITTEN}: the flag 7e, in bits of {BIT_CYCLES} cycles; behind it the word is "
             "written, and the first byte of the answer begins."),
}
