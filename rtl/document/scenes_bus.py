"""Scenes of ``rtl.bus``. A register file stands behind: always ready, and a read's answer comes READ_CYCLES later."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ADDRESSES, IDENTITY
from rtl.bus.added_register import AddedRegister
from rtl.bus.arbiter import RequestArbiter
from rtl.bus.axi import STREAM_PIXELS, AxiBridge
from rtl.bus.axi_lite import LANE_BITS, STROBES, AxiLite
from rtl.bus.axi_stream import LoadStream, PixelStream
from rtl.bus.wishbone import SELECT_BITS, WishboneBridge
from rtl.document.instances import AXI_CLIENTS
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import hexadecimal, played

Master = Generator[dict[str, Any], dict[str, int], None]
"""Yields a bus master's outputs of each cycle, and gets what the rows of the scene were in it."""
READ_CYCLES = 2
PIXELS = (1000, 2000, 3000)
SEED0, IDENTITY_ADDRESS = ADDRESSES["SEED0"], ADDRESSES["IDENTITY"]
WHOLE_WORD, WHOLE_SELECT = (1 << STROBES) - 1, (1 << SELECT_BITS) - 1
DATA = 0xABCD
NAMES = {address: name for name, address in ADDRESSES.items()} | {STREAM_PIXELS: "STREAM_PIXELS"}


def byte_address(address: int) -> int:
    """Where a register lies on AXI."""
    return address << LANE_BITS


def request(address: int, data: int | None = None) -> dict[str, int]:
    """A write of ``data``, or a read."""
    return {"write": int(data is not None), "address": address, "data": data or 0}


def served(master: Master, answers: Iterable[int], asked: str = "request", answered: str = "response") -> Drive:
    """A master's cycles, with the register file behind what it drives; ``answers`` are those to its reads."""
    values, coming = iter(answers), [None] * READ_CYCLES
    inputs = next(master)
    while inputs is not None:
        answer = coming.pop(0)
        file = {f"{asked}.ready": 1} if answer is None else \
            {f"{asked}.ready": 1, f"{answered}.valid": 1, f"{answered}.payload": answer}
        seen = yield Cycle({**inputs, **file})
        reads = seen[f"{asked}.valid"] and not seen.get(f"{asked}.payload.write")
        coming.append(next(values) if reads else None)
        try:
            inputs = master.send(seen)
        except StopIteration:
            return


def until(flag: str, outputs: dict[str, Any]) -> Master:
    """The same outputs until a flag is high, in that cycle too."""
    while not (yield outputs)[flag]:
        pass


def added_register(config: HardwareConfig) -> Drive:
    """The own register is written and read, then one of the core's is read."""
    def master() -> Master:
        held = {"value": 5, "response.ready": 1}
        for asked in (request(STREAM_PIXELS, 5), request(STREAM_PIXELS), request(IDENTITY_ADDRESS)):
            yield {**held, "request.valid": 1, "request.payload": asked}
            if not asked["write"]:
                yield from until("response.valid", held)
        yield held

    return served(master(), [IDENTITY], "core_request", "core_response")


def request_arbiter(config: HardwareConfig) -> Drive:
    """Three clients ask in the same cycle; the last one asks again."""
    def master() -> Master:
        waiting = {0: [request(SEED0, DATA)], 1: [request(IDENTITY_ADDRESS)], 3: [request(SEED0, 1), request(SEED0, 2)]}
        ready = {f"responses[{client}].ready": 1 for client in range(AXI_CLIENTS)}
        while any(waiting.values()):
            asked = {client: requests[0] for client, requests in waiting.items() if requests}
            seen = yield {**ready, **{f"requests[{client}].valid": 1 for client in asked},
                          **{f"requests[{client}].payload": payload for client, payload in asked.items()}}
            for client, requests in waiting.items():
                del requests[:seen[f"requests[{client}].ready"]]
        yield ready

    return served(master(), [IDENTITY])


