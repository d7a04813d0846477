"""Planted bugs of the serial link."""

from __future__ import annotations

from amaranth.hdl import Const, Value

from rtl.link.access import RegisterAccess
from rtl.link.decoder import FRAME_WORDS, FrameDecoder
from rtl.link.frames import FrameLink
from rtl.link.uart import UartReceiver


class DeafReceiver(UartReceiver):
    """Takes a byte whose stop bit is low."""

    def stop_bit(self, line: Value) -> Value:
        return Const(1)


class TrustingDecoder(FrameDecoder):
    """Takes a frame whatever its CRC."""

    def crc_matches(self) -> Value:
        return Const(1)


class LongDecoder(FrameDecoder):
    """Takes a frame that is a word too long."""

    def is_full(self) -> Value:
        return self.words == FRAME_WORDS + 1


class StubbornDecoder(FrameDecoder):
    """Keeps what it has of a frame that was cut, and so reads none after it."""

    def forgets(self, good: Value) -> Value:
        return good


class ForgetfulAccess(RegisterAccess):
    """Executes a request that is sent again."""

    def is_repeated(self) -> Value:
        return Const(0)


class ShortAccess(RegisterAccess):
    """Leaves a request's last word out, if it has more than one."""

    def is_last(self) -> Value:
        return (self.index + 2 >= self.total)


class TrustingLink(FrameLink):
    decoder_unit = TrustingDecoder


class LongLink(FrameLink):
    decoder_unit = LongDecoder


class StubbornLink(FrameLink):
    decoder_unit = StubbornDecoder


class ForgetfulLink(FrameLink):
    access_unit = ForgetfulAccess


class ShortLink(FrameLink):
    access_unit = ShortAccess


RECEIVERS = {None: UartReceiver, "deaf": DeafReceiver}
LINKS = {None: FrameLink, "any_crc": TrustingLink, "too_long": LongLink, "stubborn": StubbornLink,
         "executes_twice": ForgetfulLink, "one_word_short": ShortLink}
