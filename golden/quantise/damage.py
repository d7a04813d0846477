"""How far a quantised model is from the float one, on the same noisy images."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.model.train import validation_draws
from golden.model.transformer import Transformer

BATCH = 100              # images of one pass


class Damage(NamedTuple):
    """The flow-matching loss, less the float model's; and the velocity's error relative to the float model's size."""

    loss: float
    velocity: float

    def rounded(self) -> dict[str, float]:
        """For a table or file."""
        return {"loss": round(self.loss, 6), "velocity": round(self.velocity, 6)}


class Trial:
    """Noisy images, (B, C, H, H) with labels (B, A), and what the float model makes of them.

    Noise and times are those of ``validation_loss``, so that losses can be compared with its.
    """

    @torch.no_grad()
    def __init__(self, plain: Transformer, images: Tensor, labels: Tensor):
        t, noise = validation_draws(images)
        wide = t[:, None, None, None]
        self.inputs = (1 - wide) * noise + wide * images, t, labels
        self.target = images - noise
        self.exact = self.velocity(plain)
        self.loss = float(functional.mse_loss(self.exact, self.target))

    def batches(self) -> zip:
        """Noisy images, times and labels of a few images at a time."""
        return zip(*(whole.split(BATCH) for whole in self.inputs), strict=True)

    @torch.no_grad()
    def velocity(self, model: nn.Module) -> Tensor:
        """What a model makes of the noisy images, (B, C, H, H)."""
        return torch.cat([model(*batch) for batch in self.batches()])

    def damage(self, model: nn.Module) -> Damage:
        """A model's distance from the float model."""
        found = self.velocity(model)
        error = (found - self.exact).square().sum() / self.exact.square().sum()
        return Damage(float(functional.mse_loss(found, self.target)) - self.loss, float(error.sqrt()))
