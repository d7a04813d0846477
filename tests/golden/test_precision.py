"""Groups of layers in 8 bits, what each part of a model costs, and the choice under a budget."""

import itertools
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from golden.model import checkpoint
from golden.quantise import calibrate, choose, source
from golden.quantise.parts import bits_restored, parts
from golden.quantise.quantised import QuantisedTransformer, load_quantised, norm_shift
from golden.quantise.report import decibels, report, shares
from golden.quantise.sensitivity import sensitivity
from golden.spec.precision import group_names
from golden.spec.validation import ConfigError
from sim import seed as seeds
from tests.golden.small_model import SMALL, images, measured, small_float

GROUP = "blocks.1.hidden"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small tensors are faster so, and a busy machine slows them less."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def spoiled():
    """A model of which one layer suffers most from 4 bits, and the sensitivity of all its parts."""
    model, steps, trial = measured(small_float("blocks.1.expand"))
    return model, steps, trial, sensitivity(model, steps, trial)


# --- clipping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9])
def test_a_percentile_clips_what_it_says(percentile):
    values = torch.randn(3, 20000)
    step = calibrate.Clipping(method="percentile", percentile=percentile).steps(values, (-7, 7))
    beyond = (values.abs() > 7 * step[:, None]).float().mean(1)
    assert torch.allclose(beyond, torch.full((3,), 1 - percentile / 100), atol=1.01 / 20000)


def test_minmax_clips_nothing_and_wastes_nothing():
    values = torch.randn(3, 200)
    assert torch.allclose(7 * calibrate.Clipping(method="minmax").steps(values, (-7, 7)), values.abs().amax(1))


def test_a_row_that_is_mostly_zero_keeps_a_step():
    values = torch.zeros(1, 5000)
    values[0, 0] = 3.5
    step = calibrate.Clipping(method="percentile", percentile=99.0).steps(values, (-7, 7))
    assert float(step) == 0.5


@pytest.mark.parametrize("choices,message", [
    ({"method": "best"}, "the clipping is 'best'; expected one of mse, percentile, minmax"),
    ({"percentile": 50}, "the percentile is 50; expected more than 50 and at most 100")])
def test_bad_clipping_is_refused(choices, message):
    with pytest.raises(ConfigError, match=message):
        calibrate.Clipping(**choices)


# --- 8-bit groups -------------------------------------------------------------------------------------------------


def test_an_8_bit_group_lies_on_8_bit_grids():
    """Balanced weights and a rectified int8 norm output behind that norm; everything else is as it was."""
    model = source.calibrated(small_float(), *images(1), groups=(GROUP,))
    seen = {}
    for number, block in enumerate(model.blocks):
        for name in ("query", "expand"):
            getattr(block, name).register_forward_hook(
                lambda layer, arguments, _, key=(number, name): seen.update({key: (layer, arguments[0])}))
    model(*calibrate.noisy(*images(2), SMALL.no_label))
    for (number, name), (layer, x) in seen.items():
        wide = (number, name) == (1, "expand")
        norm = getattr(model.blocks[number], "norm_hidden_step" if name == "expand" else "norm_attention_step")
        integers, weights = x / norm, layer.integer_weight()
        assert torch.allclose(integers, integers.round(), atol=1e-3)
        assert integers.min() >= 0 and (15.5 < integers.max() < 127.5 if wide else integers.max() < 15.5)
        assert (weights % 16 != 8).all() and weights.abs().max() <= 119 if wide else weights.abs().max() <= 7
        assert weights.abs().max() > 7 or not wide


def test_the_shift_of_an_8_bit_norm_is_in_whole_steps():
    model = source.calibrated(small_float(), *images(1), groups=(GROUP,))
    shift = torch.linspace(-1, 1, 50)
    wide, narrow = (norm_shift(model.blocks[n], "norm_hidden_step", shift) / model.blocks[n].norm_hidden_step
                    for n in (1, 0))
    assert torch.allclose(wide, wide.round(), atol=1e-4)
    assert torch.allclose(8 * narrow, (8 * narrow).round(), atol=1e-4)
    assert not torch.allclose(narrow, narrow.round(), atol=1e-2)


