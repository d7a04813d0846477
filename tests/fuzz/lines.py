"""The serial line: frames from any bytes, and a driver whose board says whatever it likes."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from boards.host.driver import DeviceError, Driver
from boards.host.frames import MOST_BYTES, Frame, Splitter, decode, encode, unstuff
from boards.host.link import LinkError, complete
from boards.host.serial_link import ATTEMPTS, SerialLink
from golden.spec.hardware import HardwareConfig
from golden.spec.image import Kind, Memory, Section, build_segment
from golden.spec.link import ESCAPE, FLAG, MAX_WORDS, Answer
from golden.spec.registers import ADDRESSES, COUNTERS, ErrorCode, Status
from golden.spec.validation import ConfigError
from tests.boards.fake_board import FakeCore, ModelPipe
from tests.fuzz.target import Target, check_sentence, words

CONFIG = HardwareConfig(lanes=8, width=8, pixel_words=64)
PIXELS = list(range(64))
BAUD = 1_000_000
POLLS = 8
MOST_SECONDS = 600
"""On the line's own clock, for the longest conversation below with no answer in time."""
MOST_WRITES = 4096
SEGMENTS = tuple(build_segment(CONFIG, kind, [Section(Memory.WEIGHT, 0, range(300))]) for kind in Kind)

pieces = st.lists(st.one_of(st.binary(max_size=20), st.just(bytes([FLAG])), st.just(bytes([ESCAPE])),
                            st.just(bytes([ESCAPE, FLAG])), st.just(bytes(2 * MOST_BYTES)),
                            st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535),
                                      st.lists(words, max_size=4).map(tuple)).map(encode)), max_size=12)
registers = st.dictionaries(
    st.sampled_from(sorted(ADDRESSES)),
    st.one_of(words, st.sampled_from([int(flag) for flag in (*Status, *ErrorCode)]),
              st.integers(0, 255)), max_size=3)
deeds = st.one_of(
    st.tuples(st.just("silence")), st.tuples(st.just("echo")), st.tuples(st.just("twice")), st.tuples(st.just("reset")),
    st.tuples(st.just("bytes"), pieces.map(b"".join)),
    st.tuples(st.just("flood"), st.integers(0, 255), st.integers(1, 20_000)),
    st.tuples(st.just("cut"), st.integers(0, 40)),
    st.tuples(st.just("flip"), st.integers(0, 400)),
    st.tuples(st.just("answer"), st.one_of(st.sampled_from([int(code) for code in Answer]), st.integers(0, 255)),
              st.integers(-1, 1), st.lists(words, max_size=3), st.one_of(st.none(), st.integers(0, MAX_WORDS))))
"""What the board does with a request instead of answering."""
actions = st.lists(st.sampled_from(["identify", "load", "conditioning", "seed", "start", "wait", "image", "latent",
                                    "counters", "counts", "registers", "clear"]), min_size=1, max_size=6)
lives = st.tuples(actions, st.dictionaries(st.integers(0, 40), deeds, max_size=6), registers, st.booleans())


