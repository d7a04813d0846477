"""How the host reaches a core's registers, whatever lies between."""

from __future__ import annotations

import abc
from collections.abc import Coroutine, Iterable
from typing import Any


class LinkError(RuntimeError):
    """The way to the registers failed; one sentence that says why and what to do."""


class Link(abc.ABC):
    """A way to the registers; addresses and values as in ``golden.spec.registers``. May raise ``LinkError``."""

    @abc.abstractmethod
    async def write(self, address: int, value: int) -> None:
        """Write one register."""

    @abc.abstractmethod
    async def read(self, address: int) -> int:
        """Read one register."""

    async def write_many(self, address: int, values: Iterable[int]) -> None:
        """Write values to one register, in order; a link that has a faster way takes it."""
        for value in values:
            await self.write(address, value)

    async def read_many(self, address: int, count: int) -> list[int]:
        """Read one register so many times; a link that has a faster way takes it."""
        return [await self.read(address) for _ in range(count)]

    async def rest(self) -> None:  # noqa: B027 (most links need none)
        """Let time pass between two polls; nothing by default."""


def complete(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a driver's method to its end, for a link that never waits for an event loop (a serial port, say).

    Raises ``RuntimeError`` if the link does wait.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("the link waits for an event loop; await the driver's method instead")