def axi_lite(config: HardwareConfig) -> Drive:
    """A write whose data comes first, one of a single byte, and a read."""
    def master() -> Master:
        held = {"s_axi_bready": 1, "s_axi_rready": 1, "write_request.ready": 1}
        address = {**held, "s_axi_awvalid": 1, "s_axi_awaddr": byte_address(SEED0)}
        word = {**held, "s_axi_wvalid": 1, "s_axi_wdata": DATA}
        yield {**word, "s_axi_wstrb": WHOLE_WORD}
        yield address
        yield from until("s_axi_bvalid", held)
        yield {**word, **address, "s_axi_wstrb": 1}
        yield from until("s_axi_bvalid", held)
        yield {**held, "s_axi_arvalid": 1, "s_axi_araddr": byte_address(IDENTITY_ADDRESS)}
        yield from until("s_axi_rvalid", held)
        yield held

    return served(master(), [IDENTITY], "read_request", "read_response")


def load_stream(config: HardwareConfig) -> Drive:
    """Three words; the register file is ready every other cycle."""
    words, cycle = [0x11, 0x22, 0x33], 0
    while words:
        seen = yield Cycle({"s_axis_tvalid": 1, "s_axis_tdata": words[0], "request.ready": cycle % 2})
        words = words[seen["s_axis_tready"]:]
        cycle += 1
    yield from played([{}])


def pixel_stream(config: HardwareConfig) -> Drive:
    """Three pixels; who takes them is not ready for the second at first."""
    def master() -> Master:
        yield {"start": 1, "count": len(PIXELS), "m_axis_tready": 1}
        yield from until("m_axis_tvalid", {"m_axis_tready": 1})
        yield from until("m_axis_tvalid", {})
        yield {}
        yield from until("m_axis_tlast", {"m_axis_tready": 1})
        yield {"m_axis_tready": 1}

    return served(master(), PIXELS)


def axi_bridge(config: HardwareConfig) -> Drive:
    """A write on AXI4-Lite while two words come on the stream; then three pixels are asked for."""
    def master() -> Master:
        held = {"s_axi_bready": 1, "m_axis_tready": 1}
        write = {**held, "s_axi_awvalid": 1, "s_axi_wvalid": 1, "s_axi_wstrb": WHOLE_WORD}
        first, second = ({"s_axis_tvalid": 1, "s_axis_tdata": word} for word in (0x11, 0x22))
        yield {**write, **first, "s_axi_awaddr": byte_address(SEED0), "s_axi_wdata": DATA}
        yield from until("s_axis_tready", {**held, **first})
        yield from until("s_axis_tready", {**held, **second})
        yield {**write, "s_axi_awaddr": byte_address(STREAM_PIXELS), "s_axi_wdata": len(PIXELS)}
        yield from until("m_axis_tlast", held)
        yield held

    return served(master(), PIXELS)


def wishbone_bridge(config: HardwareConfig) -> Drive:
    """A write, a read, and a write of a single byte."""
    def master() -> Master:
        cycle = {"wb_cyc": 1, "wb_stb": 1, "wb_sel": WHOLE_SELECT}
        write = {**cycle, "wb_we": 1, "wb_adr": SEED0, "wb_dat_w": DATA}
        yield from until("wb_ack", write)
        yield from until("wb_ack", {**cycle, "wb_adr": IDENTITY_ADDRESS})
        yield {}
        yield from until("wb_err", {**write, "wb_sel": 1})
        yield {}

    return served(master(), [IDENTITY])


def handshake(name: str) -> tuple[Row, ...]:
    """Rows of a stream without its payload."""
    return Row(f"{name}.valid"), Row(f"{name}.ready")


def asks(name: str, write: bool = True) -> tuple[Row, ...]:
    """Rows of requests to a register file; the data of writes only."""
    kind = (Row(f"{name}.payload.write", f"{name}.valid"),) if write else ()
    data = (Row(f"{name}.payload.data", f"{name}.valid", hexadecimal),) if write else ()
    return (*handshake(name), *kind, Row(f"{name}.payload.address", f"{name}.valid", NAMES.__getitem__), *data)


def answers(name: str, text: Callable[[int], str] | None = hexadecimal) -> tuple[Row, ...]:
    """Rows of a register file's answers."""
    return Row(f"{name}.valid"), Row(f"{name}.payload", f"{name}.valid", text)