def test_an_8_bit_model_trains():
    model = source.calibrated(small_float(), *images(1), groups=group_names(SMALL))
    model(*calibrate.noisy(*images(2), SMALL.no_label)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_a_checkpoint_keeps_its_8_bit_groups(tmp_path):
    path = tmp_path / "quantised.safetensors"
    model = source.calibrated(small_float(), *images(1), groups=(GROUP, "blocks.0.attention"))
    checkpoint.save(path, source.quantised_checkpoint(model, images(2), {}))
    assert checkpoint.load(path).eight_bit == ("blocks.0.attention", GROUP)
    arguments = calibrate.noisy(*images(2), SMALL.no_label)
    assert torch.equal(load_quantised(path)(*arguments), model(*arguments))


def rewritten(path, **changes):
    """A checkpoint's file with another header; a value of None leaves the entry out."""
    made = source.quantised_checkpoint(source.calibrated(small_float(), *images(1)), images(2), {})
    checkpoint.save(path, made)
    with checkpoint.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["halftone"])
    header = {name: value for name, value in (header | changes).items() if value is not None}
    save_file(load_file(path), path, metadata={"halftone": json.dumps(header)})
    return path


def test_a_checkpoint_of_before_is_all_4_bit(tmp_path):
    assert checkpoint.load(rewritten(tmp_path / "old.safetensors", eight_bit=None)).eight_bit == ()


@pytest.mark.parametrize("names,message", [
    (["blocks.2.hidden"], "'blocks.2.hidden' is no group of layers that can be 8-bit; expected one of "
                          "blocks.0.attention, blocks.0.hidden, blocks.1.attention, blocks.1.hidden"),
    ("blocks.0.hidden", "eight_bit is 'blocks.0.hidden'; expected a list of names")])
def test_unknown_8_bit_groups_are_refused(tmp_path, names, message):
    with pytest.raises(checkpoint.CheckpointError, match=message):
        checkpoint.load(rewritten(tmp_path / "bad.safetensors", eight_bit=names))
    with pytest.raises(checkpoint.CheckpointError, match="is no group|a list of names"):
        QuantisedTransformer(SMALL, names)


def test_a_float_checkpoint_has_no_8_bit_groups(tmp_path):
    found = small_float()
    with pytest.raises(checkpoint.CheckpointError, match="a float checkpoint names 8-bit groups"):
        checkpoint.save(tmp_path / "bad.safetensors", checkpoint.Checkpoint(
            config=SMALL, kind="float", tensors=found.tensors, eight_bit=(GROUP,)))


# --- sensitivity --------------------------------------------------------------------------------------------------


def test_a_model_of_which_nothing_is_quantised_is_the_float_model():
    model, steps, trial = measured(small_float())
    with bits_restored(model) as found:
        for part in found.values():
            part.bits = None
        assert trial.damage(model) == (0, 0)
    assert trial.damage(model).velocity > 0


def test_every_part_does_damage_alone_and_less_in_8_bits(spoiled):
    """So none of them is a switch without effect."""
    _, _, _, found = spoiled
    names = set(found) - {"all"}
    assert len(names) == 14 * SMALL.blocks + 5 and all("spared" in found[name] for name in names)
    for name in names:
        damage = [found[name][bits]["velocity"] for bits in ("4", "8") if bits in found[name]]
        assert all(value > 0 for value in damage), name
        assert damage == sorted(damage, reverse=True), name
    assert {name for name in names if "8" not in found[name]} == {"blocks.0.probability", "blocks.1.probability"}
    assert {name for name in names if "4" not in found[name]} == {"pixels", "gain"}


def test_sensitivity_names_the_planted_layer(spoiled):
    _, _, _, found = spoiled
    weights = [name for name in found if name.startswith("blocks") and name.endswith(".weight")]
    assert max(weights, key=lambda name: found[name]["4"]["velocity"]) == "blocks.1.expand.weight"
    assert max(weights, key=lambda name: found[name]["spared"]["velocity"]) == "blocks.1.expand.weight"


def test_sensitivity_leaves_the_bits_as_they_were(spoiled):
    model, steps, trial, found = spoiled
    assert {part.bits for part in parts(model).values()} == {4, 8}
    steps.apply(model)
    assert trial.damage(model).rounded() == found["all"]


# --- choice -------------------------------------------------------------------------------------------------------


def additive(damages: dict, costs: dict):
    """Damage and cycles that add up."""
    total = sum(damages.values())
    return (lambda held: total - sum(damages[name] for name in held)), \
        (lambda held: 100 + sum(costs[name] for name in held))


def trap():
    """The group with the most for its cycles leaves no room for the one that removes the most."""
    return additive({"a": 6.0, "b": 10.0}, {"a": 5, "b": 10})


