"""Bench of a core into which faults are injected: memories, image, reset, host. Each injection has one outcome."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cocotb

from boards.host.driver import DeviceError, Driver
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.image import WORD_BYTES, Memory, parse_segment, read_image, segment_words
from golden.spec.registers import ADDRESSES, Status
from sim.clock import Clock
from sim.faults.injections import Flips, damage_segment, draw_flips, draw_unchecked, generator
from sim.faults.job import EXACT, HANG, SILENT, Outcome, read_job
from sim.faults.stores import find_stores
from sim.link import SimulatedLink
from sim.streams import StreamTimeout

REST_CYCLES = 256
LOAD_POLLS = 4
CONFIRM_SHARE = 0.1
"""Share of the errors after which a good drawing is asked for at once; the next injection needs one anyway."""
LONGEST_HOLD = 3000


class Bench:
    """A core with its image loaded, and a host."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.job = read_job()
        self.clock = Clock(dut)
        self.driver = Driver(SimulatedLink(dut, self.clock, REST_CYCLES))
        self.image = read_image(self.job.image)
        self.stores = find_stores(Path(self.job.core).read_text(encoding="utf-8"))
        self.used: dict[str, int] = {}
        self.polls = 4 + (self.job.cycles + 2 * self.job.watchdog_cycles) // REST_CYCLES
        self.segments = (self.image.program, self.image.conditionings[self.job.label])
        self.note_used(load_hardware(Path(self.job.config)))

    async def start(self) -> None:
        for name in ("flip", "flip_store", "flip_index", "flip_mask"):
            getattr(self.dut, name).value = 0
        await self.clock.start()
        await self.driver.identify()
        await self.load()
        await self.driver.seed(self.job.noise)
        assert await self.draw() == EXACT, "the good image is not drawn"
        cycles = (await self.driver.counters())["CYCLES"]
        assert cycles == self.job.cycles, f"the core counted {cycles} cycles; predicted {self.job.cycles}"

    def note_used(self, config: HardwareConfig) -> None:
        """Words that the image fills."""
        for content in self.segments:
            for section in parse_segment(content, config).sections:
                name = Memory(section.memory).name.lower()
                self.used[name] = max(self.used.get(name, 0), section.start + len(section.words))
        self.used |= {f"{name} depth": config.memory_shapes[name][0] for name in self.used}

    async def load(self) -> None:
        for segment in self.segments:
            await self.driver.load(segment)

    async def flip(self, flips: Flips) -> None:
        """Turn bits, one word a cycle."""
        for flip in flips.flips:
            self.dut.flip_store.value, self.dut.flip_index.value = flip.store, flip.index
            self.dut.flip_mask.value, self.dut.flip.value = flip.mask, 1
            await self.clock.next_edge()
        self.dut.flip.value = 0
        await self.clock.next_edge()

    async def draw(self, during: Callable[[], Awaitable[None]] | None = None) -> str:
        """Start, do something meanwhile, and wait: what the host comes to know; DONE or an error, never both."""
        outcome = await self.told(self._draw(during))
        status = await self.driver.status()
        assert not (status & Status.DONE and status & Status.ERROR), f"{outcome} and DONE"
        return outcome

    async def _draw(self, during: Callable[[], Awaitable[None]] | None) -> str:
        await self.driver.start()
        if during is not None:
            await during()
        await self.driver.wait(polls=self.polls)
        return EXACT if await self.driver.read_image(len(self.job.expected)) == self.job.expected else SILENT

    async def told(self, action: Awaitable[str]) -> str:
        """The outcome of an action, or the error that ended it."""
        try:
            return await action
        except StreamTimeout:
            return HANG
        except DeviceError as error:
            if error.code is None:
                return HANG if "not done" in str(error) else "refused by the host"
            return error.code.name


async def into_memory(bench: Bench, draw: random.Random, before: bool = False) -> tuple[str, str]:
    """Flip bits of stored words, before a drawing or in it."""
    flips = draw_flips(draw, bench.stores, bench.used, bench.job.cycles, before)
    return await flipped_drawing(bench, draw, flips)


