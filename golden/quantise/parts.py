"""The parts of a model that are quantised, by name, and how many bits each of them is held in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from golden.quantise.quantised import QuantisedTransformer, Quantising


@dataclass(eq=False)
class Part:
    """One thing that is quantised: a layer's weights, an activation, or what ``kinds`` of the whole model lists."""

    name: str            # blocks.0.query.weight, blocks.0.query.output, blocks.0.probability, gain
    module: Quantising
    key: str             # of the module's ``kinds`` and ``bits``

    @property
    def choices(self) -> tuple[int, ...]:
        """Numbers of bits that it can be held in."""
        return tuple(self.module.kinds[self.key])

    @property
    def bits(self) -> int | None:
        """In use; None is float."""
        return self.module.bits[self.key]

    @bits.setter
    def bits(self, bits: int | None) -> None:
        self.module.bits[self.key] = bits

    @property
    def step(self) -> nn.Parameter | None:
        """What a calibration sets: (out,) for weights, a scalar for an activation, nothing for the rest."""
        name = "weight_step" if self.key == "weight" else self.key
        return getattr(self.module, name) if name.endswith("_step") else None

    @property
    def weights(self) -> Tensor | None:
        """Rows of a layer's weights, (out, in), of one step each."""
        return self.module.rows().detach() if self.key == "weight" else None


def part_name(module: str, key: str) -> str:
    """The name by which a part is reported."""
    tail = f"{key.removesuffix('_step')}.output" if key.endswith("_step") else key
    return f"{module}.{tail}" if module else tail


def parts(model: QuantisedTransformer) -> dict[str, Part]:
    """Every part by name, in the model's order."""
    found = [Part(part_name(name, key), module, key) for name, module in model.named_modules()
             if isinstance(module, Quantising) for key in module.kinds]
    return {part.name: part for part in found}


@contextmanager
def bits_restored(model: QuantisedTransformer) -> Iterator[dict[str, Part]]:
    """The parts, whose bits may be changed; afterwards they are what they were."""
    found = parts(model)
    before = {name: part.bits for name, part in found.items()}
    try:
        yield found
    finally:
        for name, bits in before.items():
            found[name].bits = bits
