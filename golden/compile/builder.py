"""Emission of descriptors: the sequence, registers, loops and weight-tile slots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from golden.spec.descriptors import REGISTERS_A_WORD, Engine, Opcode, encode

WEIGHT, MODULATION, BLOCK, GROUP, STEP, SPLIT = range(6)
"""Registers that advance: weight-store address, modulation address, block, group offset, step, split-table entry."""
SCORE_MULTIPLIER, ATTENTION_MULTIPLIER, FIRST_NORM_SHIFT, SECOND_NORM_SHIFT = range(8, 12)
"""Registers that each block sets."""


def engines(*names: Engine) -> int:
    """Mask of engines, as the handshake fields hold it."""
    mask = 0
    for name in names:
        mask |= 1 << name
    return mask


@dataclass
class Builder:
    """Collects descriptors; every slot of the weight tile is used in turn.

    A load waits for the array to be done with the load ``slots`` before it, so that at most ``slots`` are open:
    the k-th signal from array to loader must tell that the k-th load is spent.
    """

    slots: int
    descriptors: list[tuple[Opcode, dict[str, int]]] = field(default_factory=list)
    operands: dict[int, str] = field(default_factory=dict)   # left tensor by address of its ARRAY descriptor
    loads: int = 0

    def emit(self, opcode: Opcode, *, operand: str = "", **values: int) -> int:
        """Append a descriptor; ``x_register=r`` adds register r to field x. Returns its address.

        ``operand`` is the name of a product's left tensor, for the timing model; ``{}`` in it stands for the block.
        """
        stored = {name: value + 1 if name.endswith("_register") else value for name, value in values.items()}
        encode(opcode, stored)  # raises here, where the mistake is
        self.descriptors.append((opcode, stored))
        address = len(self.descriptors) - 1
        if operand:
            self.operands[address] = operand
        return address

    def patch(self, place: int, **values: int) -> None:
        """Change fields of a descriptor that was emitted before."""
        self.descriptors[place][1].update(values)

    def set_registers(self, values: dict[int, int]) -> int:
        """Set registers of one half (0 to 7 or 8 to 15)."""
        upper = min(values) >= REGISTERS_A_WORD
        places = {register - REGISTERS_A_WORD * upper: value for register, value in values.items()}
        return self.emit(Opcode.SET, mask=sum(1 << place for place in places), upper=int(upper),
                         **{f"value{place}": value for place, value in places.items()})

    @contextmanager
    def loop(self, count: int, advance: dict[int, int] | None = None) -> Iterator[None]:
        """Repeat the body ``count`` times; registers of the lower half advance after each."""
        self.emit(Opcode.LOOP, count=count)
        yield
        self.emit(Opcode.END, **{f"value{register}": value for register, value in (advance or {}).items()})

    def load(self, **values: int) -> int:
        """Load the next slot once the array is done with what it held; returns the slot."""
        slot = self.loads % self.slots
        self.loads += 1
        wait = values.pop("wait_first", 0) | engines(Engine.ARRAY)
        self.emit(Opcode.LOAD, slot=slot, wait_first=wait, signal_last=engines(Engine.ARRAY), **values)
        return slot

    def align_slots(self) -> None:
        """Empty loads until the next one uses slot 0 again, so that a loop's body always starts alike."""
        while self.loads % self.slots:
            self.load()
            self.emit(Opcode.ARRAY, wait_first=engines(Engine.LOAD), signal_last=engines(Engine.LOAD))

    def encoded(self) -> list[int]:
        """The program as 256-bit integers."""
        return [encode(opcode, values) for opcode, values in self.descriptors]
