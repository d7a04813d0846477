"""The rectified query and the pressure on zeros: what they change, count and cost."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden.integer.evaluate import evaluate
from golden.integer.workload import LEFT_OPERANDS, ZeroShares, block_macs, useful_macs
from golden.model import checkpoint, data, sparsity, train
from golden.model.sparsity import FIRST_WEIGHT, Zeros
from golden.model.transformer import Transformer
from golden.quantise import calibrate
from golden.quantise.quantised import QuantisedTransformer, load_quantised
from golden.quantise.to_integers import to_integers
from golden.quantise.zeros import count
from golden.spec.model import ConfigError, ModelConfig

SIGNED = ModelConfig(name="small", image_size=8, channels=8, blocks=2, heads=2, labels=("a", "b"))
SMALL = replace(SIGNED, rectified_query=True)
BATCH = torch.linspace(-1, 1, 4 * 64).view(4, 1, 8, 8), torch.rand(4), torch.tensor([[0], [1], [2], [0]])


def small_model(kind: type[Transformer] = QuantisedTransformer, config: ModelConfig = SMALL) -> Transformer:
    """A model with no zero branch; a quantised one is calibrated."""
    torch.manual_seed(0)
    model = kind(config)
    for name, parameter in model.named_parameters():
        if not name.endswith("_step"):
            torch.nn.init.normal_(parameter, std=0.3)
    if kind is QuantisedTransformer:
        calibrate.calibrate(model, torch.randn(32, 1, 8, 8).clamp(-1, 1), torch.arange(32)[:, None] % 2)
    return model


def small_checkpoint() -> checkpoint.Checkpoint:
    return checkpoint.Checkpoint(config=SMALL, kind="quantised", tensors=small_model().eval().tensors(),
                                 residual_fraction_bits=9)


class Recorder:
    """A watch that keeps what it is shown."""

    def __init__(self, model: Transformer):
        self.operands: dict[str, list[torch.Tensor]] = {}
        self.pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
        for block in model.blocks:
            block.watches = (self,)

    def operand(self, product, x, step):
        self.operands.setdefault(product, []).append(x if step is None else x / step)

    def attention(self, query, key):
        self.pairs.append((query, key))


@pytest.mark.parametrize("kind", [Transformer, QuantisedTransformer])
@pytest.mark.parametrize("config", [SIGNED, SMALL], ids=["signed", "rectified"])
def test_the_query_is_rectified_where_the_model_says_so(kind, config):
    model = small_model(kind, config)
    seen = Recorder(model)
    model(*BATCH)
    query = torch.stack(seen.operands["scores"])
    assert bool((query < 0).any()) is not config.rectified_query
    assert torch.equal(torch.cat([pair[0].transpose(1, 2).flatten(2) for pair in seen.pairs]) < 0,
                       torch.cat(seen.operands["scores"]) < 0)


def test_a_rectified_query_uses_the_whole_of_uint4():
    model = small_model()
    seen = Recorder(model)
    model(*BATCH)
    levels = torch.stack(seen.operands["scores"]).round()
    assert levels.min() == 0 and 7 < levels.max() <= 15


def test_the_flag_is_kept_and_checked(tmp_path):
    path = tmp_path / "quantised.safetensors"
    checkpoint.save(path, small_checkpoint())
    assert checkpoint.load(path).config == SMALL
    assert torch.equal(load_quantised(path)(*BATCH), small_model().eval()(*BATCH))
    with pytest.raises(ConfigError, match="model.rectified_query is 1; expected true or false"):
        replace(SIGNED, rectified_query=1)


def test_training_starts_from_a_checkpoint_of_the_same_shapes(tmp_path):
    """Fewer heads and the rectified query fit; other channels are refused in one sentence."""
    path = tmp_path / "float.safetensors"
    given = small_model(Transformer, replace(SIGNED, heads=4))
    checkpoint.save(path, checkpoint.Checkpoint(config=given.config, kind="float", tensors=given.state_dict()))
    model = Transformer(SMALL)
    train.start_from(path, model)
    assert all(torch.equal(tensor, given.state_dict()[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(checkpoint.CheckpointError, match="has shape"):
        train.start_from(path, Transformer(replace(SMALL, channels=16)))


def test_the_integer_query_is_unsigned_only_with_the_flag():
    """The same integers with the flag taken away give negative queries, and other probabilities."""
    model, tables = to_integers(small_checkpoint(), [0.5])
    image = np.random.default_rng(0).integers(-4096, 4096, (1, 8, 8))
    found = evaluate(model, image, tables[0].gain[0], tables[0].bias[0])
    signed = evaluate(replace(model, config=SIGNED), image, tables[0].gain[0], tables[0].bias[0])
    query = found["blocks.0.query"]
    assert query.min() == 0 and query.max() > 7
    assert signed["blocks.0.query"].min() < 0 and signed["blocks.0.query"].max() <= 7
    assert not np.array_equal(found["blocks.0.probabilities"], signed["blocks.0.probabilities"])


def fake_and_integer_query(config: ModelConfig) -> tuple[np.ndarray, np.ndarray]:
    """First block's query of the fake-quantised model, and of its integers evaluated as ``config``, (T, D) levels."""
    source = small_checkpoint()
    model, tables = to_integers(source, [0.5])
    image = np.random.default_rng(0).integers(-4096, 4096, (1, 8, 8))
    trained = QuantisedTransformer(SMALL)
    trained.load_state_dict(source.tensors)
    trained.fix_gain([0.5])
    seen = Recorder(trained)
    trained(torch.tensor(image[None] / 4096, dtype=torch.float32), torch.tensor([0.5]), torch.tensor([[0]]))
    integers = evaluate(replace(model, config=config), image, tables[0].gain[0], tables[0].bias[0])
    return seen.operands["scores"][0][0].detach().numpy(), integers["blocks.0.query"]