def channel(name: str, *parts: tuple[str, Callable[[int], str] | None]) -> tuple[Row, ...]:
    """Rows of an AXI channel: its handshake, and parts that count with its valid."""
    return (Row(f"{name}valid"), Row(f"{name}ready"), *(Row(f"{name}{part}", f"{name}valid", text)
                                                       for part, text in parts))


PIXEL_STREAM = channel("m_axis_t", ("data", None), ("last", None))
BEHIND = f"The register file behind answers a read after {READ_CYCLES} cycles."
SCENES = {
    "added_register": Scene(
        top=lambda config: AddedRegister(STREAM_PIXELS), drive=added_register,
        rows=(*asks("request"), Row("value"), Row("written"), Row("data", "written"), *asks("core_request"),
              *answers("core_response"), *answers("response")),
        text=f"The register is written and read; IDENTITY, which is {IDENTITY:x}, is the core's. {BEHIND}"),
    "request_arbiter": Scene(
        top=lambda config: RequestArbiter(AXI_CLIENTS), drive=request_arbiter,
        rows=(*(row for client in (0, 1, 3) for row in handshake(f"requests[{client}]")), *asks("request"),
              *answers("response"), Row("responses[1].valid"),
              Row("responses[1].payload", "responses[1].valid", hexadecimal)),
        text="Clients 0, 1 and 3 ask in the same cycle: a write, a read and two writes. Client 0 counts as "
             f"served last after reset, so that it comes after 1 and 3. {BEHIND}"),
    "axi_lite": Scene(
        top=lambda config: AxiLite(), drive=axi_lite,
        rows=(*channel("s_axi_aw", ("addr", hexadecimal)), *channel("s_axi_w", ("data", hexadecimal),
                                                                  ("strb", hexadecimal)),
              *channel("s_axi_b", ("resp", None)), *channel("s_axi_ar", ("addr", hexadecimal)),
              *channel("s_axi_r", ("data", hexadecimal)), *asks("write_request"),
              *asks("read_request", write=False), *answers("read_response")),
        text="A write whose data comes before its address; a write of one byte, which is refused with SLVERR, 2; a "
             f"read of IDENTITY. {BEHIND}"),
    "load_stream": Scene(
        top=lambda config: LoadStream(), drive=load_stream,
        rows=(*channel("s_axis_t", ("data", hexadecimal)), *asks("request")),
        text="Three words for a register file that takes one every other cycle."),
    "pixel_stream": Scene(
        top=lambda config: PixelStream(), drive=pixel_stream,
        rows=(Row("start"), Row("count", "start"), *asks("request", write=False), *answers("response", None),
              Row("left"), *PIXEL_STREAM),
        text=f"Three pixels; the second is not taken at once. {BEHIND}"),
    "axi_bridge": Scene(
        top=lambda config: AxiBridge(), drive=axi_bridge,
        rows=(*channel("s_axi_aw", ("addr", hexadecimal)), *channel("s_axi_w", ("data", hexadecimal)),
              Row("s_axi_bvalid"), *channel("s_axis_t", ("data", hexadecimal)), *asks("request"),
              *answers("response", None), *PIXEL_STREAM),
        text="SEED0 is written while two words of a segment wait; then STREAM_PIXELS is written, and three pixels "
             f"come. {BEHIND}"),
    "wishbone_bridge": Scene(
        top=lambda config: WishboneBridge(), drive=wishbone_bridge,
        rows=(Row("wb_cyc"), Row("wb_stb"), Row("wb_we", "wb_stb"), Row("wb_adr", "wb_stb", NAMES.__getitem__),
              Row("wb_sel", "wb_stb", hexadecimal), Row("wb_dat_w", "wb_we", hexadecimal), Row("wb_ack"),
              Row("wb_err"), Row("wb_dat_r", "wb_ack", hexadecimal), *asks("request"), *answers("response")),
        text="A write of SEED0, a read of IDENTITY, and a write of one byte, which is refused. "
             f"{BEHIND}"),
}
