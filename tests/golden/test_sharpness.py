"""Float training keeps attention scores where the hardware can hold them."""

from __future__ import annotations

import math

import torch

from golden.model.sharpness import ROOM, Sharpness
from golden.model.sparsity import SCORE_RANGE
from golden.model.transformer import Transformer
from golden.spec.model import ModelConfig

CONFIG = ModelConfig(name="sharp", image_channels=1, image_size=8, stride=2, channels=16, blocks=2, heads=2,
                     labels=("a", "b"))


def forward(factor: float) -> tuple[Transformer, Sharpness]:
    """A random model whose queries are ``factor`` times as long, after one forward pass."""
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    sharpness = Sharpness(model)
    with torch.no_grad():
        for block in model.blocks:
            block.query.weight.mul_(factor)
            block.query.bias.mul_(factor)
    model(torch.randn(4, 1, 8, 8), torch.rand(4), torch.zeros(4, 1, dtype=torch.long))
    return model, sharpness


def test_scores_within_their_range_cost_nothing():
    _, sharpness = forward(1.0)
    assert sharpness.penalty().item() == 0


def test_scores_beyond_their_range_are_pulled_back():
    model, sharpness = forward(1000.0)
    cost = sharpness.penalty()
    assert cost.item() > 0
    cost.backward()
    query = model.blocks[1].query.weight
    assert (query * query.grad).sum().item() > 0, "a step against the gradient must shorten the queries"


def test_a_score_is_never_larger_than_the_bound():
    torch.manual_seed(1)
    query, key = 30 * torch.randn(3, 2, 16, 8), torch.randn(3, 2, 16, 8)
    sharpness = Sharpness(Transformer(CONFIG))
    sharpness.attention(query, key)
    scores = (query @ key.transpose(-1, -2)).abs().amax(-1) / math.sqrt(8)
    beyond = (scores - ROOM * max(SCORE_RANGE)).relu().square().mean()
    assert 0 < beyond.item() <= sharpness.costs[0].item()


def test_costs_of_one_pass_are_not_counted_in_the_next():
    model, sharpness = forward(1000.0)
    first = sharpness.penalty().item()
    torch.manual_seed(0)
    Transformer(CONFIG)                  # the same draws as before the first pass
    assert not sharpness.costs
    model(torch.randn(4, 1, 8, 8), torch.rand(4), torch.zeros(4, 1, dtype=torch.long))
    assert len(sharpness.costs) == CONFIG.blocks and first > 0