def test_the_integer_query_follows_the_trained_one():
    """Within a level nearly everywhere; evaluated as a signed query, which is the planted bug, it does not."""
    trained, found = fake_and_integer_query(SMALL)
    assert (np.abs(trained - found) <= 1.01).mean() > 0.95
    trained, wrong = fake_and_integer_query(SIGNED)
    assert (np.abs(trained - wrong) <= 1.01).mean() < 0.8


def test_the_products_of_a_block_are_those_of_the_workload():
    assert set(block_macs(SMALL)) == set(LEFT_OPERANDS)
    blocks = sum(macs for name, macs in useful_macs(SMALL).items() if name.startswith("blocks."))
    assert blocks == SMALL.blocks * sum(block_macs(SMALL).values())


def test_the_count_in_training_is_of_the_values_on_the_grid():
    """Exactly for what has a step; for the probabilities but for the rounding of the scores."""
    model = small_model()
    zeros, seen = Zeros(model, 0.6), Recorder(small_model())
    model(*BATCH)
    zeros.penalty(0.0)
    watched = small_model()
    seen = Recorder(watched)
    watched(*BATCH)
    for product, operands in seen.operands.items():
        assert zeros.shares[product] == pytest.approx(float((torch.stack(operands).round() == 0).float().mean()))
    query, key = (torch.stack(tensors) for tensors in zip(*seen.pairs, strict=True))
    scores = query @ key.transpose(-1, -2) / 2
    probabilities = (15 * (scores - scores.amax(-1, keepdim=True)).exp()).round()
    assert zeros.shares["mix"] == pytest.approx(float((probabilities == 0).float().mean()), abs=0.01)


def test_the_share_counts_a_product_by_its_multiplications():
    zeros = Zeros(small_model(), 0.6)
    zeros.shares = dict.fromkeys(zeros.macs, 0.0) | {"contract": 1.0}
    assert zeros.share == pytest.approx(block_macs(SMALL)["contract"] / sum(block_macs(SMALL).values()))