def test_an_exchange_leaves_the_trap_of_greed():
    found = choose.choose("ab", *trap(), 110)
    assert (found.eight_bit, found.cycles, found.damage) == (("b",), 110, 6.0)
    assert (found.cycles_before, found.damage_before) == (100, 16.0)


def test_without_exchanges_the_trap_is_seen(monkeypatch):
    monkeypatch.setattr(choose, "best_exchange", lambda *_: None)
    assert choose.choose("ab", *trap(), 110).eight_bit == ("a",)


def test_the_budget_holds_and_no_single_change_helps():
    generator = np.random.default_rng(seeds.seed())
    for _ in range(50):
        names = "abcdefg"
        damages, costs = ({name: value for name, value in zip(names, values, strict=True)} for values in
                          (generator.random(7).tolist(), generator.integers(1, 50, 7).tolist()))
        damage, cycles = additive(damages, costs)
        limit = 100 + int(generator.integers(0, 150))
        found = choose.choose(names, damage, cycles, limit)
        assert cycles(found.eight_bit) == found.cycles <= limit
        rest = set(names) - set(found.eight_bit)
        swaps = [(set(found.eight_bit) | {new}) - {old} for old, new in itertools.product(found.eight_bit, rest)]
        for other in [*swaps, *(set(found.eight_bit) | {new} for new in rest)]:
            assert cycles(other) > limit or damage(other) >= found.damage - 1e-12


def test_what_does_not_help_is_not_chosen():
    assert choose.choose("ab", *additive({"a": -1.0, "b": 1.0}, {"a": 0, "b": 0}), 100).eight_bit == ("b",)


def test_a_budget_below_4_bits_is_refused():
    with pytest.raises(ConfigError, match="the budget is 99 cycles; expected at least the 100 that 4 bits take"):
        choose.choose("ab", *trap(), 99)


def test_the_planted_layers_group_is_chosen(spoiled):
    """With room for one group of four, and for the groups of a model, not of functions."""
    model, steps, trial, _ = spoiled
    precisions = choose.Precisions(model, steps, trial)
    found = choose.choose(precisions.groups, precisions.damage, lambda held: 100 + 10 * len(held), 110)
    single = {name: trial.damage(precisions.with_groups((name,))).velocity for name in precisions.groups}
    assert found.eight_bit == (GROUP,) and found.damage == single[GROUP] == min(single.values())
    assert found.damage < 0.9 * found.damage_before
    model.widen(())


# --- report -------------------------------------------------------------------------------------------------------


def test_shares_are_counted_by_the_integer_that_a_value_rounds_to():
    x = torch.tensor([-0.6, -0.24, 0.0, 0.24, 0.26, 3.7, 3.8, 9.0])
    assert shares(x, torch.tensor(0.5), (0, 7)).tolist() == [3, 3, 8]
    assert (decibels(100.0, 1.0), decibels(1.0, 0.0), decibels(0.0, 1.0)) == (20.0, None, None)


def test_report_shows_the_layer_that_was_spoiled():
    """A step that is 20 times too small clips; one that is 100 times too large makes zeros; no layer before suffers."""
    model, steps, trial = measured(small_float())
    steps.apply(model)
    plain = source.float_model(small_float())
    before = report(model, plain, trial)
    model.blocks[1].value.weight_step.data /= 20
    model.blocks[1].hidden_step.data *= 100
    after = report(model, plain, trial)
    value, contract = "blocks.1.value", "blocks.1.contract"
    assert before[value]["weights_clipped"] < 0.2 and after[value]["weights_clipped"] > 0.6
    assert after[value]["signal_to_noise_db"] < 6 < before[value]["signal_to_noise_db"]
    assert before[contract]["operand_zero"] < 0.8 and after[contract]["operand_zero"] == 1
    earlier = [name for name in before if name.startswith(("convolution", "blocks.0", "blocks.1.query"))]
    assert len(earlier) == 8 and all(after[name] == before[name] for name in earlier)


def test_reported_noise_is_the_difference_of_the_outputs():
    model, steps, trial = measured(small_float())
    steps.apply(model)
    plain = source.float_model(small_float())
    noisy = trial.inputs[0]
    exact, found = plain.convolution(plain.patch_terms(noisy)), model.convolution(model.patch_terms(noisy))
    ratio = 10 * torch.log10(exact.square().sum() / (found - exact).square().sum()).detach()
    figures = report(model, plain, trial)["convolution"]
    assert figures["signal_to_noise_db"] == pytest.approx(float(ratio), rel=1e-4)
    assert (figures["bits"], figures["operand_zero"]) == (8, None)
