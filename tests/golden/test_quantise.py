"""Quantisers lie on their grids, pass gradients, and calibrate; the quantised model stores what it uses."""

import math

import pytest
import torch

from golden.model import checkpoint
from golden.model.transformer import Transformer
from golden.quantise import calibrate, steps
from golden.quantise.quantised import QuantisedLinear, QuantisedTransformer, load_quantised
from golden.spec.model import ModelConfig

SMALL = ModelConfig(name="small", image_size=8, channels=8, blocks=2, heads=2, labels=("a", "b"))


def small_model() -> QuantisedTransformer:
    """A calibrated model with no zero branch."""
    torch.manual_seed(0)
    model = QuantisedTransformer(SMALL)
    for name, parameter in model.named_parameters():
        if not name.endswith("_step"):
            torch.nn.init.normal_(parameter, std=0.3)
    calibrate.calibrate(model, torch.randn(32, 1, 8, 8).clamp(-1, 1), torch.arange(32)[:, None] % 2)
    return model


def test_balanced_grid_is_what_two_nibbles_write():
    """Every 16 hi + lo with both in -7..7, and each maps to itself."""
    grid = sorted({16 * high + low for high in range(-7, 8) for low in range(-7, 8)})
    assert grid == [q for q in range(-119, 120) if q % 16 != 8]
    assert steps.nearest_balanced(torch.tensor(grid, dtype=torch.float32)).tolist() == grid


def test_balanced_rounding_is_nearest():
    grid = torch.tensor([q for q in range(-119, 120) if q % 16 != 8], dtype=torch.float32)
    x = torch.arange(-130, 130, 0.1) + 0.03
    error = (steps.nearest_balanced(x) - x).abs()
    assert torch.equal(error, (grid[None] - x[:, None]).abs().amin(1))


@pytest.mark.parametrize("limits", [steps.UINT4, steps.INT4, steps.INT8, steps.BALANCED])
def test_fake_quantised_values_lie_on_the_grid(limits):
    step = torch.tensor(0.125)
    values = 10 * torch.randn(10, 100)
    step = step if limits != steps.BALANCED else step.expand(10)
    q = steps.fake_quantise(values, step, limits) / 0.125
    assert torch.equal(q, q.round())
    assert q.min() >= limits[0] and q.max() <= limits[1]
    assert limits != steps.BALANCED or not (q % 16 == 8).any()


def test_learned_step_gradient():
    """LSQ, equation 3: round(x/s) - x/s inside, the limit outside; nothing passes to a clipped x."""
    x = torch.tensor([0.3, 2.0, -5.0], requires_grad=True)
    step = torch.tensor(0.5, requires_grad=True)
    steps.fake_quantise(x, step, steps.INT4).sum().backward()
    assert x.grad.tolist() == [1, 1, 0]
    assert step.grad.item() == pytest.approx((0.4 + 0 - 7) / math.sqrt(3 * 7), rel=1e-5)


def test_row_steps():
    weight, step = torch.randn(4, 6), torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    found = steps.fake_quantise(weight, step, steps.INT4)
    rows = [steps.fake_quantise(row, s, steps.INT4) for row, s in zip(weight, step, strict=True)]
    assert torch.allclose(found, torch.stack(rows))
    found.sum().backward()
    assert step.grad.shape == (4,)


def test_attention_matches_its_definition():
    query, key, value = (3 * torch.randn(2, 2, 5, 4) for _ in range(3))
    found = steps.quantised_attention(query, key, value)
    score = (16 * query @ key.transpose(-1, -2) / 2).round().clamp(-256, 255)
    p = (15 * ((score - score.amax(-1, keepdim=True)) / 16).exp()).round()
    assert p.max() == 15 and p.min() == 0
    assert torch.allclose(found, p @ value / p.sum(-1, keepdim=True), atol=1e-5)


def test_attention_gradient_is_near_the_float_one():
    torch.manual_seed(1)
    inputs = [torch.randn(1, 2, 16, 4, requires_grad=True) for _ in range(3)]
    pull = torch.randn(1, 2, 16, 4)
    found = torch.autograd.grad((steps.quantised_attention(*inputs) * pull).sum(), inputs)
    exact = torch.autograd.grad((torch.nn.functional.scaled_dot_product_attention(*inputs) * pull).sum(), inputs)
    for a, b in zip(found, exact, strict=True):
        assert torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.98


def test_best_step_beats_the_largest_value():
    values = torch.randn(3, 5000)
    best = calibrate.best_steps(values, steps.INT4)
    largest = values.abs().amax(1) / 7

    def error(step):
        return (steps.fake_quantise(values, step, steps.INT4) - values).square().mean(1)

    assert (best > 0).all() and (error(best) < error(largest)).all()