class HostileBoard:
    """A board that answers as it should, but for the requests and registers where it does not."""

    def __init__(self, script: dict[int, tuple[Any, ...]], lies: dict[str, int], for_ever: bool) -> None:
        self.core = FakeCore(CONFIG, PIXELS * 40)
        self.lies = lies
        self.model = self.core.model()
        self.model.read = self.read
        self.script = script
        self.for_ever = for_ever                # the last deed goes on
        self.requests = 0

    def read(self, address: int) -> int:
        """One of the core's registers, or a lie."""
        name = next((name for name, each in ADDRESSES.items() if each == address), "")
        if name == "PIXEL_DATA" and self.core.registers["PIXEL_ADDRESS"] >= len(self.core.pixels):
            return 0
        return self.lies[name] if name in self.lies else self.core.read(address)

    def feed(self, content: bytes) -> bytes:
        """A request, and what comes back."""
        self.requests += 1
        place = self.requests - 1
        if self.for_ever and self.script:
            place = min(place, max(self.script))
        answer = self.model.feed(content)
        return self.deed(content, answer, *self.script[place]) if place in self.script else answer

    def deed(self, content: bytes, answer: bytes, kind: str, *details: Any) -> bytes:
        """What happens to one answer."""
        if kind == "answer":
            code, offset, values, repeat = details
            sent = decode(content[1:-1])
            frame = Frame((sent.sequence + offset) % 256, code, sent.address,
                          tuple(values) if repeat is None else (*values, 0)[:1] * repeat)
            return encode(frame)
        if kind == "reset":
            self.model.reset()
        if kind == "flip" and answer:
            changed = bytearray(answer)
            changed[details[0] // 8 % len(changed)] ^= 1 << details[0] % 8
            return bytes(changed)
        return {"silence": b"", "echo": content, "twice": answer * 2, "reset": b"", "flip": b"",
                "bytes": details[0] if kind == "bytes" else b"", "cut": answer[:details[0]] if kind == "cut" else b"",
                "flood": bytes([details[0]]) * details[1] if kind == "flood" else b""}[kind]


async def act(driver: Driver, action: str) -> None:
    """One thing that a tool does; what it returns has the length that was asked for."""
    if action in ("image", "latent"):
        read = driver.read_image if action == "image" else driver.read_latent
        pixels = await read(len(PIXELS))
        assert len(pixels) == len(PIXELS) and all(-(1 << 31) <= value < 1 << 31 for value in pixels)
    elif action in ("load", "conditioning"):
        await driver.load(SEGMENTS[action == "conditioning"], polls=POLLS)
    elif action == "wait":
        await driver.wait(polls=POLLS)
    elif action == "counters":
        counters = await driver.counters()
        assert set(counters) == set(COUNTERS) and all(0 <= value < 1 << 64 for value in counters.values())
    elif action == "registers":
        assert len(await driver.link.read_many(ADDRESSES["STATUS"], MAX_WORDS + 5)) == MAX_WORDS + 5
    else:
        await {"identify": functools.partial(driver.identify, CONFIG), "seed": functools.partial(driver.seed, 7),
               "start": driver.start, "counts": driver.link.counts, "clear": driver.clear}[action]()


def check_conversation(life: tuple[Any, ...], folder: Path) -> None:
    """Each action ends, in bounded time, with an answer or with the driver's own error."""
    planned, script, lies, for_ever = life
    board = HostileBoard(script, lies, for_ever)
    pipe = ModelPipe(board.feed)
    link = SerialLink(pipe, BAUD)
    for action in planned:
        try:
            complete(act(Driver(link), action))
        except (LinkError, DeviceError, ConfigError) as error:
            check_sentence(error)
        assert len(link._splitter._held) <= Splitter.LONGEST
    assert pipe.time < MOST_SECONDS
    assert board.requests <= len(planned) * ATTEMPTS * MOST_WRITES


def check_bytes(portions: list[bytes], folder: Path) -> None:
    """Any bytes in any portions give frames that encode to the same, and little is kept."""
    splitter, whole = Splitter(), Splitter()
    found = [part for portion in portions for part in splitter.feed(portion)]
    assert found == list(whole.feed(b"".join(portions)))
    assert len(splitter._held) <= Splitter.LONGEST
    for part in found:
        assert FLAG not in part and len(part) <= Splitter.LONGEST
        frame = decode(part)
        assert frame is None or unstuff(encode(frame)[1:-1]) == unstuff(part)


TARGETS = (
    Target("frames", "bytes that a serial line brings", pieces, check_bytes, ("boards.host.frames",)),
    Target("conversation", "a board that says what it likes", lives, check_conversation,
           ("boards.host.driver", "boards.host.serial_link", "boards.host.frames")),
)