def test_sharper_probabilities_and_smaller_values_cost_less():
    zeros = Zeros(small_model(), 0.6)
    query, key, step = torch.randn(2, 2, 16, 4), torch.randn(2, 2, 16, 4), torch.tensor(0.5)
    for sharper in (1, 2):
        zeros.attention(sharper * query, key)
    for x in (torch.tensor([[[0.5, 4.0]]]), torch.tensor([[[0.0, 4.0]]]), torch.tensor([[[0.0, 0.0]]])):
        zeros.operand("mix", x, step)
    blunt, sharp, *values = [float(cost) for cost in zeros.costs]
    assert sharp < blunt
    assert values == sorted(values, reverse=True) and values[-1] == 0


def test_scores_beyond_the_range_are_no_way_to_zeros(monkeypatch):
    """The hardware's scores saturate, so huge ones tie and few probabilities are zero; without the clamp, which is the
    planted bug, nearly all seem to be."""
    query, key = torch.rand(2, 2, 16, 4), 1e4 * torch.rand(2, 2, 16, 4)
    found = {}
    for limits in (sparsity.SCORE_RANGE, [-math.inf, math.inf]):
        monkeypatch.setattr(sparsity, "SCORE_RANGE", limits)
        zeros = Zeros(small_model(), 0.6)
        zeros.attention(query, key)
        found[limits[1]] = zeros.found["mix"][0]
    assert found[255 / 16] == 0 and found[math.inf] > 0.9


def test_the_penalty_leaves_a_key_added_to_all_alone():
    """It moves every score of a row alike, so no probability changes and the penalty must not push it."""
    zeros = Zeros(small_model(), 0.6)
    offset = torch.zeros(4, requires_grad=True)
    zeros.attention(torch.randn(2, 2, 16, 4), torch.randn(2, 2, 16, 4) + offset)
    zeros.costs[0].backward()
    assert offset.grad.abs().max() < 1e-3 * block_macs(SMALL)["mix"]


def test_the_weight_follows_what_is_missing():
    model = small_model()
    zeros = Zeros(model, 0.99)
    for progress in (0.0, 0.5, 0.9):
        model(*BATCH)
        zeros.penalty(progress)
    assert zeros.weight > FIRST_WEIGHT and zeros.record()["zeros_target"] == 0.99
    above = Zeros(model, 0.01)
    for progress in (0.0, 0.5, 0.9):
        model(*BATCH)
        above.penalty(progress)
    assert above.weight < FIRST_WEIGHT


@pytest.mark.parametrize("kind", [Transformer, QuantisedTransformer])
def test_training_with_a_target_finds_more_zeros_than_without(kind):
    def shares(target: float | None) -> float:
        torch.manual_seed(0)
        model, kept = small_model(kind), {}
        schedule = train.Schedule(minutes=1, steps=150, batch=16, rate=5e-3, average=0.5, zeros=target)
        images = torch.rand(64, 1, 8, 8), torch.arange(64)[:, None] % 2
        train.fit(model, data.Pictures(images, images, False), schedule,
                  lambda tensors, record: kept.update(tensors=tensors, record=record))
        assert ("zeros" in kept["record"]) is (target is not None)
        probe = kind(SMALL)
        probe.load_state_dict(kept["tensors"])
        zeros = Zeros(probe, 0.5)
        probe(*BATCH)
        zeros.penalty(0.0)
        return zeros.share

    assert shares(0.9) > shares(None) + 0.05


def test_zeros_of_a_drawing_are_counted_over_contexts_and_steps():
    shares = count(small_checkpoint(), images=1, steps=2, guidance=2.0)
    assert isinstance(shares, ZeroShares)
    assert shares.values["blocks.0.scores"] == 2 * 2 * SMALL.tokens * SMALL.channels
    assert 0 < shares.mean() < 1 and shares.by_layer()["scores"] > 0.2