def test_every_layer_holds_integers_in_range():
    model = small_model()
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, QuantisedLinear)}
    assert len(layers) == 6 * SMALL.blocks + 2
    for name, layer in layers.items():
        q = layer.integer_weight()
        limit = 119 if name in ("convolution", "decoder") else 7
        assert torch.equal(q, q.round()) and q.abs().max() <= limit
        ratio = layer.ratio if name == "convolution" else 1
        assert torch.allclose(layer.quantised_weight(), q * layer.weight_step[:, None] / ratio, atol=1e-6)


def test_convolution_is_an_integer_dot_product():
    """int8 pixels (32 x) and int8 coordinates (127 f) against one row of integers, one step for the row."""
    model = small_model()
    operand = model.patch_terms(torch.randn(2, 1, 8, 8))
    units = torch.full((SMALL.patch_terms,), 32.0)
    units[9:] = 127.0
    integers = (operand * units).round()
    assert torch.allclose(integers, operand * units, atol=1e-4)
    layer = model.convolution
    sums = integers @ layer.integer_weight().T
    assert torch.allclose(layer(operand), sums * layer.weight_step / 32 + layer.bias, atol=1e-4)


def test_modulations_lie_on_their_grids():
    """Gains are int8 with one scale a norm over every time and label."""
    model = small_model()
    times = [0.0, 0.5, 0.75]
    model.fix_gain(times)
    scale, _ = model.modulation(torch.tensor([0.5, 0.75]), torch.tensor([[1], [2]]))
    q = model.quantised_gain(scale) / (model.gain_limit / 127)[:, None]
    assert torch.allclose(q, q.round(), atol=1e-3) and q.abs().max() <= 127.001
    assert (model.quantised_gain(scale) - (1 + scale)).abs().max() <= model.gain_limit.max() / 254 + 1e-6


def test_quantised_model_trains():
    model = small_model()
    model(torch.randn(4, 1, 8, 8), torch.rand(4), torch.tensor([[0], [1], [2], [0]])).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_quantised_model_is_near_the_float_model():
    model, plain = small_model().eval(), Transformer(SMALL)
    plain.load_state_dict({name: model.state_dict()[name] for name in plain.state_dict()})
    arguments = torch.randn(16, 1, 8, 8), torch.rand(16), torch.arange(16)[:, None] % 3
    found, exact = model(*arguments), plain(*arguments)
    assert (found - exact).square().mean() < 0.1 * exact.square().mean()


def test_checkpoint_keeps_the_model(tmp_path):
    model, path = small_model().eval(), tmp_path / "quantised.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint(config=SMALL, kind="quantised", tensors=model.tensors(),
                                                residual_fraction_bits=9))
    assert checkpoint.load(path).residual_fraction_bits == 9
    arguments = torch.randn(2, 1, 8, 8), torch.rand(2), torch.tensor([[0], [2]])
    assert torch.equal(load_quantised(path)(*arguments), model(*arguments))


def test_step_of_zero_is_refused():
    tensors = small_model().tensors() | {"blocks.0.query_step": torch.tensor(0.0)}
    with pytest.raises(checkpoint.CheckpointError, match="blocks.0.query_step holds 0.0; expected steps above 0"):
        checkpoint.check(SMALL, "quantised", tensors, "test")


def test_residual_fraction_bits_leave_headroom():
    images, labels = torch.randn(16, 1, 8, 8), torch.arange(16)[:, None] % 2
    bits, peak = calibrate.residual_fraction_bits(small_model(), images, labels)
    assert 4 * peak * 2 ** bits <= 32767 < 4 * peak * 2 ** (bits + 1) or bits == 12


def test_scores_beyond_their_range_are_pulled_back_and_not_driven_on():
    """Steps down the gradient bring them in, whatever little the output asks for besides."""
    torch.manual_seed(2)
    query = (9 * torch.randn(1, 1, 16, 8)).requires_grad_()
    key, value = 3 * torch.randn(1, 1, 16, 8), torch.randn(1, 1, 16, 8)
    limit = steps.SCORES[1] / steps.SCORE_UNITS

    def beyond():
        return ((query @ key.transpose(-1, -2) / math.sqrt(8)).abs() - limit).clamp_min(0).mean().item()

    before = beyond()
    for _ in range(50):
        wanted = steps.quantised_attention(query, key, value)
        (gradient,) = torch.autograd.grad((wanted * value).sum() * 1e-9, query)     # of the penalty, nearly alone
        with torch.no_grad():
            query -= 20 * gradient
    assert before > 1 and beyond() < 0.5 * before
