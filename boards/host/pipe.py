"""Bytes to a board and back, over whatever can carry them."""

from __future__ import annotations

from typing import Protocol


class Pipe(Protocol):
    """Bytes both ways. Time is in seconds, of the pipe's own clock."""

    async def write(self, content: bytes) -> None:
        """Send bytes; they may still be on their way afterwards."""

    async def read(self, seconds: float) -> bytes:
        """What has arrived, as soon as there is anything; nothing if nothing comes for so long."""

    async def discard(self) -> None:
        """Forget what has arrived."""

    async def rest(self, seconds: float) -> None:
        """Let time pass."""

    def now(self) -> float:
        """The time."""
