"""The link's frames against a model in Python: every answer and every access, whatever the line brings."""

from __future__ import annotations

import struct
import zlib

import cocotb

from boards.host.frames import Frame, encode, stuff
from golden.spec.link import (
    BYTE_TIMEOUT_BITS,
    ESCAPE,
    ESCAPE_FLIP,
    FLAG,
    LINK_BASE,
    LINK_REGISTERS,
    MAX_WORDS,
    Answer,
    Command,
)
from sim import seed as seeds
from sim.clock import Clock
from sim.coverage.marks import mark, mark_all
from sim.link_model import LinkModel
from sim.streams import Sink
from sim.units import unit_description

MOST_CYCLES = 20_000
"""For an answer: more than the longest takes."""
QUIET_CYCLES = 60
"""In which an answer that must not come would begin."""
SLACK_CYCLES = 10
"""Around a byte: its own, and the pauses of ``Bench.put``."""
AS_THEY_ARE = (FLAG, ESCAPE)
ADDRESS_BITS, DATA_BITS = 16, 32
AWKWARD = (FLAG * 0x01010101, ESCAPE * 0x01010101, 0x7D5E7E7D, 0, 0xFFFFFFFF)
"""Words of bytes that need escapes, or look as if they had one."""


def value_of(count: int) -> int:
    """What the core's registers read for the n-th time: never the same."""
    return AWKWARD[count % 7] if count % 7 < len(AWKWARD) else count * 0x9E3779B1 & 0xFFFFFFFF


class Bench:
    """The unit, a core behind it that takes its time, and the model."""

    def __init__(self, dut, stall: float) -> None:
        self.dut = dut
        self.stall = stall
        self.random = seeds.generator(f"frame link {stall}")
        self.clock = Clock(dut)
        self.sink = Sink(dut, "sent", self.clock, stall=stall, generator=self.random, timeout=MOST_CYCLES)
        self.parameters = unit_description()["parameters"]
        self.accesses: list[tuple[int, ...]] = []
        self.expected: list[tuple[int, ...]] = []
        self.model = LinkModel(self.model_read, lambda *access: self.expected.append(access),
                               self.parameters["clock_hz"], self.parameters["baud"])
        self.sequence = 0
        self.waits: set[str] = set()

    def model_read(self, address: int) -> int:
        self.expected.append((address,))
        return value_of(sum(len(access) == 1 for access in self.expected))

    async def start(self) -> None:
        for name in ("received_valid", "broken", "request__ready", "response__valid"):
            getattr(self.dut, name).value = 0
        await self.clock.start()
        cocotb.start_soon(self.core())

    async def core(self) -> None:
        """Takes requests, and answers reads; both after any number of cycles."""
        dut, reads = self.dut, 0
        while True:
            dut.request__ready.value = int(self.random.random() >= self.stall)
            await self.clock.next_edge()
            if int(dut.sent__valid.value) and not int(dut.sent__ready.value):
                self.waits.add("line makes an answer wait")
            if not int(dut.request__valid.value):
                continue
            if not int(dut.request__ready.value):
                self.waits.add("core makes a request wait")
                continue
            payload = int(dut.request__payload.value)
            address = payload >> 1 & (1 << ADDRESS_BITS) - 1
            if payload & 1:
                self.accesses.append((address, payload >> 1 + ADDRESS_BITS))
                continue
            dut.request__ready.value = 0
            self.accesses.append((address,))
            reads += 1
            while self.random.random() < self.stall:
                self.waits.add("core makes a value wait")
                await self.clock.next_edge()
            dut.response__payload.value, dut.response__valid.value = value_of(reads), 1
            await self.clock.next_edge()
            while not int(dut.response__ready.value):
                await self.clock.next_edge()
            dut.response__valid.value = 0

    async def put(self, content: bytes) -> None:
        """Bytes on the line, with a pause of at least a cycle behind each."""
        for value in content:
            self.dut.received.value, self.dut.received_valid.value = value, 1
            await self.clock.next_edge()
            self.last = self.clock.cycle
            self.dut.received_valid.value = 0
            await self.clock.wait_cycles(self.random.choice([1, 1, 2, 5]))

    async def send(self, content: bytes) -> int:
        """Bytes on the line; what comes back must be what the model says. Returns the first answer's cycle, or 0."""
        expected = self.model.feed(content)
        receiving = cocotb.start_soon(self.sink.receive(len(expected)))
        await self.put(content)
        transfers = await receiving
        got = bytes(transfer.payload for transfer in transfers)
        assert got == expected, f"frames: sent {content.hex()}: expected {expected.hex()}, got {got.hex()}"
        await self.clock.wait_cycles(QUIET_CYCLES)
        assert not int(self.dut.sent__valid.value), f"frames: sent {content.hex()}: more than {expected.hex()}"
        mark_all(self.model.met)
        self.model.met.clear()
        return transfers[0].cycle if transfers else 0

    def request(self, command: int, address: int, *words: int, again: bool = False) -> bytes:
        """A request, with the next sequence number or that of the last one."""
        self.sequence = (self.sequence + (not again)) % 256
        return encode(Frame(self.sequence, command, address, words))

    def words(self, count: int) -> tuple[int, ...]:
        return tuple(self.random.choice([*AWKWARD, self.random.getrandbits(DATA_BITS)]) for _ in range(count))

    def any_request(self) -> bytes:
        """Reads and writes of all lengths, right and wrong, of the core's registers and of the link's."""
        own = LINK_BASE + self.random.randrange(len(LINK_REGISTERS) + 1)
        address = self.random.choice([self.random.randrange(LINK_BASE), FLAG, ESCAPE << 8, own])
        count = self.random.choice([1, 1, 2, 3, self.random.randrange(1, 20), MAX_WORDS])
        kind = self.random.randrange(8)
        if kind < 3:
            return self.request(Command.READ, address, count)
        if kind < 6:
            return self.request(Command.WRITE, address, *self.words(count))
        if kind == 6:
            return self.request(Command.READ, address, *self.random.choice(
                [(), (0,), (MAX_WORDS + 1,), (1 << 31,), (1, 1), (1 << 16 | 1,)]))
        return self.request(self.random.choice([0, 4, 0x82, 255, Command.SYNC, Command.WRITE]), address,
                            *self.words(self.random.choice([0, 0, 1])))

    async def finish(self) -> None:
        """Every access is as expected, and there were some."""
        await self.send(self.request(Command.SYNC, 0))
        assert self.accesses == self.expected and len(self.accesses) > 50, "frames: other accesses"
        mark_all(self.waits)