async def before_start(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """The same before the start."""
    return await into_memory(bench, draw, True)


async def into_unchecked(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """Flip bits of what the drawing itself writes."""
    return await flipped_drawing(bench, draw, draw_unchecked(draw, bench.stores, bench.used, bench.job.cycles))


async def flipped_drawing(bench: Bench, draw: random.Random, flips: Flips) -> tuple[str, str]:
    """Draw with flips; then turn back what a drawing does not write anew, and make sure that it is well again."""
    async def during() -> None:
        await bench.clock.wait_cycles(flips.cycle)
        await bench.flip(flips)

    if flips.cycle < 0:
        await bench.flip(flips)
    outcome = await bench.draw(during if flips.cycle >= 0 else None)
    if flips.memory in ("program", "weight", "modulation", "step", "coordinate"):
        await bench.flip(flips)
    await bench.driver.clear()
    if outcome != EXACT and draw.random() < CONFIRM_SHARE:
        assert await bench.draw() == EXACT, "no good drawing after the flips were turned back"
    return f"{flips.memory}, {flips.pattern}, cycle {flips.cycle}", outcome


async def into_image(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """A segment that is damaged on its way; then a good one."""
    which = draw.randrange(2)
    what, content = damage_segment(draw, bench.segments[which], WORD_BYTES)

    async def attempt() -> str:
        await bench.driver.load(content, polls=LOAD_POLLS)
        return await bench.draw()

    outcome = await bench.told(attempt())
    await bench.driver.clear()
    if outcome not in (EXACT, SILENT, HANG):        # what was refused must not be drawn
        forced = await bench.draw()
        assert forced in ("NOT_LOADED", EXACT), f"after {outcome} a start gave {forced}"
    await bench.load()
    return f"{('program', 'conditioning')[which]}, {what}", outcome


async def stalled_stream(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """Words of an image that come late: held for any time, at several places; then the drawing."""
    words = segment_words(bench.segments[1])
    places = sorted(draw.randrange(len(words)) for _ in range(draw.randrange(1, 6)))
    await bench.driver.clear()
    sent = 0
    for place in places:
        await bench.driver.link.write_many(ADDRESSES["LOAD"], words[sent:place])
        await bench.clock.wait_cycles(draw.randrange(LONGEST_HOLD))
        sent = place
    await bench.driver.link.write_many(ADDRESSES["LOAD"], words[sent:])

    async def during() -> None:         # a host that takes its answers late
        for _ in range(draw.randrange(4)):
            await bench.driver.status()
            await bench.clock.wait_cycles(draw.randrange(bench.job.cycles // 2))

    return f"held at words {places}", await bench.draw(during)


async def reset_anywhere(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """A reset while loading or drawing; then a fresh drawing."""
    loading = draw.random() < 0.5
    if loading:
        segment = bench.segments[draw.randrange(2)]
        words = segment_words(segment)
        place = draw.randrange(len(words))
        await bench.driver.link.write_many(ADDRESSES["LOAD"], words[:place])
    else:
        place = draw.randrange(bench.job.cycles)
        await bench.driver.start()
        await bench.clock.wait_cycles(place)
    bench.dut.rst.value = 1
    await bench.clock.wait_cycles(draw.randrange(1, 4))
    bench.dut.rst.value = 0
    await bench.clock.next_edge()
    assert not await bench.driver.status(), "a reset left something behind"
    await bench.load()
    await bench.driver.seed(bench.job.noise)
    return f"{'load word' if loading else 'cycle'} {place}", await bench.draw()


async def host_vanishes(bench: Bench, draw: random.Random) -> tuple[str, str]:
    """A host that stops within a segment, the settings or a drawing; another one, that knows nothing, draws."""
    where = draw.choice(("segment", "seed", "drawing"))
    if where == "segment":
        words = segment_words(bench.segments[draw.randrange(2)])
        await bench.driver.link.write_many(ADDRESSES["LOAD"], words[:draw.randrange(1, len(words))])
    elif where == "seed":
        await bench.driver.write(f"SEED{draw.randrange(4)}", draw.getrandbits(32))
    else:
        await bench.driver.start()
        await bench.clock.wait_cycles(draw.randrange(2 * bench.job.cycles))
    await bench.driver.identify()
    await bench.driver.clear()
    await bench.load()
    await bench.driver.seed(bench.job.noise)
    return f"in its {where}", await bench.draw()


KINDS = {"memory, running": into_memory, "memory, before": before_start, "image bytes": into_image,
         "stalled stream": stalled_stream, "reset": reset_anywhere, "host vanishes": host_vanishes,
         "unchecked memory": into_unchecked}


@cocotb.test()
async def injects(dut: Any) -> None:
    """All injections of the job, one after the other; each one's outcome goes to the result file."""
    bench = Bench(dut)
    await bench.start()
    with Path(bench.job.result).open("w", encoding="utf-8") as result:
        for kind, numbers in bench.job.injections.items():
            for number in numbers:
                detail, outcome = await KINDS[kind](bench, generator(bench.job.seed, kind, number))
                assert not int(dut.retracted.value), f"{kind} {number}: DONE before the error"
                result.write(Outcome(kind, number, detail, outcome).line())
                result.flush()
                if outcome in (SILENT, HANG):
                    await bench.driver.clear()
        assert await bench.draw() == EXACT, "the good image is not drawn at the end"
