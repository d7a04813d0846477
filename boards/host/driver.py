"""The host's driver: the same code for a board and for the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from boards.host.link import Link
from golden.spec.hardware import FORMAT_VERSION, HardwareConfig
from golden.spec.image import Kind, segment_words
from golden.spec.registers import (
    ADDRESSES,
    COUNTERS,
    IDENTITY,
    Control,
    ErrorCode,
    Option,
    Status,
    explain,
)
from golden.spec.seed import generator_state

LOAD_POLLS = 1000
WAIT_POLLS = 1_000_000
KIND_WORD = 2
WORD_MASK = 0xFFFFFFFF


class DeviceError(RuntimeError):
    """The core refused or stopped; one sentence that says why and what to do."""

    def __init__(self, sentence: str, code: ErrorCode | None = None) -> None:
        super().__init__(sentence)
        self.code = code


class Driver:
    """One core behind a link. Every wait ends after a number of polls; every method raises ``DeviceError``."""

    def __init__(self, link: Link) -> None:
        self.link = link

    async def identify(self, config: HardwareConfig | None = None) -> int:
        """Make sure that this is a core that this software can drive, of this configuration if one is given.

        Returns its fingerprint.
        """
        identity = await self.read("IDENTITY")
        if identity != IDENTITY:
            raise DeviceError(f"the device answers {identity:#010x} instead of {IDENTITY:#010x}, so it is no Halftone "
                              "core; check cable, port and bitstream")
        version = await self.read("VERSION")
        if version != FORMAT_VERSION:
            raise DeviceError(f"the core has format version {version} and this software {FORMAT_VERSION}; "
                              "use the software that the bitstream was built with")
        fingerprint = await self.read("FINGERPRINT")
        if config is not None and fingerprint != config.fingerprint:
            raise DeviceError(f"the core's configuration is {fingerprint:08x} and {config.name}'s is "
                              f"{config.fingerprint:08x}; load the bitstream of that configuration or choose another")
        return fingerprint

    async def load(self, segment: bytes, polls: int = LOAD_POLLS) -> None:
        """Send a segment of an image; the core checks it. Clears an error that stands."""
        words = segment_words(segment)
        status = await self.status()
        if status & (Status.RUNNING | Status.PAUSED):
            raise DeviceError(f"{explain(ErrorCode.BUSY)}", ErrorCode.BUSY)
        if status & (Status.ERROR | Status.LOADING):
            await self.clear()
        await self.link.write_many(ADDRESSES["LOAD"], words)
        wanted = Status.CONDITIONING_LOADED if words[KIND_WORD:KIND_WORD + 1] == (Kind.CONDITIONING,) \
            else Status.PROGRAM_LOADED
        for _ in range(polls):
            status = await self.status()
            await self._raise_error(status)
            if not status & Status.LOADING and status & wanted:
                return
            await self.link.rest()
        raise DeviceError(f"the core still waits for words after the {len(words)} of the segment, which is truncated; "
                          "load the whole segment")

    async def seed(self, seed: int) -> None:
        """Choose the noise, by a number from 0 to 2^64 - 1; raises ``ConfigError`` for another."""
        await self.seed_state(generator_state(seed))

    async def seed_state(self, state: Sequence[int]) -> None:
        """Choose the noise, by the generator's four words."""
        for index, word in enumerate(state):
            await self.write(f"SEED{index}", word)

    async def start(self, pause: bool = False) -> None:
        """Begin an image; with ``pause``, stand still at the end of every step.

        A core with dense lanes refreshes its split table as it draws: load the conditioning again, which holds the
        first step's, for a second image in exactly as many cycles. The picture is the same either way.
        """
        await self.write("OPTIONS", Option.PAUSE if pause else 0)
        await self.write("CONTROL", Control.START)
        await self._raise_error(await self.status())

    async def resume(self) -> None:
        """Go on after a pause."""
        await self.write("CONTROL", Control.RESUME)

    async def clear(self) -> None:
        """Abort whatever is under way, and forget an error."""
        await self.write("CONTROL", Control.CLEAR)

    async def wait(self, progress: Callable[[int], None] | None = None, polls: int = WAIT_POLLS) -> Status:
        """Wait until the image is done, or the core pauses; ``progress`` is told each number of steps ended."""
        shown = None
        for _ in range(polls):
            status = await self.status()
            await self._raise_error(status)
            step = await self.read("STEP")
            if progress is not None and step != shown:
                progress(step)
            shown = step
            if status & (Status.DONE | Status.PAUSED):
                return status
            await self.link.rest()
        raise DeviceError(f"the core was not done after {polls} polls, at step {shown}; wait longer, or clear it and "
                          "check that a start came before")

    async def read_image(self, count: int, first: int = 0) -> list[int]:
        """So many pixels of the predicted clean image as int16, one is 4096: of a drawing that is done, the image.

        Only when it is done or paused.
        """
        return await self._read_pixels("PIXEL_DATA", count, first)

    async def read_latent(self, count: int, first: int = 0) -> list[int]:
        """The same of the latent image, from which the next step goes on."""
        return await self._read_pixels("LATENT_DATA", count, first)

    async def _read_pixels(self, register: str, count: int, first: int) -> list[int]:
        await self.write("PIXEL_ADDRESS", first)
        values = await self.link.read_many(ADDRESSES[register], count)
        pixels = [value - (1 << 32) if value >> 31 else value for value in values]
        await self._raise_error(await self.status())
        return pixels

    async def read_update(self) -> int:
        """How much the last step changed the predicted clean image: sum over pixels, one is 4096.

        Of step 0, the first noise, it counts from what the memory held before.
        """
        return await self.read("UPDATE")

    async def counters(self) -> dict[str, int]:
        """Every counter; each is of one moment, all together only while the core stands still."""
        values = {}
        for name in COUNTERS:
            low = await self.read(f"{name}_LOW")
            values[name] = low | await self.read(f"{name}_HIGH") << 32
        return values

    async def status(self) -> Status:
        return Status(await self.read("STATUS"))

    async def read(self, name: str) -> int:
        """A register by its name."""
        return await self.link.read(ADDRESSES[name])

    async def write(self, name: str, value: int) -> None:
        """Write a register by its name."""
        await self.link.write(ADDRESSES[name], int(value) & WORD_MASK)

    async def _raise_error(self, status: Status) -> None:
        if status & Status.ERROR:
            code = await self.read("ERROR")
            detail = await self.read("ERROR_DETAIL")
            known = ErrorCode(code) if code in tuple(ErrorCode) else None
            raise DeviceError(f"{explain(code)} (detail {detail:#x})", known)