async def damaged(bench: Bench) -> None:
    """A frame that is damaged in one of many ways."""
    content, chance = bench.any_request(), bench.random
    place = chance.randrange(1, len(content) - 1)
    kind = chance.randrange(6)
    if kind == 0:
        await bench.send(content[:place])                    # cut, and the next one follows at once
    elif kind == 1:
        flipped = content[place] ^ 1 << chance.randrange(8)
        await bench.send(content[:place] + bytes([flipped]) + content[place + 1:])
    elif kind == 2:
        await bench.send(bytes([FLAG]) + stuff(chance.randbytes(chance.randrange(1, 60))) + bytes([FLAG]))
    elif kind == 3:
        await bench.send(chance.randbytes(chance.randrange(1, 60)))
    elif kind == 4:
        await bench.send(content[:2])
        bench.model.drop()
        bench.dut.broken.value = 1
        await bench.clock.wait_cycles(1)
        bench.dut.broken.value = 0
        await bench.clock.wait_cycles(1)
        await bench.send(content[2:])
        mark("frame with a bad byte")
    else:
        await bench.send(content[:2])
        bench.model.drop()
        await bench.clock.wait_cycles(BYTE_TIMEOUT_BITS + 5)
        await bench.send(content[2:])
        mark("frame given up after a pause")


