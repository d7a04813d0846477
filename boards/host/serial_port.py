"""A serial port of this computer, through pyserial."""

from __future__ import annotations

import time

import serial
from serial.tools import list_ports

from boards.host.link import LinkError

try:
    from termios import error as TerminalError
except ImportError:             # Windows has no terminals, and pyserial no other error there
    TerminalError = OSError

FAILURES = (serial.SerialException, OSError, TerminalError)
"""What pyserial raises when a port fails; a terminal's own error is none of the operating system's for Python."""
WRITE_SECONDS = 5.0
"""A port that takes nothing for so long has failed."""


class SerialPort:
    """A pipe through a serial port; every method raises ``LinkError``. A context: the port is closed at its end."""

    def __init__(self, name: str, baud: int) -> None:
        try:
            self.port = serial.serial_for_url(name, baudrate=baud, exclusive=True, write_timeout=WRITE_SECONDS)
        except Exception as error:      # also of a regular expression, a number or an attribute, as the name asks for
            raise LinkError(why_not_open(name, error)) from None

    def __enter__(self) -> SerialPort:
        return self

    def __exit__(self, *exception: object) -> None:
        self.port.close()

    async def write(self, content: bytes) -> None:
        try:
            self.port.write(content)
        except FAILURES as error:
            raise LinkError(lost(self.port.name, error)) from None

    async def read(self, seconds: float) -> bytes:
        try:
            self.port.timeout = seconds
            first = self.port.read(1)
            return first + self.port.read(self.port.in_waiting) if first else first
        except FAILURES as error:
            raise LinkError(lost(self.port.name, error)) from None

    async def discard(self) -> None:
        try:
            self.port.reset_input_buffer()
        except FAILURES as error:
            raise LinkError(lost(self.port.name, error)) from None

    async def rest(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()


def why_not_open(name: str, error: Exception) -> str:
    """One sentence on a port that cannot be opened."""
    text = str(error).lower()
    if "no such file" in text or "cannot find" in text or "filenotfound" in text:
        found = ", ".join(port.device for port in list_ports.comports()) or "none"
        return f"there is no serial port {name}; plug the board in and choose one of those that are there: {found}"
    if "permission" in text or "access is denied" in text:
        return f"serial port {name} may not be opened; ask for permission (on Linux join the port's group), or close " \
               "the program that uses it"
    if "lock" in text or "busy" in text or "temporarily unavailable" in text:
        return f"serial port {name} is in use; close the other program"
    return f"serial port {name} cannot be opened ({' '.join(str(error).split())}); check its name and the baud rate"


def lost(name: str, error: Exception) -> str:
    """One sentence on a port that failed while it was used."""
    return f"serial port {name} failed ({' '.join(str(error).split())}); check the cable, and start again"
