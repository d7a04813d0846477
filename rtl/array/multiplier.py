"""A registered signed multiplier: as arithmetic for any family, or the 18 x 18 multiplier of an ECP5."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

FAMILIES = ("generic", "ecp5")
MULTIPLIER_LATENCY = 2
"""Cycles from the operands to their product: a register before the multiplication and one after it."""
DSP_BITS = 18
"""Bits of each operand of a MULT18X18D, signed."""

DSP_PARAMETERS = {
    **{f"REG_{register}_CLK": "CLK0" for register in ("INPUTA", "INPUTB", "OUTPUT")},
    **{f"REG_{register}_CLK": "NONE" for register in ("INPUTC", "PIPELINE")},
    "GSR": "DISABLED", "RESETMODE": "SYNC", "MULT_BYPASS": "DISABLED", "SOURCEB_MODE": "B_SHIFT",
}
"""Input and output registers on clock 0, which Yosys does not infer, and nothing else."""


def require_family(family: str) -> None:
    """Raises ``ValueError`` for a family that there is no multiplier for."""
    if family not in FAMILIES:
        raise ValueError(f"there is no multiplier for the family {family!r}; expected one of {', '.join(FAMILIES)}")


class Multiplier(wiring.Component):
    """The product of two signed operands of at most DSP_BITS bits, for ``ecp5`` in one MULT18X18D.

    Latency MULTIPLIER_LATENCY cycles, initiation interval 1, no enable and no reset, for every family the same.
    """

    LATENCY = MULTIPLIER_LATENCY

    def __init__(self, left_bits: int, right_bits: int, family: str = "generic") -> None:
        require_family(family)
        if not (1 <= left_bits <= DSP_BITS and 1 <= right_bits <= DSP_BITS):
            raise ValueError(f"operands of {left_bits} and {right_bits} bits; expected 1 to {DSP_BITS} bits each")
        self.family = family
        super().__init__({
            "left": In(signed(left_bits)),
            "right": In(signed(right_bits)),
            "product": Out(signed(left_bits + right_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.family == "ecp5":
            self.instantiate(m)
            return m
        left = Signal.like(self.left, name="left_1", reset_less=True)
        right = Signal.like(self.right, name="right_1", reset_less=True)
        product = Signal.like(self.product, name="product_2", reset_less=True)
        m.d.sync += [left.eq(self.left), right.eq(self.right), product.eq(left * right)]
        m.d.comb += self.product.eq(product)
        return m

    def instantiate(self, m: Module) -> None:
        """One MULT18X18D; its ports are single bits."""
        operands = {}
        for port, value in (("A", self.left), ("B", self.right)):
            wide = Signal(signed(DSP_BITS), name=f"operand_{port.lower()}")
            m.d.comb += wide.eq(value)
            operands[port] = wide
        product = Signal(2 * DSP_BITS, name="dsp_product")
        m.submodules.dsp = Instance(
            "MULT18X18D",
            **{f"p_{name}": value for name, value in DSP_PARAMETERS.items()},
            **{f"i_{port}{bit}": wide[bit] for port, wide in operands.items() for bit in range(DSP_BITS)},
            **{f"i_C{bit}": Const(0) for bit in range(DSP_BITS)},
            **{f"i_{name}": Const(1) for name in ("SIGNEDA", "SIGNEDB", "CE0")},
            **{f"i_{name}": Const(0) for name in ("SOURCEA", "SOURCEB", "RST0")},
            i_CLK0=ClockSignal(),
            **{f"o_P{bit}": product[bit] for bit in range(2 * DSP_BITS)})
        m.d.comb += self.product.eq(Value.cast(product))