async def badly_ended(bench: Bench) -> None:
    """Every way in which what lies between two flags is no frame, and requests of no length; good ones follow each."""
    content = bench.request(Command.WRITE, 5, 1)[:-1]
    for inside in (content[:3], content[:-1], content + bytes([ESCAPE]), content[:-1] + bytes([content[-1] ^ 1])):
        await bench.send(inside + bytes([FLAG]))
        await bench.send(bench.request(Command.READ, 5, 1))
    await bench.send(bench.request(Command.WRITE, 5, ESCAPE << 8 | FLAG).replace(bytes([ESCAPE]), bytes([ESCAPE] * 2)))
    await bench.send(b"\x00noise")
    for command, words in ((Command.READ, (0,)), (Command.READ, (MAX_WORDS + 1,)), (Command.READ, ()),
                           (Command.SYNC, (1,)), (Command.WRITE, ())):
        await bench.send(bench.request(command, 5, *words))


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.5])
async def answers_match_the_model(dut, stall):
    """Requests right, wrong, repeated and damaged, in any order."""
    bench = Bench(dut, stall)
    await bench.start()
    await bench.send(bench.request(Command.READ, 3, 1))      # without a session
    await bench.send(bench.request(Command.WRITE, 3, 1))
    await bench.send(bench.request(Command.SYNC, 0))
    for _ in range(60):
        kind = bench.random.randrange(3)
        if kind == 0:
            await damaged(bench)
        request = bench.any_request()
        for _ in range(1 + (kind == 1)):
            await bench.send(request)
    for place in range(len(LINK_REGISTERS) + 1):
        await bench.send(bench.request(Command.READ, LINK_BASE + place, 1))
        await bench.send(bench.request(Command.WRITE, LINK_BASE + place, *bench.words(2)))
    await badly_ended(bench)
    await bench.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def lengths_are_exact(dut):
    """The longest frames pass, one word more does not; a payload is executed to its last word."""
    bench = Bench(dut, 0.0)
    await bench.start()
    await bench.send(bench.request(Command.SYNC, 0))
    await bench.send(bench.request(Command.READ, 1, MAX_WORDS))
    await bench.send(bench.request(Command.WRITE, 2, *bench.words(MAX_WORDS)))
    for count in (MAX_WORDS + 1, MAX_WORDS + 2):
        await bench.send(long_frame(bench.words(count)))
        await bench.send(bench.request(Command.WRITE, 4, *bench.words(2)))
    await bench.finish()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def slow_and_needlessly_escaped_frames_pass(dut):
    """A pause just short of the timeout is none, and any byte may be sent as an escape."""
    bench = Bench(dut, 0.0)
    await bench.start()
    await bench.send(bench.request(Command.SYNC, 0))
    for _ in range(8):
        content = bench.request(Command.WRITE, bench.random.randrange(LINK_BASE), *bench.words(3))
        place = bench.random.randrange(2, len(content) - 2)
        await bench.send(content[:place])
        await bench.clock.wait_cycles(BYTE_TIMEOUT_BITS - QUIET_CYCLES - SLACK_CYCLES)
        await bench.send(content[place:])
        await bench.send(escaped_more(bench.request(Command.WRITE, 5, *bench.words(4)), bench))
    assert Answer.OK == bench.model.last.code
    mark_all(("frame with a pause short of the timeout", "frame with needless escapes"))


def escaped_more(content: bytes, bench: Bench) -> bytes:
    """A frame some of whose bytes are escaped that need not be."""
    sent, after_escape = bytearray(), False
    for value in content:
        free = not after_escape and value not in AS_THEY_ARE and value ^ ESCAPE_FLIP not in AS_THEY_ARE
        sent += bytes([ESCAPE, value ^ ESCAPE_FLIP]) if free and bench.random.random() < 0.3 else bytes([value])
        after_escape = value == ESCAPE
    return bytes(sent)


def long_frame(words: tuple[int, ...]) -> bytes:
    """A write that is longer than ``encode`` makes one, and right in everything else."""
    content = struct.pack(f"<BBH{len(words)}I", 200, Command.WRITE, 3, *words)
    return bytes([FLAG]) + stuff(content + struct.pack("<I", zlib.crc32(content))) + bytes([FLAG])


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def answers_come_in_the_cycles_stated(dut):
    """SYNC and writes of any length, with a core and a line that are always ready."""
    bench = Bench(dut, 0.0)
    await bench.start()
    fixed, each = bench.parameters["answer_cycles"], bench.parameters["write_cycles"]
    assert await bench.send(bench.request(Command.SYNC, 0)) == bench.last + fixed
    for count in (1, 2, 77, MAX_WORDS):
        first = await bench.send(bench.request(Command.WRITE, 9, *bench.words(count)))
        assert first == bench.last + fixed + each * count
    assert Answer.OK == bench.model.last.code
