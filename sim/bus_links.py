"""The driver's registers through a bus, with the bus models of cocotbext-axi and cocotbext-wishbone as masters."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Iterable, Iterator
from typing import Any

from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)
from cocotbext.wishbone.driver import WBOp, WishboneMaster

from boards.host.link import Link
from golden.spec.registers import ADDRESSES, DATA_BITS
from sim import seed as seeds
from sim.clock import Clock

WORD_BYTES = DATA_BITS // 8
PIXEL_BYTES = 2
REST_CYCLES = 4096
ACKNOWLEDGED = 1
"""Of cocotbext-wishbone: the reply was ack."""
SIGNALS = {name: name for name in ("cyc", "stb", "we", "adr", "ack")} | {"datwr": "dat_w", "datrd": "dat_r"}


class BusError(RuntimeError):
    """The bus answered with an error; the message names address and value."""


def pauses(name: str, probability: float) -> Iterator[bool]:
    """For the pause generators of cocotbext-axi: each cycle anew, by the run's seed."""
    generator: random.Random = seeds.generator(name)
    return (generator.random() < probability for _ in itertools.count())


class AxiLink(Link):
    """Registers over AXI4-Lite, image words over AXI4-Stream; ``pause``: probability of a pause on each channel."""

    def __init__(self, dut: Any, clock: Clock, rest_cycles: int = REST_CYCLES, pause: float = 0.0) -> None:
        self._clock = clock
        self._rest_cycles = rest_cycles
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)     # a line for every transfer otherwise
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        self.words = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
        self.pixels = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst, byte_lanes=PIXEL_BYTES)
        if pause:
            channels = {"aw": self.master.write_if.aw_channel, "w": self.master.write_if.w_channel,
                        "b": self.master.write_if.b_channel, "ar": self.master.read_if.ar_channel,
                        "r": self.master.read_if.r_channel, "words": self.words, "pixels": self.pixels}
            for name, channel in channels.items():
                channel.set_pause_generator(pauses(name, pause))

    async def write(self, address: int, value: int) -> None:
        answer = await self.master.write(WORD_BYTES * address, value.to_bytes(WORD_BYTES, "little"))
        if answer.resp != AxiResp.OKAY:
            raise BusError(f"writing {value:#x} to register {address} ended with {answer.resp.name}")

    async def write_many(self, address: int, values: Iterable[int]) -> None:
        if address != ADDRESSES["LOAD"]:
            await super().write_many(address, values)
            return
        await self.words.send(b"".join(value.to_bytes(WORD_BYTES, "little") for value in values))
        await self.words.wait()

    async def read(self, address: int) -> int:
        answer = await self.master.read(WORD_BYTES * address, WORD_BYTES)
        if answer.resp != AxiResp.OKAY:
            raise BusError(f"reading register {address} ended with {answer.resp.name}")
        return int.from_bytes(answer.data, "little")

    async def receive_pixels(self) -> list[int]:
        """The pixels of one frame of the stream."""
        frame: AxiStreamFrame = await self.pixels.recv()
        data = bytes(frame.tdata)
        return [int.from_bytes(data[place:place + PIXEL_BYTES], "little", signed=True)
                for place in range(0, len(data), PIXEL_BYTES)]

    async def rest(self) -> None:
        await self._clock.wait_cycles(self._rest_cycles)


class WishboneLink(Link):
    """Registers over classic Wishbone; ``idle`` gives the idle cycles before each transfer."""

    def __init__(self, dut: Any, clock: Clock, rest_cycles: int = REST_CYCLES,
                 idle: Iterator[int] | None = None) -> None:
        self._clock = clock
        self._rest_cycles = rest_cycles
        self._idle = idle or itertools.repeat(0)
        self.master = WishboneMaster(dut, "wb", dut.clk, signals_dict=SIGNALS)

    async def transfer(self, operations: list[WBOp]) -> list[Any]:
        """One cycle of the bus with these transfers; their results, whatever the reply."""
        return await self.master.send_cycle(operations)

    async def write(self, address: int, value: int) -> None:
        await self.write_many(address, [value])

    async def write_many(self, address: int, values: Iterable[int]) -> None:
        await self._acknowledged([WBOp(address, value, idle=next(self._idle)) for value in values])

    async def read(self, address: int) -> int:
        (result,) = await self._acknowledged([WBOp(address, idle=next(self._idle))])
        return int(result.datrd)

    async def rest(self) -> None:
        await self._clock.wait_cycles(self._rest_cycles)

    async def _acknowledged(self, operations: list[WBOp]) -> list[Any]:
        results = await self.transfer(operations)
        if [result.ack for result in results] != [ACKNOWLEDGED] * len(operations):
            raise BusError(f"{len(operations)} transfers from register {operations[0].adr} on were answered with "
                           f"{[result.ack for result in results][:8]}; expected {ACKNOWLEDGED} for each")
        return results
