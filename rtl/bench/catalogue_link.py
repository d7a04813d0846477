"""What ``rtl.verilog --unit`` builds from the serial link: units for benches."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec.hardware import HardwareConfig
from golden.spec.link import LEAST_BIT_CYCLES
from rtl.bench.bugs_link import LINKS, RECEIVERS
from rtl.link.uart import BYTE_BITS, UartTransmitter

LONG_BIT_CYCLES = 9
"""Of a bit that has no middle cycle."""
CLOCK_HZ, BAUD = 12_345_678, 1_234_567
"""What the link says of itself; nothing hangs on it."""


class UartBench(wiring.Component):
    """Receiver and transmitter side by side, in bits of two lengths."""

    PARAMETERS = {"bit_cycles": [LEAST_BIT_CYCLES, LONG_BIT_CYCLES]}

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.lines = {cycles: (RECEIVERS[bug](cycles), UartTransmitter(cycles))
                      for cycles in self.PARAMETERS["bit_cycles"]}
        self.PARAMETERS = {**self.PARAMETERS,
                           "latencies": [receiver.SAMPLE_LATENCY for receiver, _ in self.lines.values()]}
        members = {}
        for cycles in self.lines:
            members |= {f"rx_{cycles}": In(1, init=1), f"tx_{cycles}": Out(1, init=1), f"broken_{cycles}": Out(1),
                        f"received_{cycles}": Out(BYTE_BITS), f"valid_{cycles}": Out(1),
                        f"sent_{cycles}": In(stream.Signature(BYTE_BITS))}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for cycles, (receiver, transmitter) in self.lines.items():
            m.submodules[f"receiver_{cycles}"] = receiver
            m.submodules[f"transmitter_{cycles}"] = transmitter
            connect(m, flipped(getattr(self, f"sent_{cycles}")), transmitter.bytes)
            m.d.comb += [
                receiver.rx.eq(getattr(self, f"rx_{cycles}")),
                getattr(self, f"received_{cycles}").eq(receiver.byte),
                getattr(self, f"valid_{cycles}").eq(receiver.valid),
                getattr(self, f"broken_{cycles}").eq(receiver.broken),
                getattr(self, f"tx_{cycles}").eq(transmitter.tx),
            ]
        return m


def frame_link(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The link without its UART, with the timeout of a bit that takes one cycle."""
    link = LINKS[bug](CLOCK_HZ, BAUD, bit_cycles=1)
    link.PARAMETERS = {"clock_hz": CLOCK_HZ, "baud": BAUD, "answer_cycles": link.ANSWER_CYCLES,
                       "write_cycles": link.WRITE_CYCLES}
    return link


UNITS = {"uart": UartBench, "frame_link": frame_link}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {"uart": tuple(bug for bug in RECEIVERS if bug), "frame_link": tuple(bug for bug in LINKS if bug)}
"""Name of a unit -> bugs that can be planted in it."""
