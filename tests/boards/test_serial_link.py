"""The serial link's host side, against a model of the board on lines of every kind."""

from __future__ import annotations

import random

import pytest

from boards.host.driver import Driver
from boards.host.link import LinkError, complete
from boards.host.serial_link import ATTEMPTS, SerialLink
from golden.spec.hardware import HardwareConfig
from golden.spec.link import LINK_ADDRESSES, MAX_WORDS
from golden.spec.registers import ADDRESSES
from sim import seed as seeds
from sim.uart import FaultyPipe, damage
from tests.boards.fake_board import FakeCore, ModelPipe

BAUD = 1_000_000
PIXELS = list(range(-300, 300))


class Board:
    """A core, the model of its link, a line, and a host."""

    def __init__(self, share: float = 0.0) -> None:
        self.core = FakeCore(HardwareConfig(), PIXELS)
        self.model = self.core.model()
        self.pipe = ModelPipe(self.model.feed)
        generator = seeds.generator("serial link")
        to_board, to_host = damage(generator, share), damage(generator, share)
        self.link = SerialLink(FaultyPipe(self.pipe, to_board, to_host), BAUD)
        self.driver = Driver(self.link)


def test_values_pass_both_ways():
    board = Board()
    complete(board.link.write(ADDRESSES["SEED0"], 0x7E7D5D20))
    assert complete(board.link.read(ADDRESSES["SEED0"])) == 0x7E7D5D20
    assert complete(board.driver.read_image(len(PIXELS))) == PIXELS
    values = list(range(2 * MAX_WORDS + 3))
    complete(board.link.write_many(ADDRESSES["SEED1"], values))
    assert [value for name, value in board.core.writes if name == "SEED1"] == values
    assert complete(board.link.counts())["RETRIES"] == board.link.dropped == 0


def test_on_a_bad_line_everything_still_happens_once_and_in_order():
    board = Board(share=0.1)
    generator = seeds.generator("values")
    values = [generator.getrandbits(32) for _ in range(12000)]
    for place in range(0, len(values), 60):
        complete(board.link.write_many(ADDRESSES["SEED1"], values[place:place + 60]))
    assert [value for name, value in board.core.writes if name == "SEED1"] == values
    assert complete(board.driver.read_image(len(PIXELS))) == PIXELS
    assert board.link.retries and board.model.own["DAMAGED"] and board.model.own["REPEATED"]


def test_a_silent_board_is_told_after_a_bounded_time():
    pipe = ModelPipe(lambda content: b"")
    with pytest.raises(LinkError, match=f"did not answer {ATTEMPTS} times"):
        complete(SerialLink(pipe, BAUD).read(0))
    assert pipe.time < 5


def test_a_board_that_talks_rubbish_is_told_after_a_bounded_time():
    noise = random.Random(seeds.seed())
    pipe = ModelPipe(lambda content: noise.randbytes(5000))
    with pytest.raises(LinkError, match="did not answer"):
        complete(SerialLink(pipe, BAUD).read(0))
    assert pipe.time < 5


def test_an_echo_is_no_answer():
    with pytest.raises(LinkError, match="did not answer"):
        complete(SerialLink(ModelPipe(lambda content: content), BAUD).read(0))


def test_a_reset_in_mid_work_is_told_and_a_new_session_works():
    board = Board()
    complete(board.driver.identify())
    board.model.reset()
    with pytest.raises(LinkError, match="was reset"):
        complete(board.driver.status())
    complete(board.driver.identify())


def test_answers_to_an_earlier_host_are_dropped():
    board = Board()
    for _ in range(300):                    # whatever sequence number the next host begins with
        complete(board.link.read(ADDRESSES["VERSION"]))
    late = board.pipe.feed
    other = SerialLink(board.pipe, BAUD)
    complete(other.open())
    stale = b"".join(late(b"") for _ in range(3)) + b"\x7e" + b"half an answer"
    board.pipe.arrived = stale
    assert complete(other.read(ADDRESSES["IDENTITY"])) == board.core.registers["IDENTITY"]


def test_another_version_of_the_link_is_refused():
    board = Board()
    board.model.own["LINK_VERSION"] += 1
    with pytest.raises(LinkError, match="version"):
        complete(board.driver.identify())


def test_the_links_own_registers_are_apart_from_the_cores():
    board = Board()
    counts = complete(board.link.counts())
    assert set(counts) == {*LINK_ADDRESSES, "RETRIES", "DROPPED"}
    assert (counts["CLOCK_HZ"], counts["BAUD"]) == (25_000_000, BAUD)
