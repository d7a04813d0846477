"""Zeros among the 4-bit left operands: their share, a penalty on the others, and how hard it presses.

A zero on the left of a matrix product saves a multiplication, so every product counts by its multiplications.
"""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor

from golden.integer.workload import block_macs
from golden.model.transformer import Transformer
from golden.spec.numbers import LIMITS, SCORE_FRACTION_BITS, UNSIGNED_NIBBLE_MAXIMUM, Format

SCORE_RANGE = [limit / (1 << SCORE_FRACTION_BITS) for limit in LIMITS[Format.SCORE]]    # in nats
IMAGES = 16               # of a batch that are looked at
ATTENTION_IMAGES = 8      # the same of the probabilities, of which there are more
FLOAT_STEP = 0.2          # of a float operand's root mean square: about the step that 4 bits will have
SOFTNESS = 2.0            # steps at which a value costs half
ROUNDED = 0.5             # a value below half a step becomes zero
FIRST_WEIGHT = 0.02       # of the penalty, before the controller
GAIN = 0.2                # of the controller: weight's growth a step for each unit of zeros that are missing
LARGEST_WEIGHT = 0.5      # the parameters follow slowly; without a limit the weight would run far ahead
RAMP = 0.5                # share of the training over which the goal rises to the target
MEMORY = 0.95             # of the running shares


class Zeros:
    """Watches a model in training; a ``Watch`` of its blocks.

    After each forward pass ``penalty`` gives what to add to the loss. Its weight grows while the share of zeros lies
    under the goal and shrinks above it; the goal rises from the first share to ``target``.
    """

    def __init__(self, model: Transformer, target: float, weight: float = FIRST_WEIGHT):
        self.target = target
        self.macs = block_macs(model.config)
        self.costs: list[Tensor] = []
        self.found: dict[str, list[float]] = defaultdict(list)
        self.shares: dict[str, float] = {}
        self.first: float | None = None
        self.weight = weight
        for block in model.blocks:
            block.watches = (*block.watches, self)

    def operand(self, product: str, x: Tensor, step: Tensor | None) -> None:
        """x (B, T, K): a value of several steps costs 1, one of ``SOFTNESS`` steps a half, a zero nothing.

        With a step, x lies on its grid; without one, the step is guessed from the values.
        """
        size = x[:IMAGES].float().abs()                  # no gradient where it is 0
        quantum = FLOAT_STEP * size.detach().square().mean().sqrt() if step is None else step.detach().abs()
        self.add(product, size / (size + SOFTNESS * quantum + 1e-9), size > ROUNDED * quantum)

    def attention(self, query: Tensor, key: Tensor) -> None:
        """query, key (B, heads, T, d): a probability's cost is a sigmoid in its logarithm, 1/2 where it rounds to 0.

        Scores are clamped as the hardware's are: else the penalty gains by driving them beyond the range.
        """
        with torch.autocast(query.device.type, enabled=False):
            query, key = query[:ATTENTION_IMAGES].float(), key[:ATTENTION_IMAGES].float()
            scores = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).clamp(*SCORE_RANGE)
            above = scores - scores.amax(-1, keepdim=True) + math.log(UNSIGNED_NIBBLE_MAXIMUM / ROUNDED)
            self.add("mix", above.sigmoid(), above > 0)

    def add(self, product: str, cost: Tensor, alive: Tensor) -> None:
        """Count one block's matrix product."""
        self.costs.append(self.macs[product] * cost.mean())
        self.found[product].append(1 - float(alive.float().mean()))

    @property
    def share(self) -> float:
        """Running share of zeros, by multiplications."""
        return sum(self.macs[name] * share for name, share in self.shares.items()) / sum(self.macs.values())

    def penalty(self, progress: float) -> Tensor:
        """What the forward pass just seen adds to the loss, at ``progress`` in [0, 1] of the training."""
        for name, values in self.found.items():
            now = sum(values) / len(values)
            self.shares[name] = MEMORY * self.shares.get(name, now) + (1 - MEMORY) * now
        cost = sum(self.costs) / (sum(self.macs.values()) * len(self.found["mix"]))
        self.costs.clear()
        self.found.clear()
        self.first = self.share if self.first is None else self.first
        goal = self.first + (self.target - self.first) * min(1.0, progress / RAMP)
        self.weight = min(LARGEST_WEIGHT, self.weight * math.exp(GAIN * (goal - self.share)))
        return self.weight * cost

    def record(self) -> dict:
        """For a checkpoint: the target, the shares in training and the last weight."""
        return {"zeros_target": self.target, "zeros": round(self.share, 4), "penalty_weight": round(self.weight, 4),
                "zeros_by_product": {name: round(share, 4) for name, share in self.shares.items()}}
