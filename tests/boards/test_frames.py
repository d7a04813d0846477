"""Frames of the serial link: what is encoded comes back, and nothing else is taken for a frame."""

from __future__ import annotations

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from boards.host.frames import LEAST_BYTES, MOST_BYTES, Frame, FrameError, Splitter, decode, encode, stuff, unstuff
from golden.spec.link import ESCAPE, FLAG, MAX_WORDS
from sim import seed as seeds

FLAGS = bytes([FLAG])
awkward = st.sampled_from([FLAG, ESCAPE, FLAG ^ 0x20, ESCAPE ^ 0x20])
contents = st.lists(st.one_of(awkward, st.integers(0, 255)), max_size=80).map(bytes)
words = st.lists(st.one_of(st.integers(0, 2**32 - 1), st.just(FLAG * 0x01010101)), max_size=MAX_WORDS)
frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535), words.map(tuple))


def fuzzed(test):
    """Many random examples, the same ones for the same HALFTONE_SEED."""
    return seed(seeds.seed())(settings(database=None, deadline=None, max_examples=150)(test))


@fuzzed
@given(frames)
def test_a_frame_comes_back(frame):
    content = encode(frame)
    assert content[:1] == content[-1:] == FLAGS and FLAG not in content[1:-1]
    assert decode(content[1:-1]) == frame
    assert Splitter().feed(content) == [content[1:-1]]


@fuzzed
@given(contents)
def test_escapes_come_out_as_they_went_in(content):
    assert unstuff(stuff(content)) == content
    assert FLAG not in stuff(content)


def test_several_escapes_in_a_row_are_one():
    assert unstuff(stuff(b"a}b~").replace(b"}", b"}}}")) == b"a}b~"
    assert unstuff(b"a}}") is None


@fuzzed
@given(contents)
def test_no_bytes_are_too_strange_to_decode(content):
    frame = decode(content)
    assert frame is None or unstuff(encode(frame)[1:-1]) == unstuff(content)


@fuzzed
@given(frames, st.data())
def test_a_changed_bit_or_a_cut_is_no_frame(frame, data):
    content = encode(frame)[1:-1]
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    parts = Splitter().feed(FLAGS + bytes(changed) + FLAGS)
    assert all(decode(part) is None for part in parts)
    assert decode(content[:place]) is None


@fuzzed
@given(st.lists(st.one_of(frames.map(encode), contents), max_size=6), st.integers(1, 50))
def test_portions_do_not_matter(pieces, size):
    content = b"".join(pieces)
    whole = Splitter().feed(content)
    splitter = Splitter()
    portions = [splitter.feed(content[place:place + size]) for place in range(0, len(content), size)]
    assert [part for found in portions for part in found] == list(whole)


@fuzzed
@given(contents, frames)
def test_a_frame_is_found_behind_any_rubbish(rubbish, frame):
    *_, last = Splitter().feed(rubbish + encode(frame))
    assert decode(last) == frame


def test_an_endless_frame_is_not_kept():
    splitter = Splitter()
    splitter.feed(FLAGS)
    for _ in range(100):
        assert not splitter.feed(bytes(1000))
        assert len(splitter._held) <= Splitter.LONGEST
    frame = Frame(1, 2, 3)
    assert [decode(part) for part in splitter.feed(encode(frame))] == [frame]


@pytest.mark.parametrize("size", [0, LEAST_BYTES - 4, LEAST_BYTES - 1, LEAST_BYTES + 1, MOST_BYTES + 4])
def test_a_wrong_length_is_no_frame(size):
    assert decode(bytes(size)) is None


@pytest.mark.parametrize("frame", [Frame(256, 0, 0), Frame(0, -1, 0), Frame(0, 0, 65536), Frame(0, 0, 0, (1 << 32,)),
                                   Frame(0, 0, 0, (0,) * (MAX_WORDS + 1))])
def test_what_does_not_fit_a_frame_is_refused(frame):
    with pytest.raises(FrameError, match="expected at most|out of its range"):
        encode(frame)
