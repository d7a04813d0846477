"""How sharp attention may become: scores beyond the hardware's range are lost, so training keeps them inside."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from golden.model.sparsity import SCORE_RANGE
from golden.model.transformer import Transformer

ROOM = 1.5               # a bound on scores may pass their limit by this, as they seldom reach it
WEIGHT = 0.01            # of the mean square beyond, in nats


class Sharpness:
    """Watches a float model in training; a ``Watch`` of its blocks.

    |q.k| / sqrt(d) is at most the product of the lengths over sqrt(d) (Cauchy and Schwarz), which costs T products
    where the scores would cost T * T. After each forward pass ``penalty`` gives what to add to the loss.
    """

    def __init__(self, model: Transformer):
        self.costs: list[Tensor] = []
        for block in model.blocks:
            block.watches = (*block.watches, self)

    def operand(self, product: str, x: Tensor, step: Tensor | None) -> None:
        """Left operands do not matter here."""

    def attention(self, query: Tensor, key: Tensor) -> None:
        """query, key (B, heads, T, d): each query with the longest key of its head."""
        with torch.autocast(query.device.type, enabled=False):
            longest = key.float().norm(dim=-1).amax(-1, keepdim=True)
            bound = query.float().norm(dim=-1) * longest / math.sqrt(query.shape[-1])    # (B, heads, T)
            self.costs.append((bound - ROOM * max(SCORE_RANGE)).relu().square().mean())

    def penalty(self) -> Tensor:
        """What the forward pass just seen adds to the loss."""
        cost = torch.stack(self.costs).mean()
        self.costs.clear()
        return WEIGHT * cost
