"""The core on Wishbone B4, classic cycles, word addresses: what LiteX's bus is."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from golden.spec.hardware import HardwareConfig
from golden.spec.registers import ADDRESS_BITS, DATA_BITS
from rtl.bus.axi import wire_ports
from rtl.control.registers import REQUEST_LAYOUT
from rtl.core import Core
from rtl.memory.sdram import pass_sdram, sdram_members

SELECT_BITS = DATA_BITS // 8


def wishbone_members() -> dict[str, wiring.Member]:
    """Ports of a slave, by the names that LiteX gives them."""
    return {
        "wb_adr": In(ADDRESS_BITS), "wb_dat_w": In(DATA_BITS), "wb_dat_r": Out(DATA_BITS), "wb_sel": In(SELECT_BITS),
        "wb_cyc": In(1), "wb_stb": In(1), "wb_we": In(1), "wb_ack": Out(1), "wb_err": Out(1),
    }


class WishboneBridge(wiring.Component):
    """From classic Wishbone cycles to a register file's streams, one transfer at a time.

    ``wb_adr`` is an address of ``golden.spec.registers``: one for each word of 32 bits. ``wb_ack`` and ``wb_err`` are
    registers, high for one cycle at the end of a transfer. A write of less than a whole word does nothing and ends
    with ``wb_err``; a read is always of the whole word. A transfer that its master gives up (``wb_cyc`` or ``wb_stb``
    low before the end) is withdrawn unless the register file has taken it; it gets no answer, and the next one not
    its answer.

    Latency from a transfer's first cycle to ``wb_ack``: 1 cycle for a write that is taken at once, 1 cycle plus what
    the register file takes for a read. No two acknowledgements follow each other without a cycle between.
    """

    WRITE_CYCLES = 1

    def __init__(self) -> None:
        super().__init__({
            **wishbone_members(),
            "request": Out(stream.Signature(REQUEST_LAYOUT)),
            "response": In(stream.Signature(DATA_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request, response = self.request, self.response
        active = Signal()
        partial = Signal()
        reading = Signal()             # an answer is on its way
        wanted = Signal()              # and the transfer that asked for it goes on
        m.d.comb += [
            active.eq(self.wb_cyc & self.wb_stb & self.may_begin()),
            partial.eq(self.wb_we & ~self.wb_sel.all()),
            request.valid.eq(active & ~partial & ~reading),
            request.payload.write.eq(self.wb_we),
            request.payload.address.eq(self.wb_adr),
            request.payload.data.eq(self.wb_dat_w),
            response.ready.eq(1),
        ]
        m.d.sync += [self.wb_ack.eq(0), self.wb_err.eq(active & partial & ~reading)]
        with m.If(request.valid & request.ready):
            m.d.sync += [self.wb_ack.eq(self.wb_we), reading.eq(~self.wb_we), wanted.eq(1)]
        with m.If(reading & ~(self.wb_cyc & self.wb_stb)):
            m.d.sync += wanted.eq(self.after_abort())
        with m.If(response.valid):
            m.d.sync += [reading.eq(0), self.wb_dat_r.eq(response.payload)]
            m.d.sync += self.wb_ack.eq(self.wb_cyc & self.wb_stb & wanted)
        return m

    def may_begin(self) -> Value:
        """A transfer begins only after the cycle in which the one before it ended."""
        return ~(self.wb_ack | self.wb_err)

    def after_abort(self) -> Value:
        """Whether the answer to a transfer that was given up is still wanted."""
        return Const(0)


class WishboneCore(wiring.Component):
    """The core with a ``WishboneBridge`` in front: the same registers, addresses and semantics."""

    DESCRIPTION = {"bus": "wishbone"}

    def __init__(self, config: HardwareConfig, family: str = "generic") -> None:
        self.config = config
        self.family = family
        super().__init__({**wishbone_members(), **sdram_members(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = WishboneBridge()
        m.submodules.core = core = Core(self.config, family=self.family)
        connect(m, bridge.request, core.request)
        connect(m, core.response, bridge.response)
        wire_ports(m, self, bridge)
        pass_sdram(m, core, self)
        return m
