"""A board of a few lines: registers as a dictionary behind the link's model, and pipes to it."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
import zlib
from collections.abc import Callable, Sequence

from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import Kind
from golden.spec.registers import IDENTITY, REGISTERS, Control, ErrorCode, Status
from sim.link_model import LinkModel

NAMES = [register.name for register in REGISTERS]
POLL_SECONDS = 0.02
READ_SECONDS = 0.001
PORTION_BYTES = 2000


class FakeCore:
    """Takes segments, and draws a picture that is given: a step ends at every look at STEP."""

    def __init__(self, config: HardwareConfig, pixels: Sequence[int] = (), steps: int = 3) -> None:
        self.registers = dict.fromkeys(NAMES, 0)
        self.registers |= {"IDENTITY": IDENTITY, "VERSION": FORMAT_VERSION, "FINGERPRINT": config.fingerprint}
        self.pixels = list(pixels)
        self.steps = steps
        self.words: list[int] = []
        self.segments: list[bytes] = []
        self.writes: list[tuple[str, int]] = []

    def write(self, address: int, value: int) -> None:
        """One of the core's registers; addresses without one do nothing."""
        name = NAMES[address] if address < len(NAMES) else ""
        self.writes.append((name, value))
        if name == "LOAD":
            self.load(value)
        elif name == "CONTROL" and value & Control.START:
            self.registers |= {"STATUS": self.registers["STATUS"] & ~Status.DONE | Status.RUNNING, "STEP": 0}
        elif name == "CONTROL":
            self.registers["STATUS"] &= ~(Status.ERROR | Status.LOADING)
            self.words.clear()
        elif name:
            self.registers[name] = value

    def read(self, address: int) -> int:
        """One of the core's registers; addresses without one read 0."""
        name = NAMES[address] if address < len(NAMES) else ""
        if name == "PIXEL_DATA":
            self.registers["PIXEL_ADDRESS"] += 1
            return self.pixels[self.registers["PIXEL_ADDRESS"] - 1] & 0xFFFFFFFF
        if name == "STEP" and self.registers["STATUS"] & Status.RUNNING:
            self.registers["STEP"] += 1
            if self.registers["STEP"] > self.steps:
                self.registers["STATUS"] = self.registers["STATUS"] & ~Status.RUNNING | Status.DONE
        return self.registers.get(name, 0)

    def load(self, word: int) -> None:
        """A word of a segment; its CRC ends it."""
        self.words.append(word)
        self.registers["STATUS"] |= Status.LOADING
        content = b"".join(each.to_bytes(4, "little") for each in self.words)
        if zlib.crc32(content[:-4]) == word:
            self.segments.append(content)
            flag = Status.PROGRAM_LOADED if self.words[2] == Kind.PROGRAM else Status.CONDITIONING_LOADED
            self.registers["STATUS"] = self.registers["STATUS"] & ~Status.LOADING | flag
            self.words.clear()

    def fail(self, code: ErrorCode) -> None:
        """Stop with an error."""
        self.registers |= {"ERROR": code, "STATUS": self.registers["STATUS"] | Status.ERROR}

    def model(self) -> LinkModel:
        """The core behind a link."""
        return LinkModel(self.read, self.write, 25_000_000, 1_000_000)


class ModelPipe:
    """A pipe to a board that answers at once; its time passes where a port would wait."""

    def __init__(self, feed: Callable[[bytes], bytes]) -> None:
        self.feed = feed
        self.arrived = b""
        self.time = 0.0

    async def write(self, content: bytes) -> None:
        self.arrived += self.feed(content)

    async def read(self, seconds: float) -> bytes:
        self.time += READ_SECONDS if self.arrived else seconds
        part, self.arrived = self.arrived[:PORTION_BYTES], self.arrived[PORTION_BYTES:]
        return part

    async def discard(self) -> None:
        self.arrived = b""

    async def rest(self, seconds: float) -> None:
        self.time += seconds

    def now(self) -> float:
        return self.time


class FakePort:
    """A serial port of this computer with a board behind it: ``name`` is its path. A context."""

    def __init__(self, feed: Callable[[bytes], bytes]) -> None:
        self.feed = feed
        self.board, self.host = pty.openpty()
        tty.setraw(self.host)
        self.name = os.ttyname(self.host)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        """Answer until the end."""
        while not self.ended.is_set():
            if select.select([self.board], [], [], POLL_SECONDS)[0]:
                os.write(self.board, self.feed(os.read(self.board, 4096)))

    def __enter__(self) -> FakePort:
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.ended.set()
        self.thread.join()
        os.close(self.board)
        os.close(self.host)
